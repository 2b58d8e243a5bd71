"""A server that hangs: it takes connections and never answers."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from bookmarkai_assets.demo.seaweed import SeaweedServer


@contextmanager
def stopped(server: SeaweedServer) -> Iterator[None]:
    """Stop a server's process for the block: it takes connections, and answers nothing."""
    stop(server)
    try:
        yield
    finally:
        resume(server)


def stop(server: SeaweedServer) -> None:
    """Stop a server's process, and return when all its threads have stopped. It must be a child of this process.

    `kill` returns before that: on a busy machine, a thread that runs elsewhere has the time for an answer.
    """
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, server.pid, os.WSTOPPED)


def resume(server: SeaweedServer) -> None:
    """Have a stopped server answer again."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGCONT)
