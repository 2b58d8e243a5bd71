"""How the doctor assesses the transcript of its sample."""

from pathlib import Path

import pytest

from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.operations.health.speech_health import check_transcription
from tests.fakes.speech import FakeSpeechEngine, silence_bytes, speech_bytes

TEXT = "Boil the pasta in salted water."


@pytest.mark.parametrize(
    ("sound", "language", "status"),
    [
        (speech_bytes("boil the pasta in salted water"), None, CheckStatus.PASS),
        (speech_bytes("boil the pasta in salted"), "en", CheckStatus.PASS),
        (speech_bytes("oil the faster insulted water"), "en", CheckStatus.WARN),
        (speech_bytes("Koch die Nudeln"), "de", CheckStatus.PASS),
        (silence_bytes(), None, CheckStatus.FAIL),
    ],
)
def test_a_sample_is_checked_by_its_transcribed_words(
    tmp_path: Path, sound: bytes, language: str | None, status: CheckStatus
) -> None:
    """Most of the sample's words pass, few warn, none fails, and in another language they do not count."""
    sample = tmp_path / "sample"
    sample.write_bytes(sound)
    result = check_transcription(FakeSpeechEngine(), sample, TEXT, language=language)
    assert result.status is status
    assert (result.remedy is None) == (status is CheckStatus.PASS)
