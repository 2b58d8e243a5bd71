"""Jobs in processes of their own: how they end, and that no process outlives the one that it works for."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.common.processes.workers import WorkerEnd, Workers
from tests.support.deadlines import HANG_SECONDS, PLENTY_SECONDS, growing, quickest
from tests.support.processes import HAS_PROC, children_of, is_running, wait_until

pytestmark = pytest.mark.skipif(not HAS_PROC, reason="these tests look at processes through /proc")

PROGRAM = ("-m", "tests.support.worker_program")


@pytest.fixture
def workers() -> Iterator[Workers]:
    """Return workers whose program does what a job says."""
    running = Workers(*PROGRAM)
    yield running
    running.close()


def run(workers: Workers, job: str, *, timeout_seconds: float = PLENTY_SECONDS) -> WorkerEnd:
    """Do one job."""
    return workers.run(job.encode(), timeout_seconds=timeout_seconds)


def pids_in(file: Path) -> list[int]:
    """Wait for a job to write down its pids."""
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
    return [int(pid) for pid in file.read_text().split()]


def assert_gone(pids: list[int]) -> None:
    """Check that processes end. Those that are killed without being waited for take a moment."""
    wait_until(lambda: not any(is_running(pid) for pid in pids))


def program_of(workers: Workers) -> int:
    """Return the pid of the program, the parent of every worker."""
    assert workers._program
    return workers._program.process.pid


def test_a_job_is_done_in_a_process_of_its_own(workers: Workers) -> None:
    """What a job returns comes back whole, also when it is large, and each job has its own process."""
    assert run(workers, "echo hello") == WorkerEnd(status=0, output=b"hello")
    assert run(workers, "large 900000") == WorkerEnd(status=0, output=b"x" * 900_000)
    assert run(workers, "pid").output != run(workers, "pid").output


def test_a_crash_ends_its_own_job_only(workers: Workers) -> None:
    """A job that crashes, raises or returns too much has its own status, while other jobs go on."""
    with ThreadPoolExecutor(8) as pool:
        bad = [pool.submit(run, workers, job) for job in ("crash", "raise odd", "large 9000000")]
        good = [pool.submit(run, workers, f"echo {n}") for n in range(8)]
        assert [job.result().output for job in good] == [b"%d" % n for n in range(8)]
        assert [job.result().status for job in bad] == [-signal.SIGSEGV, 1, -signal.SIGKILL]
    assert "ValueError: odd" in workers.stderr_tail()


def test_a_deadline_kills_the_whole_group_of_its_job(workers: Workers, tmp_path: Path) -> None:
    """When a job's time is up, it and what it started are killed, and its neighbour lives."""
    with ThreadPoolExecutor(1) as pool:
        neighbour = pool.submit(run, workers, f"hang_with_child {tmp_path / 'neighbour'}")
        of_neighbour = pids_in(tmp_path / "neighbour")
        for seconds in growing(0.5):
            started = time.monotonic()
            end = run(workers, f"hang_with_child {tmp_path / 'pids'}", timeout_seconds=seconds)
            assert seconds <= time.monotonic() - started < seconds + HANG_SECONDS
            assert end == WorkerEnd(status=-signal.SIGKILL, output=b"", is_timed_out=True)
            if (tmp_path / "pids").exists():  # otherwise it had no time to start another
                break
        assert_gone(pids_in(tmp_path / "pids"))
        assert all(is_running(pid) for pid in of_neighbour)
        workers.close()
        assert not neighbour.result().is_timed_out


def test_a_job_that_is_given_up_is_killed_with_its_whole_group(workers: Workers, tmp_path: Path) -> None:
    """A job that is given up is killed within a second with everything it started, long before its time is up."""
    tries = itertools.count()

    def given_up() -> float:
        file, said = tmp_path / f"pids-{next(tries)}", []

        def give_up() -> bool:
            if file.exists() and file.read_text().endswith("\n"):
                said.append(time.monotonic())
            return bool(said)

        end = workers.run(f"hang_with_child {file}".encode(), timeout_seconds=PLENTY_SECONDS, give_up=give_up)
        seconds = time.monotonic() - said[0]
        assert end == WorkerEnd(status=-signal.SIGKILL, output=b"", is_timed_out=True)
        assert_gone(pids_in(file))
        return seconds

    assert quickest(given_up, seconds=1) < 1
    assert run(workers, "echo after").output == b"after"


def test_a_job_that_ends_in_time_is_not_given_up(workers: Workers) -> None:
    """As long as `give_up` returns False, calling it changes nothing."""
    asked: list[int] = []

    def give_up() -> bool:
        asked.append(1)
        return False

    end = workers.run(b"echo hello", timeout_seconds=PLENTY_SECONDS, give_up=give_up)
    assert end == WorkerEnd(status=0, output=b"hello")
    assert asked


def test_what_a_finished_job_left_running_is_killed(workers: Workers) -> None:
    """A job that returns while its own child still runs takes the child with it."""
    end = run(workers, "leave_child_behind")
    assert end.status == 0
    assert_gone([int(end.output)])


@pytest.mark.parametrize("ending", ["leave_session", "hang_without_session"])
def test_what_left_its_session_is_killed_too(workers: Workers, tmp_path: Path, ending: str) -> None:
    """A process that called setsid and whose parent has ended dies with its job or at its deadline, and its child too.

    A neighbour that runs, with what belongs to it, is left alone.
    """
    with ThreadPoolExecutor(1) as pool:
        neighbour = pool.submit(run, workers, f"hang_without_session {tmp_path / 'neighbour'}")
        of_neighbour = pids_in(tmp_path / "neighbour")
        for seconds in growing(1):
            end = run(workers, f"{ending} {tmp_path / 'pids'}", timeout_seconds=seconds)
            if (tmp_path / "pids").exists():  # otherwise it had no time to start another
                assert end.is_timed_out is (ending == "hang_without_session")
                break
        left = pids_in(tmp_path / "pids")
        assert len(left) == 2
        assert_gone(left)
        assert all(is_running(pid) for pid in of_neighbour)
        workers.close()
        neighbour.result()
    assert_gone(of_neighbour)


def test_the_environment_is_not_inherited(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job does not see the credentials, database addresses and proxy settings of this process."""
    for name in ("AWS_SECRET_ACCESS_KEY", "S3_SECRET_KEY", "CATALOG_URL", "NO_PROXY", "https_proxy", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "s3cret")
    environment = json.loads(run(workers, "environment").output)
    assert "s3cret" not in environment.values()
    assert set(environment) <= {"PATH", "LANG", "LC_CTYPE", "PYTHONPATH", "PYTHONNOUSERSITE", "YTDLP_NO_PLUGINS"}


def test_a_job_cannot_see_its_neighbours_jobs(workers: Workers, tmp_path: Path) -> None:
    """A fork copies its program's memory, so the program keeps no job, which may contain a token and cookies."""
    with ThreadPoolExecutor(1) as pool:
        neighbour = pool.submit(run, workers, f"hang_with_child {tmp_path / 'neighbour'}")
        pids_in(tmp_path / "neighbour")
        known = run(workers, "neighbours").output
        workers.close()
        neighbour.result()
    assert known == b"2 0"  # jobs: the neighbour's and its own; bytes of them beyond its own


def test_a_program_that_died_is_started_again(workers: Workers, tmp_path: Path) -> None:
    """When the program is killed, the running job ends without a status, and the next job gets a new program."""
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(run, workers, f"hang_with_child {tmp_path / 'pids'}")
        orphans = pids_in(tmp_path / "pids")
        first = program_of(workers)
        os.kill(first, signal.SIGKILL)
        os.killpg(orphans[0], signal.SIGKILL)  # nobody is left to do it; a download ends itself by its timer
        assert job.result() == WorkerEnd(status=None, output=b"")
    assert run(workers, "echo again").output == b"again"
    assert program_of(workers) != first


def test_a_program_that_cannot_start_says_why() -> None:
    """A program that fails at once gives no status, and its last words can be read."""
    workers = Workers("-c", "raise SystemExit('yt_dlp is not installed')")
    try:
        assert run(workers, "echo hello") == WorkerEnd(status=None, output=b"")
        assert "yt_dlp is not installed" in workers.stderr_tail()
    finally:
        workers.close()


def test_closing_ends_the_program_and_its_jobs(tmp_path: Path) -> None:
    """`close()` during a job leaves no process, and a later job starts everything again."""
    workers = Workers(*PROGRAM)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(run, workers, f"hang_with_child {tmp_path / 'pids'}")
        pids = [*pids_in(tmp_path / "pids"), program_of(workers)]
        workers.close()
        assert_gone(pids)
        assert job.result().status in {None, -signal.SIGKILL}
    assert run(workers, "echo again").output == b"again"
    workers.close()


def test_dropped_workers_end() -> None:
    """Workers that are dropped without being closed take their program along."""
    workers = Workers(*PROGRAM)
    run(workers, "echo hello")
    program = program_of(workers)
    del workers
    assert_gone([program])


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_process_that_started_it(tmp_path: Path, ending: signal.Signals) -> None:
    """When a process is killed or interrupted during a job, no program, job or grandchild is left."""
    script = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # may be ignored where the tests run
        "from bookmarkai_assets.adapters.common.processes.workers import Workers\n"
        f"Workers(*{PROGRAM!r}).run(b'hang_with_child {tmp_path / 'pids'}', timeout_seconds={PLENTY_SECONDS})\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
        pids = pids_in(tmp_path / "pids")
        programs = children_of(process.pid)
        process.send_signal(ending)
    assert len(programs) == 1
    assert_gone([*pids, *programs])


def test_many_threads_share_one_program(workers: Workers) -> None:
    """Jobs that many threads run at once each get their own answer from one program."""
    barrier = threading.Barrier(12)

    def job(number: int) -> bytes:
        barrier.wait(HANG_SECONDS)
        return run(workers, f"echo {number}").output

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(job, range(12))) == [b"%d" % number for number in range(12)]
    assert children_of(program_of(workers)) == set()
