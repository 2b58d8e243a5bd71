"""What the walls around a process cost: the time to raise them, and a system call behind them.

    python bench/walls.py [ROUNDS]

Each round forks a process, as a download's, and raises the walls there. The median, the fastest and the slowest round
are printed, then how many of the rogue's attempts succeed behind no wall, each kind of wall, and all of them.
"""

import os
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bookmarkai_assets.adapters.common.walls.raising import raise_walls
from bookmarkai_assets.adapters.common.walls.readable import find_readable
from bookmarkai_assets.adapters.common.walls.room import Kernel, Room
from bookmarkai_assets.adapters.downloader.child import room_of
from bookmarkai_assets.adapters.downloader.rogue.program import ATTEMPTS
from bookmarkai_assets.adapters.downloader.rogue.trial import try_walls

_ROUNDS = 200
_CALLS = 20_000
_KERNEL = Kernel.of_this_machine()
_BARE = Kernel(landlock_version=0, machine="")


def main() -> None:
    """Print the figures."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    with tempfile.TemporaryDirectory() as directory:
        download = room_of(Path(directory), "http://127.0.0.1:9")
        decoder = Room(readable=(*find_readable(has_programs=False), Path(__file__)))
        for name, room in (("a download's walls", download), ("a decoder's walls", decoder)):
            show(name, [in_fork(partial(raising_seconds, room)) for _ in range(rounds)])
        for name, kernel in (("a system call without walls", _BARE), ("a system call behind them", _KERNEL)):
            show(name, [in_fork(partial(call_seconds, download, kernel)) for _ in range(rounds // 10)])
    for name, kernel in (
        ("Landlock alone", Kernel(_KERNEL.landlock_version, machine="")),
        ("seccomp alone", Kernel(0, _KERNEL.machine)),
        ("both", _KERNEL),
    ):
        trial = try_walls(kernel)
        print(f"{name}: {len(trial.walled)} of {len(ATTEMPTS)} attempts succeed; {len(trial.unwalled)} without walls")


def raising_seconds(room: Room) -> float:
    """Return the seconds that it takes to raise the walls."""
    return seconds_of(lambda: raise_walls(room, _KERNEL))


def seconds_of(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def call_seconds(room: Room, kernel: Kernel) -> float:
    """Return the seconds of one cheap system call."""
    raise_walls(room, kernel)
    return seconds_of(lambda: [os.getppid() for _ in range(_CALLS)]) / _CALLS


def in_fork(measure: Callable[[], float]) -> float:
    """Measure in a forked process, which walls do not leave."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, struct.pack("d", measure()))
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    seconds: float = struct.unpack("d", os.read(reading, 8))[0]
    os.close(reading)
    return seconds


def show(name: str, seconds: list[float]) -> None:
    """Print the median, the fastest and the slowest in microseconds."""
    micro = [1e6 * one for one in seconds]
    print(f"{name}: {statistics.median(micro):.2f} µs ({min(micro):.2f} to {max(micro):.2f}, {len(micro)} rounds)")


if __name__ == "__main__":
    main()
