"""A backlog of which every fifth share is hostile or broken, processed to the end.

`python -m tests.load.backlog --shares 200` runs it and prints the outcomes.
"""

import argparse
import collections
import json
import sys
import tempfile
import time
from pathlib import Path

from bookmarkai_assets.adapters.catalog import open_catalog
from tests.load.line import Line
from tests.support.corpus import Case, cases_of, serve_case
from tests.support.hostile_files import hostile_file
from tests.support.hostile_site import HostileSite, hostile_site
from tests.support.watched_downloader import watched_downloader

KINDS = ("redirect", "page", "playlist", "answer", "container")
EVERY = 5
"""One share in so many is hostile or broken."""


def hostile_cases(count: int) -> list[Case]:
    """Pick cases of the corpus that fail without waiting for a deadline, spread as far apart as possible."""
    quick = [
        case for kind in KINDS for case in cases_of("sites.toml", kind) if "outcome" in case and "limits" not in case
    ]
    return [quick[number * len(quick) // count % len(quick)] for number in range(count)]


def work_off_backlog(directory: Path, site: HostileSite, *, shares: int) -> dict[str, int]:
    """Process shares, check that every one has ended correctly, and return the number of shares by outcome."""
    hostile = iter(hostile_cases(shares // EVERY))
    with (
        watched_downloader(site) as watched,
        open_catalog(f"sqlite:///{directory / 'catalog.db'}") as catalog,
    ):
        line = Line(directory, catalog, watched.downloader, site.host_port, settings={"download_max_bytes": 3_000_000})
        links, expected = [], []
        for number in range(shares):
            root = f"/backlog/{number}"
            if number % EVERY == EVERY - 1:
                case = next(hostile)
                links.append(serve_case(case, site, root=root, private=watched.private))
                expected.append(case["outcome"])
            else:
                links.append(site.file(f"{root}/clip.mp4", hostile_file("clip", private="")))
                expected.append("done")
        share_ids = line.share(links)
        assert len(share_ids) == shares, "every link is admitted: what is hostile shows later"
        line.work_off(share_ids)
        found = [line.outcome_of(share_id) for share_id in share_ids]
        wrong = [odd for odd in zip(links, expected, found, strict=True) if odd[1] != odd[2]]
        assert not wrong, wrong
        for share_id, outcome in zip(share_ids, found, strict=True):
            stored = catalog.media.get(catalog.work.progress(share_id).media_id or "")
            assert (outcome == "done") == bool(stored and Path(stored.video.url).is_file())
        watched.assert_contained()
        left = [path for path in line.rules.staging_dir.rglob("*") if path.is_file()]
        assert not left, left
    strangers = [path for path in directory.iterdir() if path != line.media and not path.name.startswith("catalog.db")]
    assert not strangers, strangers
    return dict(collections.Counter(found))


def main() -> int:
    """Print the outcomes and the time as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shares", type=int, default=200)
    shares = parser.parse_args().shares
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bookmarkai-load-") as directory, hostile_site() as site:
        outcomes = work_off_backlog(Path(directory), site, shares=shares)
    seconds = time.monotonic() - started
    sys.stdout.write(json.dumps({"shares": shares, "seconds": round(seconds, 1), "outcomes": outcomes}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
