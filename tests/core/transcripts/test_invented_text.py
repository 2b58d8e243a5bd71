"""What Whisper writes where nobody speaks is recognised, and real speech is not taken for it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.transcripts.invented_text import is_invented
from bookmarkai_assets.core.transcripts.transcript import Segment, Transcript
from tests.support.catalog import transcript_of


def speech_of(*texts: str, seconds: float = 30.0, no_speech: float = 0.1, logprob: float = -0.4) -> Transcript:
    """Return a transcript of a sound of that length, in which each segment has these figures of the engine."""
    step = seconds / max(1, len(texts))
    segments = tuple(
        Segment(step * i, step * (i + 1), text, avg_logprob=logprob, no_speech_prob=no_speech)
        for i, text in enumerate(texts)
    )
    return replace(transcript_of(), duration_seconds=seconds, segments=segments)


SPOKEN = "Boil the pasta until it is just soft."


@pytest.mark.parametrize(
    "transcript",
    [
        speech_of(" Subtitles by the Amara.org community", seconds=4),
        speech_of("Untertitel im Auftrag des ZDF für funk, 2017", "Untertitelung des ZDF, 2020"),
        speech_of("Sous-titres réalisés para la communauté d'Amara.org"),
        speech_of("Субтитры сделал DimaTorzok", seconds=3),
        speech_of("字幕由Amara.org社区提供"),
        speech_of("Altyazı M.K."),  # noqa: RUF001 - Turkish
        speech_of("[Music]", " (upbeat music)", "♪♪♪", "* Applause *"),
        speech_of(" . . . .", "…"),
        speech_of(" You", seconds=20, no_speech=0.94, logprob=-0.78),
        speech_of(" Thank you.", seconds=20, no_speech=0.86, logprob=-0.83),
        speech_of(" Thanks for watching!", seconds=45),
        speech_of("İzlediğiniz için teşekkür ederim.", seconds=60),
        speech_of("ご視聴ありがとうございました", seconds=40),
        speech_of("Thank you so much for watching.", "Bye. Bye.", seconds=6, no_speech=0.8),
        speech_of("Thank you.", seconds=2, logprob=-1.3),
        speech_of("[Music]", "Thank you.", "Amara.org", seconds=60),
        speech_of(*["I'm sorry."] * 4, seconds=60, no_speech=0.8),
        speech_of(*["I'm sorry."] * 9, seconds=9, logprob=-1.2),
        speech_of("What it cannot have heard at all", "over noise", no_speech=0.7, logprob=-1.4),
        speech_of("Not a number", no_speech=0.7, logprob=float("nan")),
    ],
    ids=lambda transcript: transcript.text[:40],
)
def test_invented_text_is_recognised(transcript: Transcript) -> None:
    """Credits and notes always count as invented.

    Closing lines and one repeated line do when the sound is almost empty or doubtful.
    """
    assert is_invented(transcript)


@pytest.mark.parametrize(
    "transcript",
    [
        speech_of(),
        speech_of(SPOKEN),
        speech_of(SPOKEN, "Thanks for watching!", no_speech=0.8),
        speech_of("[Music]", SPOKEN),
        speech_of("(laughs) That is not what I said (laughs)"),
        speech_of("♪ Row, row, row your boat ♪"),
        speech_of("Thank you so much!", seconds=2),
        speech_of(*["Come here!"] * 4, seconds=60),
        speech_of(*["Row, row, row your boat."] * 8, seconds=20, no_speech=0.8),
        speech_of("You", "and", "me", seconds=5, no_speech=0.65),
        speech_of(SPOKEN, no_speech=0.9),
        speech_of(SPOKEN, logprob=-1.5),
    ],
    ids=lambda transcript: transcript.text[:40] or "nothing",
)
def test_spoken_text_is_kept(transcript: Transcript) -> None:
    """A closing line after a text or in a short video, a chorus, brackets around words, or one bad figure is kept."""
    assert not is_invented(transcript)


FIGURES = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.sampled_from([SPOKEN, "Thank you.", "you", "Amara.org", "[Music]", "((()", "*", "", "字幕由", "\ud800"])


@given(st.lists(st.tuples(TEXTS, FIGURES, FIGURES), max_size=8), st.floats(0, 1e6))
def test_one_confident_sentence_keeps_the_whole(parts: list[tuple[str, float, float]], seconds: float) -> None:
    """Whatever surrounds it, and with whatever figures, a sentence that the engine is sure of was said."""
    around = speech_of(*(text for text, _, _ in parts), seconds=seconds)
    odd = tuple(
        replace(segment, no_speech_prob=silent, avg_logprob=logprob)
        for segment, (_, silent, logprob) in zip(around.segments, parts, strict=True)
    )
    sure = Segment(0.0, 2.0, SPOKEN, avg_logprob=-0.3, no_speech_prob=0.05)
    assert not is_invented(replace(around, segments=(*odd, sure)))


@given(st.text(alphabet="()[]*♪ a", max_size=3000))
def test_no_text_takes_long_to_check(text: str) -> None:
    """Brackets of any number and order are read in one pass, so the answer comes whatever the text is."""
    assert is_invented(speech_of(text)) in {True, False}
