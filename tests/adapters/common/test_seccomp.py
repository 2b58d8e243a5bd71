"""The filter of system calls, run by a small interpreter for both architectures: what it lets through and what not."""

import errno
import socket

import pytest

from bookmarkai_assets.adapters.common.walls.numbers import AUDIT_ARCHITECTURE, SYSTEM_CALLS
from bookmarkai_assets.adapters.common.walls.seccomp import make_filter

ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
ARCHITECTURES = sorted(AUDIT_ARCHITECTURE)
TCP_PROTOCOL, MPTCP_PROTOCOL = 6, 262
FAST_OPEN = 0x20000000
CLOEXEC = 0o2000000
NEW_USER, THREAD = 0x10000000, 0x00010000


def answer_of(machine: str, number: int, *arguments: int, audit: int | None = None, has_sockets: bool = True) -> int:
    """Run the filter as the kernel does, and return its answer: 0 if the call is let through, or its error number."""
    words = {0: number, 4: AUDIT_ARCHITECTURE[machine] if audit is None else audit}
    words |= {16 + 8 * index: value for index, value in enumerate((*arguments, 0, 0, 0, 0, 0, 0)[:6])}
    steps, at, loaded = make_filter(machine, has_sockets=has_sockets, starts_programs=has_sockets), 0, 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        match code:
            case 0x20:
                loaded = words[operand]
            case 0x54:
                loaded &= operand
            case 0x15:
                at += if_true if loaded == operand else if_false
            case 0x35:
                at += if_true if loaded >= operand else if_false
            case 0x45:
                at += if_true if loaded & operand else if_false
            case 0x06:
                return {ALLOW: 0, KILL: -1}.get(operand, operand - ERROR)
            case _:
                raise AssertionError(f"no such operation: {code:#x}")


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("call", "arguments", "error"),
    [
        ("socket", (socket.AF_INET, socket.SOCK_STREAM | CLOEXEC, 0), 0),
        ("socket", (socket.AF_INET6, socket.SOCK_STREAM, TCP_PROTOCOL), 0),
        ("socket", (socket.AF_INET, socket.SOCK_DGRAM, 0), errno.EPROTONOSUPPORT),
        ("socket", (socket.AF_INET, socket.SOCK_STREAM, MPTCP_PROTOCOL), errno.EPROTONOSUPPORT),
        ("socket", (socket.AF_UNIX, socket.SOCK_STREAM, 0), errno.EAFNOSUPPORT),
        ("socketpair", (socket.AF_UNIX, socket.SOCK_STREAM, 0), 0),
        ("socketpair", (socket.AF_UNIX, socket.SOCK_DGRAM, 0), errno.EPROTONOSUPPORT),
        ("sendto", (3, 0, 1, 0), 0),
        ("sendto", (3, 0, 1, FAST_OPEN), errno.EPERM),
        ("sendmsg", (3, 0, FAST_OPEN), errno.EPERM),
        ("sendmmsg", (3, 0, 1, FAST_OPEN), errno.EPERM),
        ("setsockopt", (3, TCP_PROTOCOL, 1), 0),
        ("setsockopt", (3, 1, 30), 0),
        ("setsockopt", (3, TCP_PROTOCOL, 23), errno.EPERM),
        ("setsockopt", (3, TCP_PROTOCOL, 30), errno.EPERM),
        ("setsockopt", (3, TCP_PROTOCOL, 31), errno.EPERM),
        ("clone", (THREAD,), 0),
        ("clone", (NEW_USER,), errno.EPERM),
        ("clone3", (), errno.ENOSYS),
        ("io_uring_setup", (), errno.ENOSYS),
        ("prlimit64", (0, 7), 0),
        ("prlimit64", (1, 7), errno.EPERM),
        ("execve", (), 0),
        ("connect", (), 0),
        ("listen", (), errno.EPERM),
        ("setsid", (), errno.EPERM),
        ("setpgid", (), errno.EPERM),
        ("ptrace", (), errno.EPERM),
    ],
)
def test_a_download_may_use_tcp_and_little_else(
    machine: str, call: str, arguments: tuple[int, ...], error: int
) -> None:
    """Plain TCP, threads and programs pass; every other socket, fast open and what reaches other processes fails."""
    assert answer_of(machine, SYSTEM_CALLS[machine][call], *arguments) == error


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("call", ["socket", "socketpair", "connect", "execve", "execveat"])
def test_a_decoder_has_no_sockets_and_no_programs(machine: str, call: str) -> None:
    """Of what a download may do, a decoder may do less."""
    number = SYSTEM_CALLS[machine][call]
    assert answer_of(machine, number, socket.AF_INET, socket.SOCK_STREAM, has_sockets=False) == errno.EPERM


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_call_of_another_architecture_ends_the_process(machine: str) -> None:
    """Its numbers mean other calls: a filter that read them as its own would let them through."""
    assert answer_of(machine, 0, audit=0x40000003) == -1
    assert (answer_of("x86_64", 0x40000000 | 41) == errno.ENOSYS) is True


def test_the_numbers_are_those_of_different_calls() -> None:
    """No number stands twice, on either architecture."""
    for numbers in SYSTEM_CALLS.values():
        assert len(set(numbers.values())) == len(numbers)
