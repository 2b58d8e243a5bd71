"""The door: raise all the walls that this machine has around the process that asks."""

import sys
from contextlib import suppress

from bookmarkai_assets.adapters.common.walls.calls import refuse_new_privileges
from bookmarkai_assets.adapters.common.walls.landlock import confine_files_and_ports
from bookmarkai_assets.adapters.common.walls.numbers import CAPSET
from bookmarkai_assets.adapters.common.walls.privileges import drop_capabilities, find_capabilities
from bookmarkai_assets.adapters.common.walls.room import Kernel, Room
from bookmarkai_assets.adapters.common.walls.seccomp import confine_calls
from bookmarkai_assets.core.downloads.walls import Wall


def raise_walls(room: Room, kernel: Kernel) -> frozenset[Wall]:
    """Shut this process in to `room`, with all that it will start, and return the walls that stand.

    They last until the process ends. Call it before there are other threads. What the kernel does not take is not among
    those that stand.
    """
    standing: frozenset[Wall] = frozenset()
    if sys.platform != "linux":
        return standing
    with suppress(OSError):  # without this the kernel takes no wall, and none stands
        refuse_new_privileges()
    if kernel.machine in CAPSET:
        with suppress(OSError):  # a process that is not root has none
            drop_capabilities(kernel.machine, held=find_capabilities())
    with suppress(OSError):  # a limit of the kernel's; the wall does not stand then
        standing |= confine_files_and_ports(
            version=kernel.landlock_version,
            readable=room.readable,
            writable=room.writable,
            port=room.proxy_port,
            starts_programs=room.starts_programs,
        )
    with suppress(OSError):  # the same
        standing |= confine_calls(
            kernel.machine, has_sockets=room.proxy_port is not None, starts_programs=room.starts_programs
        )
    return standing
