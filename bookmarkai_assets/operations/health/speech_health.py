"""Check that the speech engine hears what is said in a sample. The caller decides on the engine and its model."""

from pathlib import Path

from bookmarkai_assets.core.health import WELL_HEARD, CheckResult, CheckStatus, share_heard
from bookmarkai_assets.core.transcripts.ports import SpeechEngine

SAMPLE_LANGUAGE = "en"


def check_transcription(engine: SpeechEngine, sample: Path, text: str, *, language: str | None) -> CheckResult:
    """Transcribe a sample in which `text` is said, in English. Raises what the engine raises.

    `language` is the language in the settings. If it is set and not English, the words are not compared.
    """
    transcript = engine.transcribe(sample, language=language)
    took = f"{transcript.duration_seconds:.1f} s of speech in {transcript.transcribe_seconds:.1f} s"
    if not transcript.segments:
        return CheckResult(
            CheckStatus.FAIL,
            f"expected the words of a clear sample, heard nothing in {took}",
            "the model's files do not fit together, or the computation fails on this machine: try "
            "WHISPER_COMPUTE_TYPE=float32, then another WHISPER_MODEL",
        )
    if language not in {None, SAMPLE_LANGUAGE}:
        return CheckResult(
            CheckStatus.PASS, f"{took}; the sample is English and WHISPER_LANGUAGE={language}: not compared"
        )
    heard = share_heard(text, " ".join(segment.text for segment in transcript.segments))
    found = f"{took}, {heard:.0%} of the words heard"
    if heard < WELL_HEARD:
        return CheckResult(
            CheckStatus.WARN,
            f"{found}; expected {WELL_HEARD:.0%} at least",
            "set WHISPER_MODEL to a larger model, or WHISPER_COMPUTE_TYPE to a finer one, such as float32",
        )
    return CheckResult(CheckStatus.PASS, found)
