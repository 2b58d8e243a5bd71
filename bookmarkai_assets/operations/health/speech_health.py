"""Whether the speech engine hears what is said in a sample. Which engine, and where its model is, is decided before."""

from pathlib import Path

from bookmarkai_assets.core.health import WELL_HEARD, CheckStatus, Finding, share_heard
from bookmarkai_assets.core.transcripts.ports import SpeechEngine

SAMPLE_LANGUAGE = "en"


def hear_sample(name: str, engine: SpeechEngine, sample: Path, text: str, *, language: str | None) -> Finding:
    """Have a sample transcribed in which `text` is said, in English. Raises what the engine raises.

    `language` is the one that is set; under another than English the words are not compared.
    """
    transcript = engine.transcribe(sample, language=language)
    took = f"{transcript.duration_seconds:.1f} s of speech in {transcript.transcribe_seconds:.1f} s"
    if not transcript.segments:
        return Finding(
            name,
            CheckStatus.FAIL,
            f"expected the words of a clear sample, heard nothing in {took}",
            "the model's files do not fit together, or the computation fails on this machine: try "
            "WHISPER_COMPUTE_TYPE=float32, then another WHISPER_MODEL",
        )
    if language not in {None, SAMPLE_LANGUAGE}:
        return Finding(
            name, CheckStatus.PASS, f"{took}; the sample is English and WHISPER_LANGUAGE={language}: not compared"
        )
    heard = share_heard(text, " ".join(segment.text for segment in transcript.segments))
    found = f"{took}, {heard:.0%} of the words heard"
    if heard < WELL_HEARD:
        return Finding(
            name,
            CheckStatus.WARN,
            f"{found}; expected {WELL_HEARD:.0%} at least",
            "set WHISPER_MODEL to a larger model, or WHISPER_COMPUTE_TYPE to a finer one, such as float32",
        )
    return Finding(name, CheckStatus.PASS, found)
