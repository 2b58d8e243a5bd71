"""When a transcript is doubted: each rule at its limit, and never for a text that reads as people speak."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity, in_words
from bookmarkai_assets.core.transcripts.quality import (
    DEFAULT_LIMITS,
    assess,
    compression_ratio,
    covered_seconds,
    find_doubts,
    longest_loop,
    units_of,
)
from bookmarkai_assets.core.transcripts.transcript import Segment, Transcript
from bookmarkai_assets.demo.samples import LONG_SAMPLE
from tests.support.catalog import transcript_of

SENTENCES = LONG_SAMPLE.text.split(". ")
GOOD = replace(
    transcript_of(),
    duration_seconds=30.0,
    speech_seconds=28.0,
    segments=tuple(
        Segment(
            4.0 * i, 4.0 * i + 4.0, f" {segment_of}.", avg_logprob=-0.25, no_speech_prob=0.61, compression_ratio=1.73
        )
        for i, segment_of in enumerate(SENTENCES)
    ),
)
"""Seven sentences in 28 seconds, with figures that tiny.en gave for them."""


def doubts_in(transcript: Transcript, hint: str | None = None) -> dict[DoubtKind, Doubt]:
    """Assess a transcript and return its doubts by kind."""
    return {doubt.kind: doubt for doubt in find_doubts(transcript, hinted_language=hint)}


def segment_of(
    text: str, seconds: float, *, ratio: float = 0.0, silent: float = 0.1, logprob: float = -0.3
) -> Transcript:
    """Return a transcript of one segment of that length."""
    segment = Segment(0.0, seconds, text, logprob, silent, ratio)
    return replace(GOOD, duration_seconds=seconds, speech_seconds=None, segments=(segment,))


@pytest.mark.parametrize("hint", [None, "en"])
def test_a_plain_transcript_is_not_doubted(hint: str | None) -> None:
    """Sentences at the pace of speech, in the hinted language, with text for all speech, have no doubt."""
    assert find_doubts(GOOD, hinted_language=hint) == ()
    assert assess(GOOD, hinted_language=hint) == GOOD


def test_an_empty_transcript_says_that_nobody_speaks() -> None:
    """That is its only doubt: no text has a rate, a language or a confidence."""
    empty = replace(GOOD, segments=(), speech_seconds=0.0, language="cy", language_probability=0.0)
    assert doubts_in(empty, "en").keys() == {DoubtKind.NO_SPEECH}


def test_invented_text_is_dropped_and_reported() -> None:
    """The transcript keeps no segment, and its only doubt shows what was dropped."""
    invented = segment_of(" Thank you.", 20.0, silent=0.86, logprob=-0.83)
    found = assess(invented, hinted_language="de")
    assert (found.segments, found.text) == ((), "")
    [doubt] = found.doubts
    assert (doubt.kind, doubt.severity, doubt.figure) == (DoubtKind.NO_SPEECH, Severity.WARN, 2.0)
    assert "made up was dropped: “Thank you.”" in doubt.words


@pytest.mark.parametrize(
    ("text", "is_loop"),
    [
        ("no " * 9, False),
        ("no " * 10, True),
        ("Row, row, row your boat, gently down the stream. " * 3, False),
        ("Row, row, row your boat, gently down the stream! " * 4, True),
        ("one two three four five " * 2 + "six " + "one two three four five " * 2, False),
        ("哈" * 9, False),
        ("今天天气很好" * 4, True),
        ("ขอบคุณครับ" * 4, True),
        (LONG_SAMPLE.text, False),
    ],
)
def test_a_phrase_said_again_and_again_is_a_loop(text: str, is_loop: bool) -> None:
    """A loop is four times in a row and ten words or characters, without anything in between."""
    assert (longest_loop(units_of(text)[1]) is not None) == is_loop


def test_a_loop_names_its_phrase_and_its_fraction_of_the_text() -> None:
    """It is an error when it is most of the text, and a warning when it is less."""
    looped = segment_of("Hello there. " + "and then " * 6, 8.0)
    doubt = doubts_in(looped)[DoubtKind.REPETITION_LOOP]
    assert (doubt.severity, doubt.figure, doubt.limit) == (Severity.ERROR, 12.0, 10.0)
    assert doubt.words == "6 times in a row, 12 of 14 words: “and then”"
    longer = replace(looped, segments=(*looped.segments, *GOOD.segments))
    assert doubts_in(longer)[DoubtKind.REPETITION_LOOP].severity is Severity.WARN


@pytest.mark.parametrize(("ratio", "is_doubted"), [(2.4, False), (2.41, True), (math.nan, False)])
def test_the_engines_compression_ratio_has_whispers_threshold(ratio: float, is_doubted: bool) -> None:
    """Above 2.4 the window repeats itself, even where the text has no verbatim loop."""
    transcript = segment_of(LONG_SAMPLE.text, 28.0, ratio=ratio)
    assert (DoubtKind.REPETITION_LOOP in doubts_in(transcript)) == is_doubted


def test_a_missing_ratio_is_computed_from_the_text() -> None:
    """It is computed as Whisper does: bytes of the text divided by bytes after zlib."""
    repeated = "".join(f"{i} green bottles hanging on the wall, and if one should fall. " for i in range(9))
    assert compression_ratio(repeated) > 2.4
    assert DoubtKind.REPETITION_LOOP in doubts_in(segment_of(repeated, 40.0))
    assert compression_ratio("") == 0.0


@pytest.mark.parametrize(
    ("words", "seconds", "is_doubted"),
    [(25, 10, False), (70, 10, False), (71, 10, True), (3, 10, False), (2, 10, True), (2, 4, False), (36, 0, True)],
)
def test_an_impossible_rate_of_words_is_doubted(words: int, seconds: int, is_doubted: bool) -> None:
    """More than 7 words a second, or fewer than 0.3 where there is text, is a doubt, but not over a few seconds."""
    transcript = segment_of(" ".join(f"word{i}" for i in range(words)), float(seconds))
    assert (DoubtKind.IMPLAUSIBLE_RATE in doubts_in(transcript)) == is_doubted


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("今日はとても天気が良いですね", "characters"),
        ("สวัสดีครับวันนี้อากาศดีมาก", "characters"),
        ("안녕하세요 오늘 날씨가 좋네요", "words"),
        ("Wie geht es dir heute?", "words"),
        ("我们去 Starbucks 买咖啡吧好不好呢今天", "characters"),
        ("", "words"),
    ],
)
def test_languages_without_spaces_are_counted_by_characters(text: str, unit: str) -> None:
    """The unit follows the script of most of the text, whatever the language is called."""
    assert units_of(text)[0].unit == unit


def test_japanese_at_the_pace_of_speech_is_plausible() -> None:
    """Seven characters a second are speech and sixteen are not, although counted as words either would be doubted."""
    text = "今日はとても天気が良いですねあしたはどうでしょうかもうすぐ春が来て花がさきます"
    assert doubts_in(segment_of(text, len(text) / 7)) == {}
    assert DoubtKind.IMPLAUSIBLE_RATE in doubts_in(segment_of(text * 3, len(text * 3) / 16))


def test_each_language_has_a_pace_of_its_own() -> None:
    """English and then Japanese: together they are too many words or characters for neither; a burst in one is seen."""
    japanese = "今日はとても天気が良いですねあしたはどうでしょうか" * 2
    english = tuple(replace(one, language="en") for one in GOOD.segments)
    spoken = Segment(28.0, 35.0, japanese, -0.3, 0.1, language="ja")
    mixed = replace(GOOD, segments=(*english, spoken), speech_seconds=None)
    assert doubts_in(mixed) == {}
    burst = replace(mixed, segments=(*english, replace(spoken, end=30.0, text=japanese * 2)))
    doubt = doubts_in(burst)[DoubtKind.IMPLAUSIBLE_RATE]
    assert (doubt.severity, doubt.limit) == (Severity.ERROR, 15.0)


def test_a_hinted_language_that_is_only_a_part_is_a_warning() -> None:
    """The transcript is in the hinted language where that was heard; what it says of the rest is not in doubt."""
    german = tuple(replace(one, language="de") for one in GOOD.segments[:5])
    english = tuple(replace(one, language="en") for one in GOOD.segments[5:])
    mixed = replace(GOOD, language="de", language_probability=0.93, segments=(*german, *english))
    doubt = doubts_in(mixed, "en")[DoubtKind.UNEXPECTED_LANGUAGE]
    assert doubt.severity is Severity.WARN
    assert doubt.words == "en was expected, de was heard with a probability of 0.93; en is 29% of the speech"
    assert doubts_in(mixed, "de") == {}


def test_another_language_than_the_hinted_one_is_doubted() -> None:
    """The doubt is an error and names both languages, and without a hint any language is accepted."""
    german = replace(GOOD, language="de", language_probability=0.93)
    doubt = doubts_in(german, "en")[DoubtKind.UNEXPECTED_LANGUAGE]
    assert (doubt.severity, doubt.figure) == (Severity.ERROR, 0.93)
    assert doubt.words == "en was expected, de was heard with a probability of 0.93"
    assert doubts_in(german) == {}


@pytest.mark.parametrize(("probability", "is_doubted"), [(0.0003, True), (0.09, True), (0.1, False), (1.0, False)])
def test_an_unlikely_hint_is_doubted(probability: float, is_doubted: bool) -> None:
    """An engine with a hint writes that language whatever it hears, so the language's probability decides."""
    found = doubts_in(replace(GOOD, language_probability=probability), "en")
    assert list(found) == [DoubtKind.UNEXPECTED_LANGUAGE] * is_doubted


def test_an_uncertain_language_is_doubted() -> None:
    """Below 0.5, at which faster-whisper itself listens to more of the sound, it is a warning."""
    doubt = doubts_in(replace(GOOD, language_probability=0.49))[DoubtKind.LOW_CONFIDENCE]
    assert (doubt.severity, doubt.figure, doubt.limit) == (Severity.WARN, 0.49, 0.5)
    assert doubts_in(replace(GOOD, language_probability=0.5)) == {}


@pytest.mark.parametrize(
    ("long", "short", "is_doubted"),
    [(-0.9, -3.0, False), (-1.1, -0.1, True), (-1.0, -1.0, False), (math.nan, -0.1, True)],
)
def test_confidence_is_weighted_by_time(long: float, short: float, is_doubted: bool) -> None:
    """Thirty bad seconds are not outweighed by one good one, nor the other way round."""
    parts = (replace(GOOD.segments[0], end=30.0, avg_logprob=long), Segment(30.0, 31.0, " Yes.", short, 0.1))
    found = doubts_in(replace(GOOD, segments=parts, speech_seconds=None)).get(DoubtKind.LOW_CONFIDENCE)
    assert (found is not None and found.severity is Severity.ERROR) == is_doubted


@pytest.mark.parametrize(
    ("speech", "severity"),
    [(None, None), (28.0, None), (39.4, None), (39.5, Severity.WARN), (58.9, Severity.ERROR), (math.inf, None)],
)
def test_speech_without_text_is_doubted(speech: float | None, severity: Severity | None) -> None:
    """More than ten seconds and a quarter of the speech must lack text; without a figure for speech no doubt arises."""
    doubt = doubts_in(replace(GOOD, speech_seconds=speech, duration_seconds=3600.0)).get(DoubtKind.NOT_COVERED)
    assert (doubt.severity if doubt else None) == severity


def test_pauses_between_sentences_are_no_gap() -> None:
    """Two seconds of pause after each sentence are no gap, but half of the sentences left out are."""
    apart = tuple(replace(one, start=one.start * 1.5, end=one.start * 1.5 + 4) for one in GOOD.segments)
    slow = replace(GOOD, segments=apart, speech_seconds=42.0)
    assert doubts_in(slow) == {}
    assert DoubtKind.NOT_COVERED in doubts_in(replace(slow, segments=apart[:3]))


def test_a_voice_without_any_words_is_reported() -> None:
    """A song in which the engine found no words is no speech, and the voice is reported as a warning."""
    sung = replace(GOOD, segments=(), speech_seconds=25.0)
    assert list(doubts_in(sung)) == [DoubtKind.NO_SPEECH, DoubtKind.NOT_COVERED]
    assert "it may be singing" in in_words(find_doubts(sung, hinted_language=None))


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
TIMES = st.floats(0, 1e5)
SEGMENTS = st.builds(
    lambda start, length, *rest: Segment(start, start + length, *rest),
    TIMES,
    TIMES,
    st.text(max_size=40) | st.sampled_from([" Thank you.", "la " * 50, "Amara.org"]),
    NUMBERS,
    NUMBERS,
    NUMBERS,
)
TRANSCRIPTS = st.builds(
    lambda segments, duration, speech, probability: replace(
        GOOD,
        segments=tuple(segments),
        duration_seconds=duration,
        speech_seconds=speech,
        language_probability=probability,
    ),
    st.lists(SEGMENTS, max_size=6),
    TIMES,
    st.none() | NUMBERS,
    NUMBERS,
)


@given(TRANSCRIPTS, st.sampled_from([None, "en", "de"]))
def test_any_transcript_is_assessed(transcript: Transcript, hint: str | None) -> None:
    """Each kind of doubt comes at most once and in order, figures fit in JSON, and a second pass changes nothing."""
    found = assess(transcript, hinted_language=hint)
    kinds = [doubt.kind for doubt in found.doubts]
    assert kinds == [kind for kind in DoubtKind if kind in kinds]
    for doubt in found.doubts:
        assert doubt.words
        assert all(number is None or math.isfinite(number) for number in (doubt.figure, doubt.limit))
    assert found.segments in {(), transcript.segments}
    assert (DoubtKind.NO_SPEECH in kinds) == (not found.segments)
    if found.segments:
        # As text, because a figure may be no number, and from Python 3.13 on that differs from itself in a dataclass.
        assert repr(assess(found, hinted_language=hint)) == repr(found)


@given(st.lists(st.sampled_from("abc"), max_size=80))
def test_a_reported_loop_is_in_the_text(units: list[str]) -> None:
    """Its phrase is in the text as often in a row as it says."""
    loop = longest_loop(units)
    if loop is not None:
        assert loop.times >= DEFAULT_LIMITS.loop_repeats
        assert "".join(loop.phrase) * loop.times in "".join(units)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.integers(4, 9), st.lists(st.sampled_from("xyz")))
def test_a_phrase_repeated_anywhere_is_found(phrase: list[str], times: int, before: list[str]) -> None:
    """A loop is found whatever comes before it, as long as it has ten units."""
    loop = longest_loop([*before, *phrase * times])
    assert (loop is not None) or len(phrase) * times < 10
    if loop is not None:
        assert loop.units > len(phrase) * (times - 1)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=10))
def test_covered_time_counts_once(intervals: list[tuple[int, int]]) -> None:
    """Overlapping segments count once: the result is the number of seconds within any segment."""
    segments = [Segment(float(a), float(a + n), "", 0.0, 0.0) for a, n in intervals]
    assert covered_seconds(segments) == len({second for a, n in intervals for second in range(a, a + n)})
