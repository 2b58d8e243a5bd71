"""Decode a sound in a process of its own: no byte of a stranger's file is decoded in this one."""

import json
import os
import signal
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bookmarkai_assets.adapters.common.processes.workers import WorkerEnd, Workers
from bookmarkai_assets.core.errors import TranscriptionError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.int16]

DECODING_PROGRAM = ("-m", "bookmarkai_assets.adapters.speech.decoding_child")
"""Python's arguments for the program that decodes."""

STALLED_SECONDS = 120.0
"""A process that neither decodes nor ends for so long hangs: the disk of its file does not answer."""

_READ_BYTES = 1_000_000
_SAMPLE_BYTES = 2
_WITHOUT_END = float("inf")  # a long sound is decoded while it is transcribed, which may take hours

_workers = Workers(*DECODING_PROGRAM)


def start_decoder() -> None:
    """Start the program that decodes, so that it is there when the first sound is. It ends with this process."""
    _workers.start()


@dataclass
class Decoding:
    """A sound that is decoded as it is read.

    `declared_seconds` is what its file says of its length, 0 if it says nothing. `left_out_seconds` is the sound that
    does not decode, or is due when other sound is already playing. It is complete when all samples are read.
    """

    audio: Path
    language: str | None = None
    declared_seconds: float = 0.0
    left_out_seconds: float = 0.0
    _is_cancelled: bool = False
    _waiting_since: float | None = None

    def samples(self) -> Generator["Samples"]:
        """Yield the samples, some at a time: one channel, 16,000 a second, 16 bits.

        Raises `TranscriptionError` if the file is missing, is not media, has no sound, or crashes its process.
        """
        import numpy as np  # noqa: PLC0415 - takes 0.1 s to import, and reading the settings does not need it

        reading, writing = os.pipe()
        with ThreadPoolExecutor(1, "decoding") as thread, open(reading, "rb") as stream, closing(self):  # noqa: PTH123 - a pipe
            running = thread.submit(self._run, writing)
            header = self._read(stream, line=True)
            self.declared_seconds = (json.loads(header)["declared_seconds"] or 0.0) if header.endswith(b"\n") else 0.0
            odd = b""
            while data := self._read(stream):
                data = odd + data
                count = len(data) // _SAMPLE_BYTES
                odd = data[count * _SAMPLE_BYTES :]
                yield np.frombuffer(data, "<i2", count)
            self._finish(running.result())

    def close(self) -> None:
        """End the process, if it still runs."""
        self._is_cancelled = True

    def _run(self, writing: int) -> WorkerEnd:
        job = json.dumps({"file": str(self.audio.resolve()), "language": self.language}).encode()
        try:
            return _workers.run(job, timeout_seconds=_WITHOUT_END, give_up=self._is_over, output=writing)
        finally:
            os.close(writing)  # only then the reader meets the end

    def _is_over(self) -> bool:
        since = self._waiting_since
        return self._is_cancelled or (since is not None and time.monotonic() - since > STALLED_SECONDS)

    def _read(self, stream: IO[bytes], *, line: bool = False) -> bytes:
        self._waiting_since = time.monotonic()
        try:
            return stream.readline() if line else stream.read(_READ_BYTES)
        finally:
            self._waiting_since = None

    def _finish(self, end: WorkerEnd) -> None:
        """Read what the process says at its end. Raises `TranscriptionError` if it did not get there."""
        if end.is_timed_out:
            raise TranscriptionError(
                f"expected the sound of {self.audio}, found that nothing was decoded for {STALLED_SECONDS:.0f} "
                "seconds; check the disk that it is on"
            )
        result = json.loads(end.output) if end.status == 0 else {"failed": _ending_of(end)}
        if "failed" in result:
            raise TranscriptionError(
                f"expected sound that decodes in {self.audio}, found that its decoder failed: {result['failed']}; look "
                "at the file: it may be broken on purpose"
            )
        if "unreadable" not in result:
            self.left_out_seconds = float(result["left_out_seconds"])
        elif result["unreadable"] is None:
            raise TranscriptionError(
                f"expected a sound track in {self.audio}, found none; transcribe only media that have sound"
            )
        else:
            raise TranscriptionError(
                f"expected an audio or video file at {self.audio}, found: {result['unreadable']}; fetch the media again"
            )


def _ending_of(end: WorkerEnd) -> str:
    if end.status is not None and end.status < 0:
        return signal.Signals(-end.status).name
    lines = _workers.stderr_tail().strip().splitlines() or ["it does not start"]
    return lines[-1]
