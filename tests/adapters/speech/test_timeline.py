"""The times that engines report, put in order."""

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.adapters.speech.timeline import shift_segment, split_sentences, trim_segments
from bookmarkai_assets.core.transcripts.transcript import Segment, Word

times = st.floats(-5, 40, allow_nan=False)
words = st.builds(Word, times, times, st.just(" word"), st.just(0.9))
segments = st.lists(
    st.builds(
        Segment, times, times, st.sampled_from([" word", "", "  "]), st.just(-0.3), st.just(0.0), words=st.tuples(words)
    ),
    max_size=8,
)


@given(segments, st.floats(0.1, 30))
def test_whatever_an_engine_reports_the_times_are_in_order(found: list[Segment], duration_seconds: float) -> None:
    """Segments and words never go back, overlap or leave the sound, and segments without text are dropped."""
    ordered = trim_segments(found, duration_seconds)
    assert [segment.text for segment in ordered] == [segment.text for segment in found if segment.text.strip()]
    moments = [0.0, *(time for segment in ordered for time in (segment.start, segment.end)), duration_seconds]
    assert moments == sorted(moments)
    for segment in ordered:
        of_words = [segment.start, *(time for word in segment.words for time in (word.start, word.end)), segment.end]
        assert of_words == sorted(of_words)


def test_times_that_are_in_order_stay() -> None:
    """Times that are in order are not changed."""
    ordered = (
        Segment(0.5, 1.5, " One.", -0.1, 0.0, words=(Word(0.5, 1.4, " One.", 0.9),)),
        Segment(2, 3, " Two.", 0, 0),
    )
    assert trim_segments(ordered, 3.5) == ordered


def spoken(*texts: str) -> Segment:
    """Return a segment in which each word takes half a second."""
    words = tuple(Word(number / 2, (number + 1) / 2, text, 0.9) for number, text in enumerate(texts))
    return Segment(0.0, len(words) / 2, "".join(texts), -0.3, 0.1, 1.2, words)


def test_a_segment_is_divided_into_its_sentences() -> None:
    """A segment is divided after a full stop, also before a closing quote, and each sentence has its words' times."""
    segment = spoken(" It", " is.", " “No!”", " A", " 3.5", "%", " rise")
    sentences = list(split_sentences(segment))
    assert [sentence.text for sentence in sentences] == [" It is.", " “No!”", " A 3.5% rise"]
    assert [(sentence.start, sentence.end) for sentence in sentences] == [(0.0, 1.0), (1.0, 1.5), (1.5, 3.5)]
    assert {sentence.avg_logprob for sentence in sentences} == {-0.3}
    assert tuple(word for sentence in sentences for word in sentence.words) == segment.words


def test_a_segment_without_word_times_is_not_divided() -> None:
    """Without word times nobody can tell when the second sentence begins, so the segment stays whole."""
    segment = Segment(0, 3, " One. Two.", -0.3, 0.0)
    assert list(split_sentences(segment)) == [segment]


def test_a_segment_is_shifted_with_its_words() -> None:
    """All times of a segment and its words are shifted alike."""
    later = shift_segment(spoken(" It", " is."), 10)
    assert (later.start, later.end) == (10.0, 11.0)
    assert [(word.start, word.end) for word in later.words] == [(10.0, 10.5), (10.5, 11.0)]
