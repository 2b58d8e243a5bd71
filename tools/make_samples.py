"""Make the sample videos in `bookmarkai_assets/demo/media`. Run this when their texts change.

From the checkout: `python -m tools.make_samples`. Needs Debian's `espeak-ng` and `ffmpeg`, which the package itself
does not need at run time. With the same versions of both it writes the same bytes again. The files in the repository
were made with eSpeak NG 1.51 and ffmpeg 5.1.9.
"""

import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.demo.samples import BROKEN_SAMPLE, GOOD_SAMPLES, Sample

PICTURE_SIZE = "180x320"  # portrait, as phones share it
FRAMES_PER_SECOND = 12
AUDIO_BITS_PER_SECOND = 24_000  # low, but tests/demo/test_samples.py checks that the words survive it
PAUSE_SECONDS = 0.3
KEPT_OF_BROKEN = 0.6  # after the header, far before the index at the end


@dataclass(frozen=True)
class Voice:
    """How one sample is spoken, and the colours of its picture. `pitch` is espeak-ng's, 0 to 99."""

    name: str
    words_per_minute: int
    pitch: int
    colours: tuple[str, str]


VOICES: dict[str, Voice] = {
    "lemon-pasta.mp4": Voice("en-gb", 150, 45, ("0xf4d35e", "0x2a9d8f")),
    "morning-tram.mp4": Voice("en-us", 150, 50, ("0xffb703", "0x023047")),
    "house-plants.mp4": Voice("en-us+m3", 150, 40, ("0x95d5b2", "0x1b4332")),
    "desk-stretch.mp4": Voice("en-029", 150, 40, ("0xcdb4db", "0x3a0ca3")),
    "slow-coffee.mp4": Voice("en-gb-x-rp", 145, 40, ("0xddb892", "0x3c2415")),
    "bike-check.mp4": Voice("en-us+f2", 145, 50, ("0x90e0ef", "0xd00000")),
    "castle-view.mp4": Voice("en-us+f3", 150, 55, ("0xadb5bd", "0x370617")),
    "country-bread.mp4": Voice("en-gb-x-rp", 160, 45, ("0xe9c46a", "0x6f1d1b")),
    "cut-short.mp4": Voice("en-us", 150, 50, ("0x6c757d", "0x000000")),
}


def main() -> None:
    """Write every sample beside the list that names it."""
    for sample in GOOD_SAMPLES:
        make(sample, movflags=["-movflags", "+faststart"])
    # Without faststart the index is at the end of the file, and a file that is cut short has none.
    make(BROKEN_SAMPLE, movflags=[])
    whole = BROKEN_SAMPLE.path.read_bytes()
    BROKEN_SAMPLE.path.write_bytes(whole[: int(len(whole) * KEPT_OF_BROKEN)])
    total_bytes = 0
    for sample in (*GOOD_SAMPLES, BROKEN_SAMPLE):
        total_bytes += sample.path.stat().st_size
        sys.stdout.write(f"{sample.path.stat().st_size:>8} bytes  {sample.file}\n")
    sys.stdout.write(f"{total_bytes:>8} bytes in all\n")


def make(sample: Sample, *, movflags: Sequence[str]) -> None:
    """Speak the sample's text and add a moving picture. `movflags` go to ffmpeg's mp4 writer."""
    voice = VOICES[sample.file]
    first, second = voice.colours
    picture = (
        f"gradients=size={PICTURE_SIZE}:rate={FRAMES_PER_SECOND}:c0={first}:c1={second}:n=2:x0=0:y0=0:x1=180:y1=320"
        ":speed=0.02:seed=1"
    )
    with tempfile.TemporaryDirectory() as directory:
        speech = Path(directory) / "speech.wav"
        run(
            "espeak-ng",
            "-v",
            voice.name,
            "-s",
            str(voice.words_per_minute),
            "-p",
            str(voice.pitch),
            "-w",
            str(speech),
            sample.text,
        )
        run(
            "ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-i", str(speech),
            "-af", f"apad=pad_dur={PAUSE_SECONDS}", "-t", f"{seconds_of(speech) + PAUSE_SECONDS:.3f}",
            "-c:v", "libx264", "-preset", "veryslow", "-crf", "36", "-pix_fmt", "yuv420p", "-threads", "1", "-g", "240",
            "-c:a", "aac", "-b:a", str(AUDIO_BITS_PER_SECOND), "-ac", "1",
            "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-fflags", "+bitexact", "-map_metadata", "-1",
            *movflags, str(sample.path),
        )  # fmt: skip


def seconds_of(speech: Path) -> float:
    """Return the length of a WAV file in seconds."""
    with wave.open(str(speech)) as audio:
        frames, frames_per_second = audio.getnframes(), audio.getframerate()
    return float(frames / frames_per_second)


def run(*command: str) -> None:
    """Run one program. Its output stays visible, and a failure ends the script."""
    subprocess.run(command, check=True)  # noqa: S603 - fixed programs, arguments from the list above


if __name__ == "__main__":
    main()
