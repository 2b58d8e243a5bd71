"""Time verified transfers beside what a user would call instead, boto3's own and s5cmd, interleaved on SeaweedFS.

Prints medians and ratios, the peak memory by file size, and how many objects a verification checks in a second.
"""

import argparse
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import machine

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Media, MediaState, Part, VideoInfo, media_id_of
from bookmarkai_assets.core.media.object_keys import video_key
from bookmarkai_assets.core.media.placement import Backend, Decider, placed_by
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.operations.storage.verifying import verify_storage
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules

MEGABYTE = 1_000_000
WORKERS = 8
"""The default of `bookmarkai storage move`."""

BUCKET = "bench-media"


@dataclass(frozen=True)
class Setup:
    """A server, the store under test, a plain boto3 client, the files to send and a directory to receive them."""

    seaweed: SeaweedServer
    store: S3Store
    client: Any
    directory: Path
    files: Mapping[Path, Digest]

    def key(self, path: Path, tool: str, number: int) -> str:
        """Return a key that no round has used, because an object that already exists is not sent again."""
        return f"{tool}/{number}/{path.name}"


Timed = Callable[[Setup, int], None]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large-megabytes", type=int, default=500)
    parser.add_argument("--small-files", type=int, default=300)
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of is not None:
        print(peak_bytes(options.peak_of))
        return
    print(f"machine: {machine()}; {options.rounds} rounds, interleaved, medians")
    for count, megabytes in ((1, options.large_megabytes), (options.small_files, 1)):
        compare(count, megabytes, options.rounds)
    for megabytes in (5, 50, options.large_megabytes):
        peak = subprocess.run(
            [sys.executable, __file__, "--peak-of", str(megabytes)], check=True, capture_output=True, text=True
        )
        print(f"peak memory of a process that puts and gets {megabytes} MB: {int(peak.stdout) / MEGABYTE:.0f} MB")
    verified_per_second(options.small_files)


def compare(count: int, megabytes: int, rounds: int) -> None:
    """Time every tool in turn, round by round, and print medians beside boto3's."""
    print(f"\n{count} x {megabytes} MB")
    tools: dict[str, tuple[Timed, Timed]] = {
        "verified": (put_verified, get_verified),
        "boto3": (put_boto3, get_boto3),
        "s5cmd": (put_s5cmd, get_s5cmd),
    }
    seconds: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        # A new server for each round, because what earlier rounds left must not slow the later ones.
        with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
            directory = Path(name)
            with SeaweedServer(directory / "s3", bucket=BUCKET) as seaweed:
                setup = make_setup(seaweed, directory, count, megabytes)
                # Opening connections and creating the server's first volumes must not count.
                warm = replace(setup, files=dict([random_file(directory / "warm.mp4", 1)]))
                for tool, (put, get) in tools.items():
                    if tool != "s5cmd":
                        put(warm, -1)
                        get(warm, -1)
                        shutil.rmtree(directory / "received")
                order = list(tools.items())
                for tool, (put, get) in order[number % 3 :] + order[: number % 3]:
                    seconds.setdefault((tool, "put"), []).append(timed(put, setup, number))
                    seconds.setdefault((tool, "get"), []).append(timed(get, setup, number))
                    shutil.rmtree(directory / "received")
    for operation in ("put", "get"):
        base = statistics.median(seconds["boto3", operation])
        for tool in tools:
            took = statistics.median(seconds[tool, operation])
            spread = f"{min(seconds[tool, operation]):.2f} to {max(seconds[tool, operation]):.2f}"
            speed = count * megabytes / took
            ratio = f"{took / base:.2f} of boto3's time"
            print(f"  {operation}  {tool:<9} {took:7.2f} s  ({spread})  {speed:6.0f} MB/s  {ratio}")


def timed(task: Timed, setup: Setup, number: int) -> float:
    """Return the wall time of one tool's turn, after syncing what was written before."""
    os.sync()
    start = time.perf_counter()
    task(setup, number)
    return time.perf_counter() - start


def make_setup(seaweed: SeaweedServer, directory: Path, count: int, megabytes: int) -> Setup:
    """Write the files and connect. boto3's client has only the settings that it needs."""
    from boto3.session import Session

    source = directory / "source"
    source.mkdir()
    store = S3Store(
        BUCKET,
        region=seaweed.region,
        endpoint=seaweed.endpoint,
        access_key=seaweed.access_key,
        secret_key=seaweed.secret_key,
        use_path_style=True,
    )
    client = Session().client(
        "s3",
        region_name=seaweed.region,
        endpoint_url=seaweed.endpoint,
        aws_access_key_id=seaweed.access_key,
        aws_secret_access_key=seaweed.secret_key,
    )
    return Setup(
        seaweed,
        store,
        client,
        directory,
        dict(random_file(source / f"{n}.mp4", megabytes) for n in range(count)),
    )


def random_file(path: Path, megabytes: int) -> tuple[Path, Digest]:
    """Write random bytes. Return the path and its digest, which the pipeline knows from the download."""
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(megabytes):
            block = os.urandom(MEGABYTE)
            sha256.update(block)
            file.write(block)
    return path, Digest(megabytes * MEGABYTE, sha256.hexdigest())


def put_verified(setup: Setup, number: int) -> None:
    """Put with this project's store, `WORKERS` files at a time."""

    def put(item: tuple[Path, Digest]) -> None:
        path, digest = item
        setup.store.put(
            path,
            setup.key(path, "verified", number),
            expected=digest,
            content_type="video/mp4",
            tags={},
            may_replace=False,
            may_consume=False,
        )

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(put, setup.files.items()))


def get_verified(setup: Setup, number: int) -> None:
    """Get with this project's store, `WORKERS` files at a time."""

    def get(item: tuple[Path, Digest]) -> None:
        path, digest = item
        url = setup.store.url_of(setup.key(path, "verified", number))
        setup.store.get(url, setup.directory / "received" / path.name, expected=digest)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(get, setup.files.items()))


def put_boto3(setup: Setup, number: int) -> None:
    """Put one by one with `upload_file`, which sends the parts of a large file in parallel."""
    for path in setup.files:
        setup.client.upload_file(str(path), BUCKET, setup.key(path, "boto3", number))


def get_boto3(setup: Setup, number: int) -> None:
    """Get one by one with `download_file`."""
    (setup.directory / "received").mkdir()
    for path in setup.files:
        destination = setup.directory / "received" / path.name
        setup.client.download_file(BUCKET, setup.key(path, "boto3", number), str(destination))


def put_s5cmd(setup: Setup, number: int) -> None:
    """Put the directory with s5cmd, with its defaults."""
    s5cmd(setup, f"{setup.directory}/source/", f"s3://{BUCKET}/s5cmd/{number}/")


def get_s5cmd(setup: Setup, number: int) -> None:
    """Get the directory with s5cmd."""
    (setup.directory / "received").mkdir()
    s5cmd(setup, f"s3://{BUCKET}/s5cmd/{number}/*", f"{setup.directory}/received/")


def s5cmd(setup: Setup, source: str, target: str) -> None:
    """Run `s5cmd cp`."""
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": setup.seaweed.access_key,
        "AWS_SECRET_ACCESS_KEY": setup.seaweed.secret_key,
        "AWS_REGION": setup.seaweed.region,
    }
    program = Path(sys.executable).with_name("s5cmd")
    command = [str(program), "--log", "error", "--endpoint-url", setup.seaweed.endpoint, "cp", source, target]
    subprocess.run(command, env=environment, check=True)


def peak_bytes(megabytes: int) -> int:
    """Return the peak resident memory of this process, in bytes, after it has put and got one file."""
    with (
        tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name,
        SeaweedServer(Path(name) / "s3", bucket=BUCKET) as seaweed,
    ):
        setup = make_setup(seaweed, Path(name), 1, megabytes)
        put_verified(setup, 0)
        get_verified(setup, 0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def verified_per_second(count: int) -> None:
    """Time a verification of `count` objects, first by what they carry and then by reading every byte."""
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
        directory = Path(name)
        rules = make_rules(load_settings(env_file=None, ytdlp_download_dir=directory / "media"))
        with (
            SeaweedServer(directory / "s3", bucket=BUCKET) as seaweed,
            open_catalog(f"sqlite:///{directory / 'catalog.db'}") as catalog,
        ):
            setup = make_setup(seaweed, directory, count, 1)
            now = datetime.now(UTC)
            for media in stored_media(setup, rules, now):
                catalog.media.restore(media, now=now)
            stores = Stores({Backend.S3: setup.store})
            print()
            for is_deep in (False, True):
                start = time.perf_counter()
                report = verify_storage(catalog, stores, rules, is_deep=is_deep, now=now)
                took = time.perf_counter() - start
                if not report.is_good:
                    raise SystemExit(f"expected everything in place, found {report.counts}")
                how = "every byte read" if is_deep else "by size and SHA-256"
                print(f"verified {count} objects of 1 MB, {how}: {count / took:.0f} a second ({took:.2f} s)")


def stored_media(setup: Setup, rules: PipelineRules, now: datetime) -> Sequence[Media]:
    """Put every file as a media of its own, and return their records."""

    def put(item: tuple[Path, Digest]) -> Media:
        path, digest = item
        url = f"https://example.com/{path.name}"
        media = Media(
            media_id=media_id_of(url),
            canonical_url=url,
            platform="generic",
            share_id="6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11",
            state=MediaState.STORED,
            info=VideoInfo(path.name, None, None, None, "generic", 1.0, None, None),
            video=Part(PartKind.VIDEO, video_key(rules.video_prefix, url, now, "mp4"), str(path), digest, "video/mp4"),
            audio=None,
            download_seconds=0.1,
            placement=placed_by(Decider.OPERATOR, rules.storage, "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11", Backend.S3),
            stored_at=now,
        )
        stored = setup.store.put(
            path,
            media.video.key,
            expected=digest,
            content_type="video/mp4",
            tags={},
            may_replace=False,
            may_consume=False,
        )
        return replace(media, video=replace(media.video, url=stored.url))

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(put, setup.files.items()))


if __name__ == "__main__":
    main()
