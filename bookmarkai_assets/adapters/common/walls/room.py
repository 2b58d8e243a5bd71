"""What stays open to a process behind walls, and what its kernel has to build them with."""

import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bookmarkai_assets.adapters.common.walls.landlock import find_version


@dataclass(frozen=True)
class Room:
    """What a process may still do.

    It may read what is at or below `readable`, and start programs from there if `starts_programs`. It may do anything
    with files below `writable`. It may connect to one TCP port, `proxy_port`; without one it gets no sockets at all.
    """

    readable: tuple[Path, ...]
    writable: Path | None = None
    proxy_port: int | None = None
    starts_programs: bool = False


@dataclass(frozen=True)
class Kernel:
    """What a kernel offers: the version of its Landlock (0: none), and the processor's architecture."""

    landlock_version: int
    machine: str

    @classmethod
    def of_this_machine(cls) -> Self:
        """Ask the kernel that runs this."""
        if sys.platform != "linux":
            return cls(landlock_version=0, machine="")
        return cls(landlock_version=find_version(), machine=platform.machine())
