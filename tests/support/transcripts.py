"""Transcripts for tests of what is derived from them: built by hand, hours long, or by Hypothesis."""

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from bookmarkai_assets.core.transcripts.transcript import Recipe, Segment, Transcript, Word

RECIPE = Recipe("faster-whisper", "1.2.1", "tiny.en", "ab" * 32, {"beam_size": 5, "task": "transcribe"})

A_MOMENT = "00:00:01.000"

HOSTILE = (
    "-->",
    A_MOMENT,
    "<b>bold</b>",
    "<script>alert(1)</script>",
    "{\\an8}",
    "&amp;",
    "42",
    "NOTE",
    "WEBVTT",
    "a\x00b\x1b[31mc",
    "line\r\n\r\nbreak\u2028",
    "\u202egnirts",
    "x" * 60,
)
"""Words that would break a subtitle file, or a terminal, if they were not escaped."""

SCRIPTS = (
    "cake",
    "Bake it.",
    "first, then;",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen",
    "今天我们来做一个蛋糕，这不是普通的。",  # noqa: RUF001 - Chinese
    "「ちょっと待って」",
    "สวัสดีครับวันนี้เราจะมาทำเค้ก",
    "안녕하세요",
    "שלום לכולם",
    "می\u200cخواهم",  # noqa: RUF001 - Persian
    "👨\u200d👩\u200d👧 🍰 🇩🇪",
    "e\u0301te\u0301",
)


def segment(start: float, end: float, text: str, words: Iterable[Word] = ()) -> Segment:
    """Return a segment with figures that raise no doubt."""
    return Segment(start, end, text, -0.25, 0.01, compression_ratio=1.2, words=tuple(words))


def transcript(*segments: Segment, language: str = "en", recipe: Recipe | None = RECIPE) -> Transcript:
    """Return a transcript of these segments, with a recipe."""
    return Transcript(
        engine="faster-whisper",
        model="tiny.en",
        language=language,
        language_probability=0.98,
        duration_seconds=max((one.end for one in segments), default=0.0),
        segments=segments,
        transcribe_seconds=0.5,
        recipe=recipe,
        audio_sha256="cd" * 32,
    )


def spoken(words: Sequence[str], *, begin: float = 0.0, seconds: float = 0.3, pause: float = 0.02) -> Segment:
    """Return a segment whose words last `seconds` each, `pause` apart."""
    timed = tuple(
        Word(begin + i * (seconds + pause), begin + i * (seconds + pause) + seconds, f" {word}", 0.9)
        for i, word in enumerate(words)
    )
    return segment(timed[0].start, timed[-1].end, "".join(word.text for word in timed), timed)


def hours_of_speech(hours: int) -> Transcript:
    """Return that many hours of nine words every three seconds, with the words' times."""
    words = ["Today", "we", "bake", "something,", "and", "it", "is", "rather", "good."]
    return transcript(*(spoken(words, begin=3.0 * i) for i in range(hours * 1200)))


plain_words = st.text("abcdefgäöü", min_size=1, max_size=12)
texts = st.lists(st.one_of(plain_words, st.sampled_from(SCRIPTS), st.sampled_from(HOSTILE)), max_size=25).map(" ".join)
moments = st.floats(0, 120)


@st.composite
def orderly_transcripts(draw: st.DrawFn, words: st.SearchStrategy[str] = plain_words) -> Transcript:
    """Segments one after the other, with words that have times."""
    segments, clock = [], 0.0
    for sentence in draw(st.lists(st.lists(words, min_size=1, max_size=30), max_size=8)):
        clock += draw(st.floats(0, 4))
        segments.append(
            spoken(sentence, begin=clock, seconds=draw(st.floats(0.01, 2.5)), pause=draw(st.floats(0, 0.5)))
        )
        clock = segments[-1].end
    return transcript(*segments)


@st.composite
def odd_transcripts(draw: st.DrawFn) -> Transcript:
    """Any text at any times: going back, all at once, infinite, with words that differ from the text."""
    times = st.one_of(moments, st.floats(), st.just(0.0))
    segments = [
        segment(
            draw(times),
            draw(times),
            text,
            [
                Word(draw(times), draw(times), f" {word}", 0.5)
                for word in draw(st.sampled_from([text.split(), ["other"], []]))
            ],
        )
        for text in draw(st.lists(st.one_of(texts, st.text(max_size=40)), max_size=6))
    ]
    return transcript(*segments)
