"""Makes the media of `tests/corpus/media.toml`, and finds out when their recordings are audible."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.demo.samples import SHORT_SAMPLES, Sample
from tests.support.composed_media import write_gaps
from tests.support.corpus import Case
from tests.support.wer import word_error_rate

RECORDINGS: Mapping[str, Sample] = {
    "a": next(sample for sample in SHORT_SAMPLES if sample.file == "desk-stretch.mp4"),
    "b": next(sample for sample in SHORT_SAMPLES if sample.file == "castle-view.mp4"),
}
"""The recordings that the cases name."""

WORD_SECONDS = 0.5
"""Whisper's own times of words are no better than this."""

WORD_ERROR_RATE = 0.25

Samples = npt.NDArray[np.int16]

_PICTURE = "-f lavfi -i testsrc=s=64x48:r=10"
_ENCODER = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"
_ENVELOPE = SAMPLES_PER_SECOND // 100
_SEARCHED = 50


def make_recordings(directory: Path) -> None:
    """Write the recordings as sound alone, without and with compression."""
    for name, sample in RECORDINGS.items():
        _ffmpeg(["-i", str(sample.path), f"{name}.wav"], directory)
        _ffmpeg(["-i", f"{name}.wav", "-c:a", "aac", f"{name}.m4a"], directory)


def make_media(case: Case, directory: Path, recordings: Path) -> Path:
    """Follow a case's steps in an empty directory, and return the file that is made last."""
    for recording in recordings.iterdir():
        shutil.copy(recording, directory)
    made = directory
    for step in case["make"]:
        words = step.format(a="a.wav", b="b.wav", p=_PICTURE, V=_ENCODER).replace("r=10=d=", "r=10:d=").split()
        made = _follow(words, directory)
    return made


def envelope_of(samples: Samples) -> npt.NDArray[np.float64]:
    """Return the loudness of each hundredth of a second."""
    windows = samples[: len(samples) // _ENVELOPE * _ENVELOPE].reshape(-1, _ENVELOPE).astype(np.float64)
    loudness: npt.NDArray[np.float64] = np.sqrt(np.square(windows).mean(axis=1))
    return loudness


def heard_at(sound: Samples, recording: Samples, at: float) -> tuple[float, float]:
    """Find a recording near a time in a sound, and return when it begins and how alike the two are (1 is the same)."""
    looked_for = envelope_of(recording)
    near = np.pad(envelope_of(sound), _SEARCHED)[round(at * 100) :][: len(looked_for) + 2 * _SEARCHED]
    near = np.pad(near, (0, len(looked_for) + 2 * _SEARCHED - len(near)))
    alike = [
        float(np.corrcoef(looked_for, near[lag : lag + len(looked_for)])[0, 1]) for lag in range(2 * _SEARCHED + 1)
    ]
    best = int(np.nanargmax(alike))
    return at + (best - _SEARCHED) / 100, alike[best]


def wrong_in(transcript: Transcript, case: Case, plain: Mapping[str, Transcript]) -> str | None:
    """Compare a transcript with what a case hears, given those of each recording alone. Return what is wrong."""
    if case.get("outcome") == "no_speech":
        return "there are words" if transcript.segments else None
    heard = case["hears"]
    if not heard:
        return None
    words = word_error_rate(" ".join(RECORDINGS[name].text for name, _ in heard), transcript.text)
    if words > case.get("word_error_rate", WORD_ERROR_RATE):
        return f"{words:.0%} of the words are wrong: {transcript.text}"
    (first, begin), (last, end) = heard[0], heard[-1]
    late = transcript.segments[0].start - begin - plain[first].segments[0].start
    too_long = transcript.segments[-1].end - end - plain[last].segments[-1].end
    if max(abs(late), abs(too_long)) > WORD_SECONDS:
        return f"the first word is {late:+.2f} s late, the last one {too_long:+.2f} s"
    return None


def play(file: Path) -> Samples:
    """Return the sound of a file as FFmpeg's own program plays it."""
    sound = ["-af", f"aresample={SAMPLES_PER_SECOND}:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "pipe:1"]
    # FFmpeg counts from the earliest of the tracks that it reads. A player reads all of them.
    arguments = [
        "-i",
        file.name,
        "-map",
        "0:a:0",
        *sound,
        "-map",
        "0:v?",
        "-map",
        "0:a",
        "-c",
        "copy",
        "-f",
        "null",
        "-",
    ]
    return np.frombuffer(_ffmpeg(arguments, file.parent), "<i2")


def _follow(words: list[str], directory: Path) -> Path:
    name, *arguments = words
    target = directory / arguments[0]
    match name:
        case "join":
            target.write_bytes(b"".join((directory / part).read_bytes() for part in arguments[1:]))
        case "keep":
            whole = (directory / arguments[1]).read_bytes()
            target.write_bytes(whole[: int(len(whole) * float(arguments[2]))])
        case "tail":
            target.write_bytes((directory / arguments[1]).read_bytes() + arguments[2].encode())
        case "gap":
            sounds = [directory / "a.m4a", directory / "b.m4a"]
            write_gaps(target, list(zip(sounds, map(float, arguments[1:]), strict=True)))
        case "subtitles":
            last = int(arguments[1])
            target.write_text(f"1\n00:00:00,000 --> 00:00:02,000\nOne\n\n2\n00:00:08,000 --> 00:00:{last},000\nTwo\n\n")
        case "chapters":
            end = int(arguments[1]) * 1000
            target.write_text(f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND={end}\ntitle=One\n")
        case _:
            _ffmpeg(words, directory)
            target = directory / words[-1]
    return target


def _ffmpeg(arguments: list[str], directory: Path) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-nostdin", "-v", "error", "-threads", "1", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout
