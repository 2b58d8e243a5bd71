"""A file's sound as every engine here wants it: one channel, 16,000 samples a second. PyAV decodes: no ffmpeg program.

What is speech in it is `voice`'s question; what is said, the engines'.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.core.errors import TranscriptionError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SAMPLES_PER_SECOND = 16_000
"""What Whisper was trained on."""


@dataclass(frozen=True)
class Sound:
    """What was read of a file: its samples, -1 to 1, and the SHA-256 of the file itself."""

    samples: "npt.NDArray[np.float32]"
    sha256: str

    @property
    def duration_seconds(self) -> float:
        """The sound's length."""
        return len(self.samples) / SAMPLES_PER_SECOND


def read_sound(audio: Path) -> Sound:
    """Decode one file of any container and codec that FFmpeg reads.

    Raises:
        TranscriptionError: The file is missing, is no media, or has no sound that decodes.
    """
    import av.error
    from faster_whisper.audio import decode_audio

    try:
        samples: npt.NDArray[np.float32] = decode_audio(str(audio), sampling_rate=SAMPLES_PER_SECOND)
    except IndexError as error:  # how PyAV says that a container has no first audio stream
        raise TranscriptionError(
            f"expected a sound track in {audio}, found none; transcribe only media that have sound"
        ) from error
    except av.error.FFmpegError as error:
        raise TranscriptionError(
            f"expected an audio or video file at {audio}, found: {error.strerror}; fetch the media again"
        ) from error
    if not len(samples):  # frames that do not decode are skipped without a word
        raise TranscriptionError(f"expected sound in {audio}, found a track in which nothing decodes; fetch it again")
    with audio.open("rb") as file:
        return Sound(samples, hashlib.file_digest(file, "sha256").hexdigest())
