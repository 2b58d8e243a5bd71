"""SRT and WebVTT as other programs read them, here pysubs2."""

import html

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.transcripts.subtitles import Cue, cues_of
from bookmarkai_assets.core.transcripts.subtitles_formats import to_srt, to_webvtt
from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech
from bookmarkai_assets.core.transcripts.transcript import Transcript
from tests.support.transcripts import A_MOMENT, HOSTILE, SCRIPTS, orderly_transcripts, plain_words, segment, transcript

HOUR = 3_600_000

# pysubs2 takes any line with two times in it for the times of a cue, with or without an arrow; browsers do not.
readable_words = [clean_speech(word) for word in (*HOSTILE, *SCRIPTS) if word != A_MOMENT]
hostile_transcripts = orderly_transcripts(words=st.one_of(plain_words, st.sampled_from(readable_words)))


def read(text: str, form: str) -> list[Cue]:
    """Parse a subtitle file with pysubs2, which marks line breaks its own way."""
    events = pysubs2.SSAFile.from_string(text, format_=form)
    return [Cue(event.start, event.end, tuple(event.text.split("\\N"))) for event in events]


@given(hostile_transcripts)
def test_webvtt_comes_back_as_it_was(spoken: Transcript) -> None:
    """Every cue keeps its times and lines, whatever was said, and markup is read as text."""
    cues = cues_of(spoken)
    found = read(to_webvtt(cues, languages=("en",)), "vtt")
    assert [Cue(cue.start, cue.end, tuple(map(html.unescape, cue.lines))) for cue in found] == list(cues)


@given(hostile_transcripts)
def test_srt_comes_back_as_it_was(spoken: Transcript) -> None:
    """Every cue keeps its times and lines; what a player would interpret becomes look-alikes and is not dropped."""
    cues = cues_of(spoken)
    look_alikes = str.maketrans("<>{}", "‹›()")  # noqa: RUF001 - meant
    expected = [
        Cue(cue.start, cue.end, tuple(line.replace("-->", "→").translate(look_alikes) for line in cue.lines))
        for cue in cues
    ]
    assert read(to_srt(cues), "srt") == expected


def test_srt_has_the_expected_bytes() -> None:
    """SRT has numbers from 1, a comma before the milliseconds, a blank line after each cue, and no byte order mark."""
    cues = (Cue(0, 1500, ("Boil the pasta", "<i>softly</i> --> {\\an8}")), Cue(HOUR + 61_007, HOUR + 62_100, ("עוגה",)))
    assert to_srt(cues) == (
        "1\n00:00:00,000 --> 00:00:01,500\nBoil the pasta\n‹i›softly‹/i› → (\\an8)\n\n"  # noqa: RUF001 - meant
        "2\n01:01:01,007 --> 01:01:02,100\nעוגה\n\n"  # noqa: RUF001 - Hebrew
    )


def test_webvtt_has_the_expected_bytes() -> None:
    """WebVTT has the signature, the language as a note, a point before milliseconds, and escaped markup and arrows."""
    cues = (Cue(0, 1500, ("Salt & pepper", "<i>softly</i> -->")), Cue(HOUR + 61_007, HOUR + 62_100, ("עוגה",)))
    assert to_webvtt(cues, languages=("pt-BR",)) == (
        "WEBVTT\n\nNOTE\nLanguage: pt-BR\n\n"
        "00:00:00.000 --> 00:00:01.500\nSalt &amp; pepper\n&lt;i&gt;softly&lt;/i&gt; --&gt;\n\n"
        "01:01:01.007 --> 01:01:02.100\nעוגה\n\n"  # noqa: RUF001 - Hebrew
    )


@pytest.mark.parametrize("language", [None, "", "en\n\n00:00.000 --> 00:09.000\nspam", "klingon-", "english (maybe)"])
def test_an_invalid_language_tag_is_left_out(language: str | None) -> None:
    """A row of the gateway may have anything as its language, and none of it gets into the file."""
    assert (
        to_webvtt((Cue(0, 1000, ("Hi",)),), languages=() if language is None else (language,))
        == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHi\n\n"
    )


def test_silence_is_a_file_without_cues() -> None:
    """For silence, SRT is empty and WebVTT has its signature and the language."""
    assert to_srt(()) == ""
    assert to_webvtt((), languages=("en",)) == "WEBVTT\n\nNOTE\nLanguage: en\n\n"


def test_a_hundred_hours_have_three_digits() -> None:
    """The hours grow, and nothing wraps around."""
    assert "100:00:00,000 --> 100:00:01,000" in to_srt((Cue(100 * HOUR, 100 * HOUR + 1000, ("Hi",)),))


def test_a_number_in_the_last_cue_is_read_back() -> None:
    """A number at the end of the file is kept, although readers look there for the next cue's number."""
    cues = cues_of(
        transcript(segment(0.0, 4.0, "and all of it together costs a bit more than, 42"), segment(9, 10, "7"))
    )
    assert read(to_srt(cues), "srt") == list(cues)
