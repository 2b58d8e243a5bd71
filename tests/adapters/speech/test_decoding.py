"""Sounds are decoded in processes of their own, and what goes wrong there stays there."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bookmarkai_assets.adapters.common.processes.workers import Workers
from bookmarkai_assets.adapters.speech import decoding
from bookmarkai_assets.adapters.speech.audio import chunks_of
from bookmarkai_assets.adapters.speech.decoding import Decoding
from bookmarkai_assets.core.errors import TranscriptionError
from tests.support.deadlines import HANG_SECONDS
from tests.support.sounds import RATE, noise, write_sound


@pytest.fixture
def misdeeds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Have the decoder's program do what a file's name says."""
    workers = Workers("-m", "tests.support.crashing_decoder")
    monkeypatch.setattr(decoding, "_workers", workers)
    yield workers
    workers.close()


def seconds_of(sound: Path) -> float:
    """Decode a sound, and return its length."""
    return sum(len(samples) for samples in Decoding(sound).samples()) / RATE


def open_files() -> int:
    """Count the open files of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("crash.wav", "SIGSEGV"),
        ("memory.wav", "MemoryError"),
        ("read.wav", "PermissionError"),
        ("connect.wav", "PermissionError"),
        ("start.wav", "PermissionError"),
        ("write.wav", "Permission denied|File too large"),  # the second where the kernel has no wall for files
    ],
)
@pytest.mark.usefixtures("misdeeds")
def test_a_file_that_breaks_its_decoder_fails_alone(tmp_path: Path, name: str, reason: str) -> None:
    """The error names the file, and others are decoded at the same time and afterwards."""
    bad, good = write_sound(tmp_path / name, noise(1)), write_sound(tmp_path / "good.wav", noise(3))
    with ThreadPoolExecutor(4) as threads:
        lengths = [threads.submit(seconds_of, good) for _ in range(3)]
        with pytest.raises(TranscriptionError, match=f"{name}.*{reason}"):
            seconds_of(bad)
        assert [length.result(HANG_SECONDS) for length in lengths] == [3.0] * 3
    assert seconds_of(good) == 3.0
    assert all(not stolen.stat().st_size for stolen in tmp_path.glob("stolen"))


def test_a_decoder_that_hangs_is_ended(tmp_path: Path, misdeeds: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits longer than the limit for a disk that does not answer."""
    monkeypatch.setattr(decoding, "STALLED_SECONDS", 0.5)
    with pytest.raises(TranscriptionError, match=r"hang\.wav.*nothing was decoded.*check the disk"):
        seconds_of(write_sound(tmp_path / "hang.wav", noise(1)))
    misdeeds.close()


def test_a_reader_that_stops_ends_the_process(tmp_path: Path) -> None:
    """A sound that is not read to its end leaves no process, thread or open file behind."""
    long, short = write_sound(tmp_path / "long.wav", np.tile(noise(10), 60)), write_sound(tmp_path / "s.wav", noise(1))
    seconds_of(short)
    before = threading.active_count(), open_files()
    for _ in range(3):
        with closing(chunks_of(long, chunk_seconds=2)) as chunks:
            assert next(chunks).start == 0.0
    assert (threading.active_count(), open_files()) == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory; fetch the media again"),
        (b"", "expected an audio or video file"),
        (b"\x00" * 5000, "expected an audio or video file"),
        (b"#EXTM3U\n#EXTINF:9,\n/etc/hostname\n", "expected an audio or video file"),
    ],
)
def test_a_file_that_is_no_sound_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """A missing file, an empty one and one that is no media are errors that name the file and say what to do."""
    if content is not None:
        (tmp_path / "sound.wav").write_bytes(content)
    with pytest.raises(TranscriptionError, match=rf"sound\.wav.*{reason}|{reason}.*sound\.wav"):
        seconds_of(tmp_path / "sound.wav")
