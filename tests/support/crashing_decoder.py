"""The program that decodes, with misdeeds for some file names: `python -m tests.support.crashing_decoder`."""

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from bookmarkai_assets.adapters.speech import decoding_child

_decode: Any = vars(decoding_child)["_write_samples"]


def _misdeed(file: Path, language: str | None) -> object:
    if "crash" in file.name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "memory" in file.name:
        bytearray(2 * 1024**3)
    if "write" in file.name:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        file.with_name("stolen").write_bytes(b"x")
    if "read" in file.name:
        file.with_name("good.wav").read_bytes()
    if "connect" in file.name:
        socket.socket()
    if "start" in file.name:
        os.execv(sys.executable, [sys.executable, "--version"])  # noqa: S606 - it must not start
    if "hang" in file.name:
        os.write(sys.stdout.fileno(), b"{")
        signal.pause()
    return _decode(file, language)


if __name__ == "__main__":
    vars(decoding_child)["_write_samples"] = _misdeed
    decoding_child.main()
