"""What the rogue tries with other processes, and with the system."""

import ctypes
import os
import resource
import signal

from bookmarkai_assets.adapters.downloader.rogue.attempts import Attempt, Targets, call, reach
from bookmarkai_assets.core.downloads.walls import Wall

_PTRACE_SEIZE = 0x4206
_CLONE_NEWUSER = 0x10000000
_ASK_PERSONALITY = 0xFFFFFFFF
_NO_KEY = 0x7A7A7A7A
_NOTHING = ctypes.c_void_p(0)
_MEMORY = ctypes.create_string_buffer(8)


class _Place(ctypes.Structure):
    _fields_ = (("address", ctypes.c_void_p), ("size", ctypes.c_size_t))


def _signal_by_handle(targets: Targets) -> None:
    signal.pidfd_send_signal(os.pidfd_open(targets.bystander), 0)


def _trace(targets: Targets) -> None:
    call("ptrace", ctypes.c_long(_PTRACE_SEIZE), ctypes.c_int(targets.bystander), _NOTHING, _NOTHING)


def _take_file(targets: Targets) -> None:
    os.close(call("pidfd_getfd", os.pidfd_open(targets.bystander), 0, 0))


def _read_memory(targets: Targets) -> None:
    # A fork has the same addresses, so that this one's own is one of the other's.
    place = _Place(ctypes.addressof(_MEMORY), len(_MEMORY))
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    by_reference = ctypes.byref(place)
    call("process_vm_readv", ctypes.c_int(targets.bystander), by_reference, one, by_reference, one, none)


def _limit_other(targets: Targets) -> None:
    resource.prlimit(targets.bystander, resource.RLIMIT_CORE)


def _raise_own_limit(_: Targets) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


PROCESSES = (
    Attempt("signal another process", Wall.SIGNALS, lambda it: os.kill(it.bystander, 0)),
    Attempt("signal the process that started it", Wall.SIGNALS, lambda it: os.kill(it.starter, 0)),
    Attempt("signal by a handle", Wall.SIGNALS, _signal_by_handle),
    Attempt("trace another process", Wall.CALLS, _trace, depends=True),
    Attempt("take another process's file", Wall.CALLS, _take_file, depends=True),
    Attempt("read another process's memory", Wall.CALLS, _read_memory, depends=True),
    Attempt("limit another process", Wall.CALLS, _limit_other),
    Attempt("raise its own limits", Wall.CALLS, _raise_own_limit, depends=True),
    Attempt("leave its session (setsid)", Wall.CALLS, lambda _: os.setsid()),
    Attempt("leave its group (setpgid)", Wall.CALLS, lambda _: os.setpgid(0, 0)),
    Attempt("use io_uring", Wall.CALLS, lambda _: reach("io_uring_setup", 1, _NOTHING), depends=True),
    Attempt("make a user namespace", Wall.CALLS, lambda _: call("unshare", _CLONE_NEWUSER), depends=True),
    Attempt("join a namespace", Wall.CALLS, lambda _: reach("setns", -1, 0)),
    Attempt("mount a file system", Wall.CALLS, lambda _: reach("mount", *[_NOTHING] * 5)),
    Attempt("change its root directory", Wall.CALLS, lambda _: reach("chroot", _NOTHING)),
    Attempt("open a file by a handle", Wall.CALLS, lambda _: reach("open_by_handle_at", -1, _NOTHING, 0), depends=True),
    Attempt("load a BPF program", Wall.CALLS, lambda _: reach("bpf", 0, _NOTHING, 0), depends=True),
    Attempt("watch the processor", Wall.CALLS, lambda _: reach("perf_event_open", _NOTHING, 0, 0, 0, 0), depends=True),
    Attempt("handle page faults", Wall.CALLS, lambda _: os.close(call("userfaultfd", 0)), depends=True),
    Attempt("use the kernel's keys", Wall.CALLS, lambda _: call("keyctl", 0, -4, 0, 0, 0), depends=True),
    Attempt("share memory by a key", Wall.CALLS, lambda _: reach("shmget", _NO_KEY, 1, 0), depends=True),
    Attempt("open a message queue", Wall.CALLS, lambda _: reach("msgget", _NO_KEY, 0), depends=True),
    Attempt("change its personality", Wall.CALLS, lambda _: call("personality", ctypes.c_ulong(_ASK_PERSONALITY))),
)
