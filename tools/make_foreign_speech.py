"""Make the recordings in `tests/samples`. Run this when their texts change.

From the checkout: `python -m tools.make_foreign_speech`. Needs Debian's `espeak-ng` and `ffmpeg`. The files in the
repository were made with eSpeak NG 1.51 and ffmpeg 5.1.9.
"""

import tempfile
from pathlib import Path

from tests.support.foreign_speech import GERMAN, SPANISH, ForeignSpeech
from tools.make_samples import AUDIO_BITS_PER_SECOND, run

PITCHES = {GERMAN: 40, SPANISH: 45}


def main() -> None:
    """Write every recording to where the tests expect it."""
    for speech in (GERMAN, SPANISH):
        make(speech)


def make(speech: ForeignSpeech) -> None:
    """Speak a text and encode it."""
    with tempfile.TemporaryDirectory() as directory:
        spoken = Path(directory) / "speech.wav"
        voice = ["-v", speech.voice, "-s", str(speech.words_per_minute), "-p", str(PITCHES[speech])]
        run("espeak-ng", *voice, "-w", str(spoken), speech.text)
        run(
            "ffmpeg", "-v", "error", "-y", "-i", str(spoken),
            "-c:a", "aac", "-b:a", str(AUDIO_BITS_PER_SECOND), "-ac", "1",
            "-flags:a", "+bitexact", "-fflags", "+bitexact", "-map_metadata", "-1", "-movflags", "+faststart",
            str(speech.path),
        )  # fmt: skip


if __name__ == "__main__":
    main()
