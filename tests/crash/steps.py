"""Durable steps: what an operation does that outlives its process, each with a name, and the kill at one of them.

Only a child process that is about to run one operation is patched, and no production code knows about it.
"""

import mmap
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any
from unittest.mock import patch

from bookmarkai_assets.adapters.catalog import OpenCatalog

_PACKAGE = "bookmarkai_assets."
_OPERATIONS = "bookmarkai_assets.operations."
# Helpers that everything passes through: their caller says more.
_NAMELESS = frozenset({"bookmarkai_assets.adapters.catalog.engine", "bookmarkai_assets.adapters.common.durable_files"})
_FRAMEWORK = frozenset(
    f"{_OPERATIONS}{name}"
    for name in ("media.in_parallel", "media.transfers", "shares.hold", "shares.leases", "shares.steps", "stores")
)
_INNER = re.compile(r"\.<\w+>")
_FILE_CALLS = ("fsync", "link", "unlink", "replace", "rename", "rmdir")

Choice = Callable[[str, int], bool]
"""Called at every durable step, with its name and its number from 1. Returns whether to kill here."""


class Journal:
    """Lines that a child writes and its parent reads, even when the child was killed between two of them."""

    def __init__(self, size_bytes: int = 1 << 21) -> None:
        self._memory = mmap.mmap(-1, size_bytes)
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Delete all lines."""
        self._memory[:8] = (8).to_bytes(8)

    def write(self, kind: str, text: str) -> None:
        """Add a line: a kind of one letter, and a text whose line breaks are escaped."""
        line = f"{kind}{text}".replace("\n", "\r").encode() + b"\n"
        with self._lock:
            end = int.from_bytes(self._memory[:8])
            self._memory[end : end + len(line)] = line
            self._memory[:8] = (end + len(line)).to_bytes(8)

    def read(self, kind: str) -> Iterator[str]:
        """Return the texts of one kind, in order."""
        content = self._memory[8 : int.from_bytes(self._memory[:8])].decode()
        for line in content.split("\n"):
            if line.startswith(kind):
                yield line[len(kind) :].replace("\r", "\n")


class Steps:
    """Counts and names the steps of one operation, and kills its process where `choose` says so."""

    def __init__(self, journal: Journal, choose: Choice) -> None:
        self._journal = journal
        self._choose = choose
        self._lock = threading.Lock()
        self._count = 0

    def step(self, primitive: str) -> None:
        """Report that something durable is about to be done or, where the primitive says "after", has been done."""
        name = _name_of(primitive, sys._getframe(1))
        with self._lock:
            self._count += 1
            self._journal.write("S", name)
            if self._choose(name, self._count):
                self._journal.write("K", name)
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def watching(self, catalog: OpenCatalog) -> Iterator[None]:
        """Intercept the calls that change files, and the catalog's commits, while the block runs."""
        with ExitStack() as stack:
            for call in _FILE_CALLS:
                stack.enter_context(patch.object(os, call, self._watched(call, getattr(os, call))))
            stack.enter_context(patch.object(os, "pwrite", self._torn(os.pwrite)))
            # A wait for a server to recover is not needed here.
            stack.enter_context(patch.object(time, "sleep", lambda _seconds: None))
            dialect = catalog.database.engine.dialect
            stack.enter_context(patch.object(dialect, "do_commit", self._committed(dialect.do_commit)))
            yield

    def _committed(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        def committed(connection: Any) -> None:
            self.step("commit before")
            original(connection)
            self.step("commit after")

        return committed

    def _watched(self, call: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            self.step(call)
            return original(*arguments, **options)

        return watched

    def _torn(self, original: Callable[[int, Any, int], int]) -> Callable[[int, Any, int], int]:
        def torn(descriptor: int, data: Any, offset: int, /) -> int:
            half = len(data) // 2
            written = original(descriptor, data[:half], offset)
            self.step("pwrite half done")
            return written + original(descriptor, data[half:], offset + half)

        return torn


def _name_of(primitive: str, frame: FrameType | None) -> str:
    """Return the primitive, the nearest function of the package, and the port's method and operation that called it."""
    chain: list[tuple[str, str]] = []
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_PACKAGE) and module not in _NAMELESS:
            # Comprehensions have frames of their own in some versions of Python only.
            chain.append((module, _INNER.sub("", frame.f_code.co_qualname)))
        frame = frame.f_back
    operations = [entry for entry in chain if entry[0].startswith(_OPERATIONS)]
    operation = next((entry for entry in operations if entry[0] not in _FRAMEWORK), next(iter(operations), None))
    adapters = []
    for entry in chain:
        if entry[0].startswith(_OPERATIONS):
            break
        adapters.append(entry)
    named = [*adapters[:1], *adapters[-1:], *([operation] if operation else [])]
    words = list(dict.fromkeys(name for _, name in named))
    return f"{primitive} in {' < '.join(words)}" if words else primitive
