"""The reading rules: how long a line is, how long a cue stays, and that no text is lost."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.transcripts.subtitles import (
    MAX_COLUMNS,
    MAX_LINES,
    MAX_MILLISECONDS,
    MIN_GAP_MILLISECONDS,
    MIN_MILLISECONDS,
    Cue,
    cues_of,
    has_times,
)
from bookmarkai_assets.core.transcripts.subtitles_formats import to_srt, to_webvtt
from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech, width_of
from bookmarkai_assets.core.transcripts.subtitles_timing import SLOWEST_COLUMNS_PER_SECOND
from bookmarkai_assets.core.transcripts.transcript import Transcript, Word
from tests.support.transcripts import (
    hours_of_speech,
    odd_transcripts,
    orderly_transcripts,
    segment,
    transcript,
)

any_transcripts = st.one_of(orderly_transcripts(), odd_transcripts())


def joined_lines(*cues: Cue) -> str:
    """Join all lines without any space."""
    return "".join("".join(cue.lines) for cue in cues).replace(" ", "")


@given(any_transcripts)
def test_no_text_is_lost(spoken_before: Transcript) -> None:
    """All characters of all segments are shown in order, whatever their times are."""
    spoken = "".join(clean_speech(one.text) for one in spoken_before.segments).replace(" ", "")
    assert joined_lines(*cues_of(spoken_before)) == spoken


@given(any_transcripts)
def test_a_cue_is_two_lines_of_42_columns_at_most(spoken_before: Transcript) -> None:
    """No line is empty or too wide, however long a word is."""
    for cue in cues_of(spoken_before):
        assert 1 <= len(cue.lines) <= MAX_LINES
        for line in cue.lines:
            assert line.strip() == line != ""
            assert width_of(line) <= MAX_COLUMNS


@given(any_transcripts)
def test_cues_stay_a_second_at_least_and_seven_at_most(spoken_before: Transcript) -> None:
    """Only a cue that the next one follows at once is shorter, and none takes no time."""
    cues = cues_of(spoken_before)
    for cue, following in zip(cues, [*cues, None][1:], strict=True):
        assert 0 < cue.end - cue.start <= MAX_MILLISECONDS
        assert cue.end - cue.start >= MIN_MILLISECONDS or (following and cue.end == following.start)


@given(any_transcripts)
def test_cues_never_overlap_and_never_flicker(spoken_before: Transcript) -> None:
    """Two cues either touch, or are 80 ms apart."""
    for cue, following in pairwise(cues_of(spoken_before)):
        assert following.start == cue.end or following.start - cue.end >= MIN_GAP_MILLISECONDS


@given(orderly_transcripts())
def test_words_are_whole_and_on_time(spoken_before: Transcript) -> None:
    """A word that fits on a line is never divided, and a cue begins with its first word."""
    cues = cues_of(spoken_before)
    words = [word for one in spoken_before.segments for word in one.words]
    assert [word for cue in cues for line in cue.lines for word in line.split()] == [
        word.text.strip() for word in words
    ]
    at = 0
    for cue in cues:
        assert cue.start == round(words[at].start * 1000)
        at += sum(len(line.split()) for line in cue.lines)


@given(st.lists(st.sampled_from(["wort", "x" * 42, "kuchen,"]), min_size=1, max_size=60), st.floats(1, 40))
def test_a_segment_without_words_is_spread_by_its_characters(words: list[str], seconds: float) -> None:
    """Each cue begins at its fraction of the characters, and none is slower than anybody speaks."""
    text = " ".join(words)
    spoken_for = min(seconds, len(text) / SLOWEST_COLUMNS_PER_SECOND)
    letters = len(text.replace(" ", ""))
    before = 0
    for cue in cues_of(transcript(segment(10.0, 10.0 + seconds, text))):
        assert cue.start == pytest.approx(10_000 + spoken_for * 1000 * before / letters, abs=1)
        before += len(joined_lines(cue))


def test_a_long_sentence_breaks_where_sense_allows() -> None:
    """Cues end with sentences and clauses near the middle, and so do lines, or both are about as long."""
    text = (
        "Today we're going to bake a cake, and it's not going to be just any cake. First you take 250 grams of flour; "
        "then everything else goes into the same large bowl and is stirred for several minutes."
    )
    assert [cue.lines for cue in cues_of(transcript(segment(0.0, 16.0, text)))] == [
        ("Today we're going to bake a cake,", "and it's not going to be just any cake."),
        ("First you take 250 grams of flour;", "then everything else goes"),
        ("into the same large bowl", "and is stirred for several minutes."),
    ]


def test_short_segments_are_shown_together() -> None:
    """A segment shorter than a second is shown with the next one; after a silence it is alone and stays a second."""
    spoken = transcript(segment(0, 0.3, "Yes."), segment(0.3, 1.4, "No, wait."), segment(5.0, 5.2, "Go!"))
    assert cues_of(spoken) == (Cue(0, 1400, ("Yes. No, wait.",)), Cue(5000, 6000, ("Go!",)))


def test_a_sentence_continues_over_a_segments_end() -> None:
    """Whisper's windows end anywhere, so a cue need not end before the last word of a sentence."""
    spoken = transcript(
        segment(0.0, 3.0, "Salt and a little yeast, and stir until no dry flour is"),
        segment(3.0, 6.0, "left. Cover the bowl with a towel and leave it on the kitchen table overnight."),
        segment(6.0, 8.0, "Tomorrow, bake it"),
        segment(8.0, 10.0, "With a pot."),
    )
    assert [cue.lines for cue in cues_of(spoken)] == [
        ("Salt and a little yeast,", "and stir until no dry flour is left."),
        ("Cover the bowl with a towel and leave", "it on the kitchen table overnight."),
        ("Tomorrow, bake it",),
        ("With a pot.",),
    ]


def test_a_silence_ends_a_cue() -> None:
    """A silence within a segment, as its word times show it, ends a cue too, so that no text waits for the next."""
    words = [Word(0.0, 0.5, " Wait", 0.9), Word(0.5, 1.0, " for", 0.9), Word(4.0, 4.5, " it.", 0.9)]
    cues = cues_of(transcript(segment(0.0, 4.5, " Wait for it.", words)))
    assert cues == (Cue(0, 1000, ("Wait for",)), Cue(4000, 5000, ("it.",)))


def test_a_cue_stays_until_it_is_read() -> None:
    """Quick speech is shown for longer where there is room: 17 columns a second, up to 1.5 s after the speech."""
    text = "a quick brown fox jumps over a lazy dog."
    alone, crowded, endless = (
        cues_of(transcript(segment(0.0, 1.2, text), *after))[0].end
        for after in ((), (segment(2.0, 3.0, "And on."),), (segment(90.0, 91.0, "And on."),))
    )
    assert (alone, crowded, endless) == (40 * 1000 // 17, 1920, 40 * 1000 // 17)
    assert cues_of(transcript(segment(0.0, 0.2, f"{text} {text}")))[0].end == 1700


def test_a_short_text_over_a_long_silence_is_shown_at_its_beginning() -> None:
    """Whisper's segments may last far longer than their speech, and the text is not stretched over them."""
    assert cues_of(transcript(segment(30.0, 60.0, "Thank you."))) == (Cue(30_000, 32_000, ("Thank you.",)),)


def test_words_that_differ_from_the_text_give_no_times() -> None:
    """Where a segment's words differ from its text, the text is shown over the segment's time."""
    cues = cues_of(transcript(segment(1.0, 2.5, "What was said.", [Word(50.0, 60.0, " other", 0.9)])))
    assert cues == (Cue(1000, 2500, ("What was said.",)),)


def test_words_without_leading_spaces_match_the_text() -> None:
    """Only letters are compared, because some write words without Whisper's leading space."""
    words = [Word(3.0, 3.5, "What", 0.9), Word(9.0, 9.5, "now?", 0.9)]
    cues = cues_of(transcript(segment(0.0, 10.0, "What now?", words)))
    assert [(cue.start, cue.lines) for cue in cues] == [(3000, ("What",)), (9000, ("now?",))]


def test_a_number_is_not_alone_on_a_line() -> None:
    """Some readers of SRT would take it for the number of the next cue."""
    [cue] = cues_of(transcript(segment(0.0, 4.0, "and all of it together costs a bit more than, 42")))
    assert not any(line.isdecimal() for line in cue.lines)


def test_one_word_and_no_word() -> None:
    """A single word is a cue; silence, white space and control characters are none."""
    assert cues_of(transcript(segment(0.0, 0.4, "Hi"))) == (Cue(0, 1000, ("Hi",)),)
    assert cues_of(transcript()) == ()
    assert cues_of(transcript(segment(0.0, 1.0, " \x00\n\x1b "))) == ()


def test_times_are_known_when_any_segment_has_one() -> None:
    """A text without times is not ours, and silence needs no times."""
    assert has_times(transcript(segment(0.0, 0.0, "a"), segment(0.0, 2.0, "b")))
    assert not has_times(transcript(segment(0.0, 0.0, "a")))
    assert has_times(transcript())


def test_three_hours_are_laid_out_quickly() -> None:
    """3,600 segments with 32,400 words take well under a second to both formats; the limit is for slow machines."""
    long = hours_of_speech(3)
    began = time.process_time()
    cues = cues_of(long)
    assert to_srt(cues)
    assert to_webvtt(cues, languages=("en",))
    assert time.process_time() - began < 2.0
    assert cues[-1].end == pytest.approx(3 * 3_600_000, abs=3000)
