"""System calls for which Python has no function."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

_PR_SET_NO_NEW_PRIVS = 38


def system_call(number: int, *arguments: object) -> int:
    """Make a system call. Its arguments are ctypes' values. Raises OSError with its error number."""
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def process_control(option: int, *arguments: object) -> None:
    """Call prctl. Raises OSError with its error number."""
    filled = [*arguments, *[ctypes.c_ulong(0)] * (4 - len(arguments))]
    if _libc.prctl(ctypes.c_int(option), *filled):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def refuse_new_privileges() -> None:
    """Have no program that this process starts gain privileges. The kernel takes walls only from such a process."""
    process_control(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
