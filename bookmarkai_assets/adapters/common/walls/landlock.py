"""Landlock: shut a process, and all that it will start, in to some files, one TCP port and its own processes.

Constants are from linux/landlock.h; the version is what Landlock calls its ABI.
"""

import ctypes
import os
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from stat import S_ISDIR

from bookmarkai_assets.adapters.common.walls.calls import system_call
from bookmarkai_assets.core.downloads.walls import Wall

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH, _RULE_PORT = 1, 2

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 10, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READING = _READ_FILE | _READ_DIR
# No device, socket or pipe is made in a directory, and no program that was written there is started.
_NEVER = _EXECUTE | _MAKE_CHAR | _MAKE_SOCK | _MAKE_FIFO | _MAKE_BLOCK | _IOCTL_DEV
# The rights over files that each version brought: 13, then renaming between directories, truncating, ioctl on devices.
_RIGHTS_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_BIND_TCP, _CONNECT_TCP = 1, 2
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2
_VERSION_OF_PORTS, _VERSION_OF_SCOPES = 4, 6
_U64_BYTES = 8
# What is written to these goes nowhere.
_DEVICES = (Path("/dev/null"), Path("/dev/full"))


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


class _PortRule(ctypes.Structure):
    _fields_ = (("rights", ctypes.c_uint64), ("port", ctypes.c_uint64))


def find_version() -> int:
    """Ask for Landlock's version, 0 if the kernel lacks it, has it switched off, or a container forbids the call."""
    with suppress(OSError):
        return system_call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION))
    return 0


def confine_files_and_ports(
    *,
    version: int,
    readable: Iterable[Path],
    writable: Path | None,
    port: int | None,
    starts_programs: bool,
) -> frozenset[Wall]:
    """Raise the walls that this version of Landlock has, and return them. `refuse_new_privileges` comes first.

    Paths that do not exist stay closed. Raises OSError if the kernel does not take a wall.
    """
    if version <= 0:
        return frozenset()
    rights = _RIGHTS_BY_VERSION[min(version, max(_RIGHTS_BY_VERSION))]
    has_ports, has_scopes = version >= _VERSION_OF_PORTS, version >= _VERSION_OF_SCOPES
    attributes = _Ruleset(
        rights,
        _BIND_TCP | _CONNECT_TCP if has_ports else 0,
        _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS if has_scopes else 0,
    )
    size = _U64_BYTES * (1 + has_ports + has_scopes)
    ruleset = system_call(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint(0))
    with ExitStack() as stack:
        stack.callback(os.close, ruleset)
        for path in readable:
            _allow(ruleset, path, rights & (_READING | (_EXECUTE if starts_programs else 0)))
        for device in _DEVICES:
            _allow(ruleset, device, rights & (_READ_FILE | _WRITE_FILE | _TRUNCATE))
        if writable is not None:
            _allow(ruleset, writable, rights & ~_NEVER)
        if has_ports and port is not None:
            _add_rule(ruleset, _RULE_PORT, _PortRule(_CONNECT_TCP, port))
        system_call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    standing = {Wall.FILES: True, Wall.CONNECTIONS: has_ports, Wall.SIGNALS: has_scopes}
    return frozenset(wall for wall, stands in standing.items() if stands)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FILE_RIGHTS
        _add_rule(ruleset, _RULE_PATH, _PathRule(rights, descriptor))
    finally:
        os.close(descriptor)


def _add_rule(ruleset: int, kind: int, rule: ctypes.Structure) -> None:
    system_call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(kind), ctypes.byref(rule), ctypes.c_uint(0))
