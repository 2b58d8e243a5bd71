"""What the rogue may try, and how it can be seen whether that succeeded."""

import errno
import platform
from collections.abc import Callable
from dataclasses import dataclass

from bookmarkai_assets.adapters.common.walls.calls import system_call
from bookmarkai_assets.adapters.common.walls.numbers import SYSTEM_CALLS
from bookmarkai_assets.core.downloads.walls import Wall

_FORBIDDEN = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})


@dataclass(frozen=True)
class Targets:
    """What the rogue finds: all of it was made for it, and nothing of it is its own but the working directory.

    `secret` is a file, `neighbour` another download's directory with a file `video.mp4`, `outside` a directory with the
    files `removed` and `taken`. There are listeners on `tcp_port` and `udp_port` of 127.0.0.1 and ::1, and at the unix
    sockets `stream` and `datagram`. `bystander` is a process of the same user, and `starter` the one that started it.
    """

    secret: str
    neighbour: str
    outside: str
    stream: str
    datagram: str
    abstract: str
    tcp_port: int
    udp_port: int
    bystander: int = 0
    starter: int = 0


@dataclass(frozen=True)
class Attempt:
    """One thing to try. `act` raises OSError if it is not let. `wall` should keep it from succeeding.

    Without walls it succeeds on any Linux, unless it `depends` on the machine: on root, or on what the kernel has.
    """

    name: str
    wall: Wall
    act: Callable[[Targets], object]
    depends: bool = False


def call(name: str, *arguments: object) -> int:
    """Make a system call by its name. Raises OSError, also if this architecture's numbers are not known."""
    numbers = SYSTEM_CALLS.get(platform.machine(), {})
    if name not in numbers:
        raise OSError(errno.ENOSYS, f"no number of {name} is known here")
    return system_call(numbers[name], *arguments)


def reach(name: str, *arguments: object) -> None:
    """Make a system call with arguments that do nothing. Raises OSError only if the call as such is forbidden."""
    try:
        call(name, *arguments)
    except OSError as error:
        if error.errno in _FORBIDDEN:
            raise
