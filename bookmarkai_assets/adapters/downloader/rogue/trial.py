"""Run the rogue without walls and behind them, and compare what it can do."""

import dataclasses
import json
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.adapters.common.processes.workers import Workers
from bookmarkai_assets.adapters.common.walls.room import Kernel
from bookmarkai_assets.adapters.downloader.rogue.attempts import Targets
from bookmarkai_assets.adapters.downloader.rogue.program import ATTEMPTS
from bookmarkai_assets.core.downloads.walls import Wall
from bookmarkai_assets.core.errors import ConfigurationError

_PROGRAM = "bookmarkai_assets.adapters.downloader.rogue.program"
_TIMEOUT_SECONDS = 60
_LOOPBACK, _LOOPBACK_6 = "127.0.0.1", "::1"


@dataclass(frozen=True)
class WallsTrial:
    """What the rogue could do: the names of its attempts that succeeded without walls, and behind those that `stand`.

    `leaks` are those that succeeded although the wall against them stands.
    """

    standing: frozenset[Wall]
    unwalled: frozenset[str]
    walled: frozenset[str]

    @property
    def leaks(self) -> tuple[str, ...]:
        """The attempts that got through a wall."""
        return tuple(one.name for one in ATTEMPTS if one.name in self.walled and one.wall in self.standing)


def try_walls(kernel: Kernel | None = None) -> WallsTrial:
    """Run the rogue twice. Raises `ConfigurationError` if its program does not run.

    Only tests name a `kernel` that is not this machine's.
    """
    with closing(Workers("-m", _PROGRAM)) as workers:
        _, without = _run(workers, None)
        standing, behind = _run(workers, kernel or Kernel.of_this_machine())
    return WallsTrial(standing=standing, unwalled=_successes(without), walled=_successes(behind))


def _successes(ends: dict[str, str]) -> frozenset[str]:
    return frozenset(name for name, error in ends.items() if not error)


def _run(workers: Workers, kernel: Kernel | None) -> tuple[frozenset[Wall], dict[str, str]]:
    with _targets() as (targets, own, proxy_url):
        job = {
            "targets": dataclasses.asdict(targets),
            "directory": str(own),
            "proxy_url": proxy_url,
            "kernel": dataclasses.asdict(kernel) if kernel else None,
        }
        end = workers.run(json.dumps(job).encode(), timeout_seconds=_TIMEOUT_SECONDS)
    if end.status != 0:
        raise ConfigurationError(
            f"expected the program that tries the walls to run, found that it ended with {end.status}: "
            f"{workers.stderr_tail()[-300:].strip()}; install this package again"
        )
    result = json.loads(end.output)
    return frozenset(map(Wall, result["standing"])), result["ends"]


@contextmanager
def _targets() -> Iterator[tuple[Targets, Path, str]]:
    """Make what the rogue is after, its own directory, and a listener in the egress guard's place."""
    with tempfile.TemporaryDirectory(prefix="walls-trial-") as name, ExitStack() as stack:
        root = Path(name).resolve()
        own, neighbour, outside = root / "own", root / "neighbour", root / "outside"
        for directory in (own, neighbour, outside):
            directory.mkdir()
        for file in (root / "secret", neighbour / "video.mp4", outside / "removed", outside / "taken"):
            file.write_text("not for the rogue")
        abstract = f"walls-trial-{secrets.token_hex(8)}"
        guard = stack.enter_context(socket.create_server((_LOOPBACK, 0)))
        tcp = stack.enter_context(socket.create_server((_LOOPBACK, 0)))
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        udp.bind((_LOOPBACK, 0))
        for address in (str(root / "stream"), f"\0{abstract}"):
            stream = stack.enter_context(socket.socket(socket.AF_UNIX))
            stream.bind(address)
            stream.listen()
        datagram = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagram.bind(str(root / "datagram"))
        tcp_port, udp_port = tcp.getsockname()[1], udp.getsockname()[1]
        with suppress(OSError):  # a machine without IPv6, or the port is taken there: these attempts fail both times
            stack.enter_context(socket.create_server((_LOOPBACK_6, tcp_port), family=socket.AF_INET6))
        targets = Targets(
            secret=str(root / "secret"),
            neighbour=str(neighbour),
            outside=str(outside),
            stream=str(root / "stream"),
            datagram=str(root / "datagram"),
            abstract=abstract,
            tcp_port=tcp_port,
            udp_port=udp_port,
        )
        yield targets, own, f"http://{_LOOPBACK}:{guard.getsockname()[1]}"
