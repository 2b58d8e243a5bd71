"""Whatever the demo starts is gone after an interrupt, even after one in the moment in which it is started."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.demo.dagster_dev import DagsterDev, free_port
from bookmarkai_assets.demo.interrupts import later_interrupts
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.processes import is_running


@pytest.fixture(autouse=True)
def interrupted_by() -> Iterator[list[int]]:
    """Raise `KeyboardInterrupt` at either signal, as the command does, and return the signals that came so far."""
    signals: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        signals.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    yield signals
    for number, handler in before.items():
        signal.signal(number, handler)


def dagster_in(directory: Path) -> DagsterDev:
    """Return Dagster that has not been started yet."""
    return DagsterDev(directory / "home", {}, port=free_port(), log=directory / "log")


def seaweed_in(directory: Path) -> SeaweedServer:
    """Return an S3 server that has not been started yet."""
    return SeaweedServer(directory, bucket="media")


@pytest.mark.parametrize(
    ("make", "nth"),
    [
        pytest.param(dagster_in, 1, id="Dagster"),
        pytest.param(seaweed_in, 1, id="SeaweedFS"),
        pytest.param(seaweed_in, 2, id="SeaweedFS, its watchdog"),
    ],
)
def test_an_interrupt_within_the_start_leaves_no_process(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], AbstractContextManager[object]],
    nth: int,
) -> None:
    """The signal comes when the process is running and its starter does not have it yet."""
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            if len(started) == nth:
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    try:
        with pytest.raises(KeyboardInterrupt), make(tmp_path):
            pytest.fail("it started and was not interrupted")
        assert started
        assert [process.pid for process in started if is_running(process.pid)] == []
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin:
                process.stdin.close()


def test_an_interrupt_comes_when_the_block_ends(interrupted_by: list[int]) -> None:
    """All of the block is done, and then the interrupt is raised, once for two signals."""
    done = []

    def work() -> None:
        with later_interrupts():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert (done, interrupted_by) == (["all of it"], [signal.SIGTERM])
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_ignored_signal_stays_ignored(interrupted_by: list[int]) -> None:
    """Ctrl-C is ignored in a script's background job, and the processes that it starts inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    with later_interrupts():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(signal.SIGINT)

    assert interrupted_by == []


def test_other_threads_are_left_alone() -> None:
    """Python lets only the main thread handle signals, and servers may be started in any."""
    entered = []

    def start() -> None:
        with later_interrupts():
            entered.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert entered == [before]
