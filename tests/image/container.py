"""Run a process of the image as an engine would: its own processes and mounts, no privileges, a root that is read-only.

Namespaces stand in for an engine. What they leave out is the engine's own: limits, its seccomp profile, its networks.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

UID = 10001
_MOUNTS = """
set -e
root=$1 media=$2 secrets=$3 home=$4; shift 4
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=1g,mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mkdir "$root/run/secrets"
mount --bind "$secrets" "$root/run/secrets"
mount --bind "$home" "$root/etc/bookmarkai/dagster_home/dagster.yaml"
mount --bind "$media" "$root/var/lib/bookmarkai/media"
mount -o remount,bind,ro "$root/run"
exec chroot "$root" setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --reuid=10001 --regid=10001 \
  --clear-groups -- "$@"
"""


@dataclass(frozen=True)
class Place:
    """What the containers share: the image's file system, the volume of media, the secrets, Dagster's configuration."""

    root: Path
    media: Path
    secrets: Path
    dagster_yaml: Path
    image_environment: Mapping[str, str]
    logs: Path


@dataclass
class Container:
    """One process of the image with its init process, started when entered and ended when left."""

    place: Place
    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds_to_end: float | None = None
    """From SIGTERM to the end, once `stop` was called."""

    _process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What `docker logs` would print."""
        return self.place.logs / f"{self.name}.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start the process."""
        variables = {**self.place.image_environment, "HOSTNAME": self.name, **self.environment}
        assignments = [f"{name}={value}" for name, value in variables.items()]
        inside = ["env", "--ignore-environment", "--chdir=/var/lib/bookmarkai", *assignments, "/usr/bin/tini", "--"]
        places = (self.place.root, self.place.media, self.place.secrets, self.place.dagster_yaml)
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--propagation=private", "--"]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*namespaces, "sh", "-c", _MOUNTS, "mounts", *map(str, places), *inside, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *, seconds: float = 300) -> int:
        """Start, wait for the end, and return the exit code."""
        self.start()
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        """Wait for the end and return the exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self, *, seconds: float) -> int:
        """Send SIGTERM to the first process, as `docker stop` does, wait, and return the exit code."""
        start = time.monotonic()
        os.kill(self._first_process(), signal.SIGTERM)
        code = self.wait(seconds)
        self.seconds_to_end = time.monotonic() - start
        return code

    def kill(self) -> None:
        """End everything in it at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        """Return its log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def _first_process(self) -> int:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])
