"""A real downloader that may open one site, and the proof that it reached nothing else."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bookmarkai_assets.adapters.downloader import CHILD_PROGRAM, YtDlpDownloader
from bookmarkai_assets.adapters.downloader.egress_guard import connect_with_system
from tests.support.canary import Canary, canary
from tests.support.hostile_site import HostileSite
from tests.support.processes import children_of, wait_until

_NAMES = {"inside.example": ["10.0.0.1"], "mixed.example": ["93.184.215.14", "127.0.0.1"]}
_OWNED = (Path("/tmp/owned"), Path("/tmp/owned.mp4"), Path("/etc/cron.d/owned"))  # noqa: S108 - the corpus names them


@dataclass
class WatchedDownloader:
    """The downloader, what it connected to, and the listener to which nobody may connect."""

    downloader: YtDlpDownloader
    site: HostileSite
    canary: Canary
    connected: list[tuple[str, int]] = field(default_factory=list)

    @property
    def private(self) -> str:
        """Where hostile answers lead."""
        return f"http://{self.canary.address}"

    def assert_contained(self) -> None:
        """Check that only the site was reached, that nothing was written elsewhere, and that no process is left."""
        assert self.canary.visits == 0
        assert set(self.connected) <= {("127.0.0.1", self.site.port)}
        assert not [path for path in _OWNED if path.exists()]
        program = self.downloader._workers._program
        assert program
        wait_until(lambda: not children_of(program.process.pid))


@contextmanager
def watched_downloader(site: HostileSite, *, program: Sequence[str] = CHILD_PROGRAM) -> Iterator[WatchedDownloader]:
    """Run a downloader for as long as the block lasts. It knows only a few names, as without a network."""
    connected: list[tuple[str, int]] = []

    def resolve(host: str, _: int) -> list[str]:
        if host in _NAMES:
            return _NAMES[host]
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(info[4][0]) for info in found]

    def connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
        connected.append((address, port))
        return connect_with_system(address, port, timeout_seconds)

    with canary() as nobody:
        downloader = YtDlpDownloader(
            allowed_extractors=("generic",),
            allowed_hosts=frozenset({site.host_port}),
            resolve=resolve,
            connect=connect,
            program=program,
        )
        yield WatchedDownloader(downloader, site, nobody, connected)
        downloader.close()
