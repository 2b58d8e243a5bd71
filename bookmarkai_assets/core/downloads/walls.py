"""The walls around a process that reads what strangers sent: what each keeps from it, and what it needs of the system.

`adapters/common/walls` raises them.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum


class WallsPolicy(StrEnum):
    """The values of `DOWNLOAD_WALLS`: what happens to downloads where a wall cannot be raised."""

    BEST = "best"
    REQUIRED = "required"


class Wall(StrEnum):
    """One wall. Its value is its name for an operator."""

    FILES = "files"
    CONNECTIONS = "connections"
    SIGNALS = "signals"
    CALLS = "system calls"


@dataclass(frozen=True)
class WallFacts:
    """What a wall keeps from a process, and what it needs."""

    keeps: str
    needs: str


WALLS: dict[Wall, WallFacts] = {
    Wall.FILES: WallFacts(
        keeps="reading and writing files outside of its own directory, this program and the system's libraries",
        needs="Linux 5.13 with Landlock",
    ),
    Wall.CONNECTIONS: WallFacts(
        keeps="TCP connections to any port but the egress guard's", needs="Linux 6.7 with Landlock"
    ),
    Wall.SIGNALS: WallFacts(
        keeps="signals to processes that are not its own, and their abstract sockets", needs="Linux 6.12 with Landlock"
    ),
    Wall.CALLS: WallFacts(
        keeps="every other kind of socket, and calls to leave its group, to trace and to change what is not its own",
        needs="Linux on x86_64 or aarch64, with seccomp filters",
    ),
}


def missing_walls(standing: AbstractSet[Wall]) -> tuple[Wall, ...]:
    """Return the walls that do not stand, in order."""
    return tuple(wall for wall in Wall if wall not in standing)


def describe_missing(missing: tuple[Wall, ...]) -> str:
    """Say which walls are missing and what each needs."""
    listed = "; ".join(f"{wall} (needs {WALLS[wall].needs})" for wall in missing)
    return f"expected all walls around the process of a download, found none for: {listed}"


HOW_TO_GET_WALLS = (
    "run the workers on a kernel that has what is missing, with landlock among its security modules (lsm=), in a "
    "container whose seccomp profile allows Landlock's three calls, as Docker's does"
)
"""What to do about missing walls."""
