"""Measure the long reports: time, peak memory and output, over a catalog of as many shares and media as is asked for.

`shares list` of all of them, `storage verify` over a directory that is not mounted (five parts of each media are
missing), and the time until `storage move` says that no bucket is configured. Beside them stands a plain script that
reads the same rows with one query and prints them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from common import machine
from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what is shared with the tests

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.adapters.catalog.tables.media import media
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from tests.support.catalog import USER, at

_ROWS_AT_A_TIME = 5_000
_PLAIN = """
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(
    "SELECT id, url, outcome FROM shares LEFT JOIN share_work ON share_id = id ORDER BY created_at DESC")
for row in rows:
    print(*row, sep="\\t")
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="shares and media")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="only the commands with this in their name")
    options = parser.parse_args()
    print(f"machine: {machine()}; {options.count:,} shares and media on SQLite")
    print("\n| command | seconds | peak memory | output |")
    print(f"|{' --- |' * 4}")
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
        directory = Path(name)
        file = directory / "catalog.db"
        fill(file, directory / "media", options.count)
        environment = {
            "CATALOG_URL": f"sqlite:///{file}",
            "YTDLP_DOWNLOAD_DIR": str(directory / "media"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        command = [sys.executable, "-m", "bookmarkai_assets.cli"]
        everything = str(options.count)
        for words, arguments in (
            ("a plain script", [sys.executable, "-c", _PLAIN, str(file)]),
            ("shares list", [*command, "shares", "list", "--limit", everything]),
            ("shares list --json", [*command, "shares", "list", "--json", "--limit", everything]),
            ("storage verify", [*command, "storage", "verify"]),
            ("storage verify --json", [*command, "storage", "verify", "--json"]),
            (
                "storage move --all --dry-run, no bucket",
                [*command, "storage", "move", "--to", "s3", "--all", "--dry-run"],
            ),
        ):
            for _ in range(options.rounds if options.only in words else 0):
                report(words, arguments, environment)


def fill(file: Path, directory: Path, count: int) -> None:
    """Write shares that are done, each with a media of its own in a directory that is not there."""
    with open_catalog(f"sqlite:///{file}") as catalog, catalog.database.engine.begin() as connection:
        for start in range(0, count, _ROWS_AT_A_TIME):
            numbers = range(start, min(count, start + _ROWS_AT_A_TIME))
            connection.execute(insert(shares), [dict(share_row(number)) for number in numbers])
            connection.execute(insert(share_work), [dict(work_row(number)) for number in numbers])
            connection.execute(insert(media), [dict(media_row(number, directory)) for number in numbers])


def share_id(number: int) -> str:
    """Return the id of a share."""
    return f"6f1c0c8e-5d0f-4c53-9d2c-{number:012}"


def share_row(number: int) -> Iterator[tuple[str, object]]:
    """Yield the columns of a share."""
    yield "id", share_id(number)
    yield "user_id", USER
    yield "url", f"https://www.tiktok.com/@user/video/{number:019}"
    yield "platform", "tiktok"
    yield "status", "done"
    yield "created_at", at(number)
    yield "updated_at", at(number)


def work_row(number: int) -> Iterator[tuple[str, object]]:
    """Yield the columns of its work."""
    yield from {
        "share_id": share_id(number),
        "state": "done",
        "media_id": f"media-{number:09}",
        "attempts": 1,
        "crashes": 0,
        "outcome": "done",
        "finished_at": at(number + 9),
        "updated_at": at(number + 9),
    }.items()


def media_row(number: int, directory: Path) -> Iterator[tuple[str, object]]:
    """Yield the columns of its media."""
    key = f"videos/{number:09}"
    yield from {
        "media_id": f"media-{number:09}",
        "canonical_url": f"https://www.tiktok.com/@user/video/{number:019}",
        "platform": "tiktok",
        "share_id": share_id(number),
        "object_key": f"{key}.mp4",
        "state": "stored",
        "title": "a title of some length, as people write them",
        "extractor": "TikTok",
        "duration_seconds": 30.0,
        "video_url": str(directory / f"{key}.mp4"),
        "size_bytes": 2_400_000,
        "sha256": "a" * 64,
        "content_type": "video/mp4",
        "audio_url": str(directory / f"{key}.m4a"),
        "audio_size_bytes": 240_000,
        "audio_sha256": "b" * 64,
        "audio_content_type": "audio/mp4",
        "download_seconds": 1.0,
        "placement_backend": "local",
        "placement_mode": "local",
        "placement_percentage": 0,
        "placement_bucket": number % 100,
        "created_at": at(number),
        "stored_at": at(number + 5),
        "updated_at": at(number + 5),
    }.items()


def report(words: str, arguments: list[str], environment: Mapping[str, str]) -> None:
    """Run a command and print what it took."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT, env=dict(environment))
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        size = output.seek(0, os.SEEK_END)
    print(f"| {words} | {seconds:.1f} | {usage.ru_maxrss / 1024:.0f} MB | {size / 1e6:.2f} MB |", flush=True)


if __name__ == "__main__":
    main()
