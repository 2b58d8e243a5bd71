"""Poisoned shares among good ones: how they end, and how long their neighbours take.

`python -m tests.load.poisoned --poison hangs --shares 40` processes one backlog and prints its figures as JSON.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from typing_extensions import override

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, Downloader, DownloadLimits, Resolved, never_give_up
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.sites.silent_formats import FormatFamily
from tests.load.line import Line
from tests.support.crashing_child import MARK
from tests.support.deadlines import PLENTY_SECONDS
from tests.support.hostile_files import hostile_file
from tests.support.hostile_site import HostileSite, hostile_site
from tests.support.watched_downloader import watched_downloader

POISONS = ("fails", "hangs", "fills", "crashes")
"""Half a video each time; never an answer; a video that never ends; the death of the process that reads it."""

PROGRAM = ("-m", "tests.support.crashing_child")


@dataclass(frozen=True)
class Hurried(Downloader):
    """A downloader that has `seconds` for one link, and the usual time for any other, however slow it is."""

    downloader: Downloader
    link: str
    seconds: float

    @override
    def download(
        self,
        url: str,
        directory: Path,
        limits: DownloadLimits,
        *,
        silent_formats: frozenset[FormatFamily] = frozenset(),
        language: str | None = None,
        give_up: Callable[[], bool] = never_give_up,
    ) -> DownloadedVideo | Resolved | Failure:
        if url == self.link:
            limits = replace(limits, timeout_seconds=self.seconds)
        return self.downloader.download(
            url, directory, limits, silent_formats=silent_formats, language=language, give_up=give_up
        )

    @override
    def examine(
        self,
        file: Path,
        limits: DownloadLimits,
        *,
        language: str | None = None,
        give_up: Callable[[], bool] = never_give_up,
    ) -> DownloadedVideo | Failure:
        return self.downloader.examine(file, limits, language=language, give_up=give_up)

    @override
    def close(self) -> None:
        self.downloader.close()


@dataclass(frozen=True)
class Backlog:
    """The result of one backlog: the good shares' seconds from admission to transcript, and each poison's outcome.

    `mates` are the seconds of those that were in one run with a poisoned share.
    """

    neighbours: list[float]
    mates: list[float]
    poisoned: dict[str, tuple[str, str, int]]

    def p95(self) -> float:
        """Return the time within which 95 of 100 neighbours were done."""
        return sorted(self.neighbours)[max(0, -(-len(self.neighbours) * 95 // 100) - 1)]


def work_off_poisoned(
    directory: Path,
    site: HostileSite,
    *,
    shares: int,
    poisons: Sequence[str],
    timeout_seconds: float = 5,
    patience_seconds: float = 1,
) -> Backlog:
    """Share `shares` good links with the poisoned ones spread among them, and process them all.

    The one that hangs has `timeout_seconds`, each time.
    """
    clip = hostile_file("clip", private="")
    links = [site.file(f"/good/{number}.mp4", clip) for number in range(shares)]
    spread = {
        "fails": site.file("/fails/v.mp4", clip[: len(clip) // 2], declared_bytes=len(clip)),
        "hangs": site.silent("/hangs/v.mp4"),
        "fills": site.endless("/fills/v.mp4", head=clip),
        "crashes": site.file(f"{MARK}v.mp4", clip),
    }
    for number, poison in enumerate(poisons):
        links.insert(shares * (2 * number + 1) // (2 * len(poisons)) + number, spread[poison])
    settings = {
        "download_timeout_seconds": PLENTY_SECONDS,
        "download_patience_seconds": patience_seconds,
        "download_max_bytes": 50_000_000,
        "retry_base_seconds": 1,
        "retry_max_seconds": 1,
    }
    with (
        watched_downloader(site, program=PROGRAM) as watched,
        open_catalog(f"sqlite:///{directory / 'catalog.db'}") as catalog,
    ):
        # What is started with the first download belongs to no share's time.
        warm = directory / "warm"
        warm.mkdir()
        hurried = Hurried(watched.downloader, spread["hangs"], timeout_seconds)
        line = Line(directory, catalog, hurried, site.host_port, settings=settings)
        watched.downloader.download(site.file("/warm.mp4", clip), warm, line.rules.limits)
        ids = dict(zip(links, line.share(links), strict=True))
        line.work_off(list(ids.values()))
        watched.assert_contained()
        poisoned = {}
        for poison in poisons:
            progress = catalog.work.progress(ids[spread[poison]])
            status = catalog.shares.get(ids[spread[poison]]).status
            poisoned[poison] = (status, str(progress.outcome), progress.attempts)
        good = [share_id for link, share_id in ids.items() if link not in spread.values()]
        assert {line.outcome_of(share_id) for share_id in good} == {"done"}
        bad = set(ids.values()).difference(good)
        mates = sorted({share_id for run in line.runs if bad.intersection(run) for share_id in run} - bad)
        return Backlog(
            [line.seconds_of(share_id) for share_id in good],
            [line.seconds_of(share_id) for share_id in mates],
            poisoned,
        )


def main() -> int:
    """Print the figures of one backlog as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shares", type=int, default=40)
    parser.add_argument("--poison", action="append", choices=POISONS, default=[])
    parser.add_argument("--timeout", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bookmarkai-poison-") as directory, hostile_site() as site:
        backlog = work_off_poisoned(
            Path(directory), site, shares=options.shares, poisons=options.poison, timeout_seconds=options.timeout
        )
    sys.stdout.write(json.dumps({**asdict(backlog), "p95": backlog.p95()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
