"""Give up root's privileges in a process that runs as root, as in many containers."""

import ctypes
from collections.abc import Set as AbstractSet

from bookmarkai_assets.adapters.common.walls.calls import system_call
from bookmarkai_assets.adapters.common.walls.numbers import CAPSET

# From linux/capability.h. A worker's directories may belong to another user, so root keeps what it may do with files;
# Landlock narrows that.
_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
KEPT = frozenset({_DAC_OVERRIDE, _DAC_READ_SEARCH})


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def drop_capabilities(machine: str, *, held: AbstractSet[int]) -> None:
    """Keep of the capabilities `held` those in `KEPT`. Raises OSError if the kernel does not take them."""
    bits = sum(1 << number for number in held & KEPT)
    effective, permitted, inheritable = bits, bits, 0
    data = (ctypes.c_uint32 * 6)(effective, permitted, inheritable, 0, 0, 0)
    system_call(CAPSET[machine], ctypes.byref(_Header(_VERSION_3, 0)), data)


def find_capabilities() -> frozenset[int]:
    """Read the numbers of the capabilities that this process has."""
    with open("/proc/self/status") as file:  # noqa: PTH123 - as any file of /proc
        permitted = next((line.split()[1] for line in file if line.startswith("CapPrm:")), "0")
    return frozenset(number for number in range(64) if int(permitted, 16) >> number & 1)
