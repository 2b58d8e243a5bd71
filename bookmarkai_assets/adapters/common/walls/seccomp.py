"""Seccomp: a filter that the kernel runs at each system call of a process and of all that it will start.

It closes what Landlock does not see: every socket that is not plain TCP, calls that reach other processes, and calls
that change a file without opening it. What is closed answers with an error, as on a system that does not have it.
"""

import ctypes
import errno
import socket
import struct

from bookmarkai_assets.adapters.common.walls.calls import process_control
from bookmarkai_assets.adapters.common.walls.numbers import AUDIT_ARCHITECTURE, SYSTEM_CALLS
from bookmarkai_assets.core.downloads.walls import Wall

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

# The kernel's small language of filters, from linux/bpf_common.h and linux/seccomp.h: an operation, how many steps to
# skip if its comparison is true, how many if not, and its operand.
Step = tuple[int, int, int, int]
_LOAD, _IS_EQUAL, _IS_AT_LEAST, _HAS_BITS, _MASK, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_BIT = 0x40000000

_TYPE_BITS = 0xF  # the others are SOCK_CLOEXEC and SOCK_NONBLOCK
_MSG_FASTOPEN = 0x20000000
_TCP_FASTOPEN, _TCP_FASTOPEN_CONNECT, _TCP_ULP = 23, 30, 31
_NAMESPACES = 0x7E020000  # mount, cgroup, UTS, IPC, user, PID, network

_OF_OTHER_PROCESSES = (
    *("setsid", "setpgid", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "process_madvise"),
    *("kcmp", "migrate_pages", "move_pages", "shmget", "shmat", "semget", "msgget", "mq_open"),
)
_OF_THE_SYSTEM = (
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen"),
    *("mount_setattr", "bpf", "perf_event_open", "userfaultfd", "fanotify_init", "keyctl", "add_key", "request_key"),
    *("open_by_handle_at", "personality", "init_module", "finit_module", "delete_module", "kexec_load"),
    *("kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "iopl", "ioperm"),
)
# Landlock does not see these. Nothing that a download or a decoder has to do needs them.
_OF_FILES = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "truncate"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat", "utime", "utimes", "futimesat", "utimensat"),
)
_OF_SERVERS = ("bind", "listen")
# They would do the rest without these calls, or take their flags from behind a pointer. Programs fall back to others.
_UNKNOWN = ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def confine_calls(machine: str, *, has_sockets: bool, starts_programs: bool) -> frozenset[Wall]:
    """Put the filter around this process, and return its wall. `refuse_new_privileges` comes first.

    Returns nothing on an architecture whose numbers are not known. Raises OSError if the kernel does not take it.
    """
    if machine not in AUDIT_ARCHITECTURE:
        return frozenset()
    steps = make_filter(machine, has_sockets=has_sockets, starts_programs=starts_programs)
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(steps), ctypes.cast(buffer, ctypes.c_void_p))
    process_control(_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.byref(program))
    return frozenset({Wall.CALLS})


def make_filter(machine: str, *, has_sockets: bool, starts_programs: bool) -> list[Step]:
    """Write the filter for an architecture. It leaves TCP sockets over IPv4 and IPv6 if `has_sockets`."""
    numbers = SYSTEM_CALLS[machine]
    denied = [*_OF_OTHER_PROCESSES, *_OF_THE_SYSTEM, *_OF_FILES, *_OF_SERVERS]
    if not has_sockets:
        denied += ["socket", "socketpair", "connect"]
    if not starts_programs:
        denied += ["execve", "execveat"]
    steps: list[Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IS_EQUAL, 1, 0, AUDIT_ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _KILL),  # a 32-bit call on a 64-bit kernel, whose numbers are others
        (_LOAD, 0, 0, _NUMBER_AT),
        *([(_IS_AT_LEAST, 0, 1, _X32_BIT), _fail(errno.ENOSYS)] if machine == "x86_64" else []),
    ]
    for name in denied:
        steps += _deny(numbers, name, errno.EPERM)
    for name in _UNKNOWN:
        steps += _deny(numbers, name, errno.ENOSYS)
    steps += _on(numbers["clone"], [*_argument(0), (_HAS_BITS, 0, 1, _NAMESPACES), _fail(errno.EPERM)])
    # 0 is the process itself.
    steps += _on(numbers["prlimit64"], [*_argument(0), (_IS_EQUAL, 1, 0, 0), _fail(errno.EPERM)])
    if has_sockets:
        for name, check in _SOCKETS.items():
            steps += _on(numbers[name], check)
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _fail(error: int) -> Step:
    return (_RETURN, 0, 0, _ERROR | error)


def _deny(numbers: dict[str, int], name: str, error: int) -> list[Step]:
    return [(_IS_EQUAL, 0, 1, numbers[name]), _fail(error)] if name in numbers else []


def _on(number: int, check: list[Step]) -> list[Step]:
    """Check the arguments of one call. A check that gets to its end lets the call pass to the next steps."""
    return [(_IS_EQUAL, 0, len(check) + 1, number), *check, (_LOAD, 0, 0, _NUMBER_AT)]


def _argument(index: int) -> list[Step]:
    """Load the low half of an argument, the only one that the kernel looks at for these."""
    return [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index)]


def _one_of(values: tuple[int, ...], error: int) -> list[Step]:
    """Fail unless what is loaded is one of the values."""
    skips = range(len(values), 0, -1)
    return [*((_IS_EQUAL, skip, 0, value) for skip, value in zip(skips, values, strict=True)), _fail(error)]


def _without_bits(index: int, bits: int) -> list[Step]:
    return [*_argument(index), (_HAS_BITS, 0, 1, bits), _fail(errno.EPERM)]


_SOCKETS: dict[str, list[Step]] = {
    # Not UDP, raw, netlink, packet, vsock or unix; not MPTCP, SCTP or SMC, whose connections Landlock does not see.
    "socket": [
        *_argument(0),
        *_one_of((socket.AF_INET, socket.AF_INET6), errno.EAFNOSUPPORT),
        *_argument(1),
        (_MASK, 0, 0, _TYPE_BITS),
        *_one_of((socket.SOCK_STREAM,), errno.EPROTONOSUPPORT),
        *_argument(2),
        *_one_of((0, socket.IPPROTO_TCP), errno.EPROTONOSUPPORT),
    ],
    # A pair of datagram sockets could send to any unix socket by its path.
    "socketpair": [
        *_argument(1),
        (_MASK, 0, 0, _TYPE_BITS),
        *_one_of((socket.SOCK_STREAM,), errno.EPROTONOSUPPORT),
    ],
    # Fast open connects without a connect that Landlock would see.
    "sendto": _without_bits(3, _MSG_FASTOPEN),
    "sendmsg": _without_bits(2, _MSG_FASTOPEN),
    "sendmmsg": _without_bits(3, _MSG_FASTOPEN),
    "setsockopt": [
        *_argument(1),
        (_IS_EQUAL, 0, 5, socket.IPPROTO_TCP),
        *_argument(2),
        (_IS_EQUAL, 2, 0, _TCP_FASTOPEN),
        (_IS_EQUAL, 1, 0, _TCP_FASTOPEN_CONNECT),
        (_IS_EQUAL, 0, 1, _TCP_ULP),
        _fail(errno.EPERM),
    ],
}
