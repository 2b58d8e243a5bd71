"""A transcript's derived texts: the whole, the count and the preview."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.transcripts.transcript import PREVIEW_CHARACTERS, Segment, Transcript

sentences = st.lists(
    st.lists(st.text("abcäö字", min_size=1, max_size=12), min_size=1, max_size=9).map(" ".join), max_size=12
)


def make_transcript(*texts: str) -> Transcript:
    """Return a transcript of segments one second long."""
    segments = tuple(
        Segment(start=float(i), end=i + 1.0, text=text, avg_logprob=-0.3, no_speech_prob=0.0)
        for i, text in enumerate(texts)
    )
    return Transcript(
        engine="fake",
        model="fake-model",
        language="en",
        language_probability=1.0,
        duration_seconds=float(len(texts)),
        segments=segments,
        transcribe_seconds=0.1,
    )


def test_the_text_joins_the_segments_with_one_space() -> None:
    """Whisper's leading spaces do not double between segments or begin the text."""
    assert make_transcript(" Mix the flour.", " Bake it. ").text == "Mix the flour. Bake it."


def test_without_speech_all_is_empty() -> None:
    """A transcript without segments has an empty text, no words and an empty preview."""
    silent = make_transcript()
    assert (silent.text, silent.word_count, silent.preview) == ("", 0, "")


@given(sentences)
def test_words_are_counted_across_segments(texts: list[str]) -> None:
    """The count is the sum of the segments' words: joining neither splits nor merges any."""
    assert make_transcript(*texts).word_count == sum(len(text.split()) for text in texts)


@given(sentences)
def test_a_preview_is_whole_words_from_the_start(texts: list[str]) -> None:
    """A short text is its own preview; a long one's preview is its first whole words and a mark that there are more."""
    transcript = make_transcript(*texts)
    if len(transcript.text) <= PREVIEW_CHARACTERS:
        assert transcript.preview == transcript.text
    else:
        shown, mark = transcript.preview[:-2], transcript.preview[-2:]
        assert mark == " …"
        assert len(transcript.preview) <= PREVIEW_CHARACTERS
        assert shown.split() == transcript.text.split()[: len(shown.split())]
        assert len(shown) > PREVIEW_CHARACTERS - 16  # the mark, the longest word above, its space, and one cut short


@pytest.mark.parametrize("length", [PREVIEW_CHARACTERS, PREVIEW_CHARACTERS + 1, 5000])
def test_a_preview_stays_short_without_spaces(length: int) -> None:
    """A script that puts no spaces between words is cut at the limit."""
    preview = make_transcript("字" * length).preview
    assert preview.startswith("字" * (PREVIEW_CHARACTERS - 2))
    assert len(preview) == PREVIEW_CHARACTERS


def test_a_transcript_cannot_be_altered() -> None:
    """Two transcripts with the same content are equal, and can be dictionary keys."""
    assert make_transcript("a") == make_transcript("a")
    assert len({make_transcript("a"), make_transcript("a"), make_transcript("b")}) == 2
