"""The S3 server of the demo and the tests: it starts when it can, says why when it cannot, and never outlives us."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bookmarkai_assets.adapters.s3_store.client import Connection, connect
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.demo import seaweed
from bookmarkai_assets.demo.seaweed import SeaweedServer, SeaweedTimeoutError
from tests.support.deadlines import HANG_SECONDS

HOLDER = """
import sys, time
from pathlib import Path
from bookmarkai_assets.demo.seaweed import SeaweedServer

with SeaweedServer(Path(sys.argv[1]), bucket="media", start_timeout_seconds=float(sys.argv[2])) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


def is_running(pid: int) -> bool:
    """Whether a process runs. One that has ended and waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def commands_that_name(path: Path) -> list[str]:
    """List the command lines of running processes that contain this path."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if str(path) in line]


def test_the_server_ends_with_its_killed_owner(tmp_path: Path) -> None:
    """The server of a process that is killed, and so cannot clean up, ends soon after it."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path), str(HANG_SECONDS)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        pid = int(holder.stdout.readline())
    assert is_running(pid)

    holder.kill()
    holder.wait()

    deadline = time.monotonic() + HANG_SECONDS
    while is_running(pid):
        assert time.monotonic() < deadline, f"the server {pid} outlived its holder by {HANG_SECONDS} s"
        time.sleep(0.05)


def test_a_late_server_is_named_and_stopped(tmp_path: Path) -> None:
    """A server that does not answer in time is a timeout by name with the end of its log, and is stopped."""
    late = SeaweedServer(tmp_path, bucket="media", start_timeout_seconds=0)

    with pytest.raises(SeaweedTimeoutError, match="within 0 s"), late:
        pass

    assert late.pid is None
    assert commands_that_name(tmp_path) == []


def test_a_missing_wheel_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the error names the extra that installs it."""
    monkeypatch.setattr(seaweed, "_WHEEL", "a-wheel-that-is-not-installed")

    with pytest.raises(ConfigurationError, match=r"bookmarkai-assets\[demo\]"), SeaweedServer(tmp_path, bucket="media"):
        pass


def test_stored_objects_survive_a_restart(tmp_path: Path) -> None:
    """A server started again over its directory still has its objects, and leaves no socket where systems put those."""
    ports = []
    for is_first in (True, False):
        with SeaweedServer(
            tmp_path, bucket="media", access_key="demo", secret_key="demo-secret", start_timeout_seconds=HANG_SECONDS
        ) as server:
            client = connect(
                Connection(
                    region=server.region,
                    endpoint=server.endpoint,
                    access_key="demo",
                    secret_key="demo-secret",
                    use_path_style=True,
                    max_attempts=3,
                )
            )
            if is_first:
                client.put_object(Bucket="media", Key="a", Body=b"kept")
            assert client.get_object(Bucket="media", Key="a")["Body"].read() == b"kept"
            ports.append(urlsplit(server.endpoint).port)

    assert [path for port in ports for path in Path("/tmp").glob(f"seaweedfs*{port}*")] == []  # noqa: S108 - that place
