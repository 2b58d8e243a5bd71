"""Measure uploads: their pace, the time from an upload's end to its transcript, and how many events a second.

`bookmarkai upload` is timed beside `aws s3 cp` and a script with boto3's `upload_file`, interleaved on SeaweedFS. Each
is a process of its own, from its start to its end. `--aws` names the program: it is no dependency of this project, so
install `awscli` in an environment of its own. What comes after an upload runs with ministack if `make ministack` has
installed it, else with moto in this process.
"""

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import dagster as dg
from common import DEADLINE_SECONDS, POLL_SECONDS, PROJECT, machine, running_pipeline
from transfers import BUCKET, random_file

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.shares.share import LOCAL_USER
from bookmarkai_assets.core.uploads.ports import UploadBucket
from bookmarkai_assets.core.uploads.upload import Declaration, Upload
from bookmarkai_assets.definitions import build_defs
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.operations.uploads.beginning import Method, begin_upload, complete_upload
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.storage import make_uploads
from bookmarkai_assets.wiring.upload_events import make_upload_inbox
from tests.support.event_server import (
    ACCESS_KEY,
    REGION,
    SECRET_KEY,
    EventServer,
    Ministack,
    MotoServer,
    ministack_program,
)
from tests.support.uploads import DATA, add_upload

OURS, AWS, BOTO3 = "bookmarkai upload", "aws s3 cp", "boto3"
POLLED_EVERY_SECONDS = 30
"""The default of UPLOAD_POLL_SECONDS."""

_BOTO3 = """
import os, pathlib, sys
from boto3.session import Session
client = Session().client("s3", endpoint_url=os.environ["S3_ENDPOINT"])
for file in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    client.upload_file(str(file), os.environ["S3_MEDIA_BUCKET"], f"boto3/{file.name}")
"""

Command: TypeAlias = Callable[[Path], Sequence[str]]
"""Makes a tool's command for a directory of files."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large-megabytes", type=int, default=500)
    parser.add_argument("--small-files", type=int, default=200)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--aws", default=shutil.which("aws"), help="the program of the AWS command line")
    parser.add_argument("--only", nargs="+", choices=["pace", "transcripts", "events"])
    options = parser.parse_args()
    only = options.only or ["pace", "transcripts", "events"]
    print(f"machine: {machine()}; {options.rounds} rounds")
    if "pace" in only:
        for count, megabytes in ((1, options.large_megabytes), (options.small_files, 1)):
            compare(count, megabytes, options.rounds, aws=options.aws)
    if "transcripts" in only:
        time_transcripts(options.rounds)
    if "events" in only:
        time_events(options.events, options.rounds)


def compare(count: int, megabytes: int, rounds: int, *, aws: str | None) -> None:
    """Time each tool in turn, round by round, and print medians, and ratios to what is not ours."""
    tools = tools_for(aws)
    seconds: dict[str, list[float]] = {tool: [] for tool in tools}
    for number in range(rounds):
        # A new server and new files for each round: what is there already is not sent, and must slow nothing.
        with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
            directory = Path(name)
            with SeaweedServer(directory / "s3", bucket=BUCKET) as seaweed:
                environment = environment_for(seaweed, directory)
                # Creating the catalog and the server's first volumes must not count.
                warm = directory_of(directory / "warm", 1, 1)
                for command in tools.values():
                    run(command(warm), environment)
                files = directory_of(directory / "files", count, megabytes)
                order = list(tools)
                for tool in order[number % len(order) :] + order[: number % len(order)]:
                    seconds[tool].append(run(tools[tool](files), environment))
    print(f"\n{count} x {megabytes} MB")
    ours = statistics.median(seconds[OURS])
    for tool, taken in seconds.items():
        median = statistics.median(taken)
        spread = f"{min(taken):.2f} to {max(taken):.2f}"
        ratio = "" if tool == OURS else f"  ours takes {ours / median:.2f} of its time"
        print(f"  {tool:<17} {median:7.2f} s  ({spread})  {count * megabytes / median:5.0f} MB/s{ratio}", flush=True)


def tools_for(aws: str | None) -> dict[str, Command]:
    """Return the tools to time, without the AWS command line where there is none."""
    tools: dict[str, Command] = {
        OURS: lambda files: [
            *(sys.executable, "-m", "bookmarkai_assets.cli", "upload"),
            *(str(file) for file in sorted(files.iterdir())),
        ],
        BOTO3: lambda files: [sys.executable, "-c", _BOTO3, str(files)],
    }
    if aws is None:
        print("no program `aws` was found, so `aws s3 cp` is left out: name it with --aws")
        return tools
    options = ("--recursive", "--only-show-errors", "--no-progress")
    tools[AWS] = lambda files: [aws, "s3", "cp", str(files), f"s3://{BUCKET}/aws/", *options]
    return tools


def environment_for(seaweed: SeaweedServer, directory: Path) -> dict[str, str]:
    """Return the environment of all tools."""
    return {
        **os.environ,
        **seaweed.variables,
        "CATALOG_URL": f"sqlite:///{directory / 'catalog.db'}",
        "YTDLP_DOWNLOAD_DIR": str(directory / "media"),
        "AWS_ACCESS_KEY_ID": seaweed.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweed.secret_key,
        "AWS_DEFAULT_REGION": seaweed.region,
        "AWS_ENDPOINT_URL": seaweed.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def directory_of(directory: Path, count: int, megabytes: int) -> Path:
    """Write files of random bytes into a new directory, and return it."""
    directory.mkdir()
    for number in range(count):
        random_file(directory / f"{number:03}.mp4", megabytes)
    return directory


def run(command: Sequence[str], environment: dict[str, str]) -> float:
    """Run a command to its end, and return its seconds. What was written before is synced first."""
    os.sync()
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, cwd=PROJECT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


@contextmanager
def running_events() -> Iterator[EventServer]:
    """Run a server of S3 and SQS."""
    program = ministack_program()
    with ExitStack() as stack:
        if program is None:
            print("\nS3 and SQS: moto, in this process")
            yield stack.enter_context(MotoServer())
        else:
            print("\nS3 and SQS: ministack")
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bookmarkai-bench-"))
            yield stack.enter_context(Ministack(program, Path(directory)))


def variables_for(server: EventServer, bucket: str) -> dict[str, str]:
    """Return the pipeline's settings for a bucket of the server."""
    return {
        "S3_MEDIA_BUCKET": bucket,
        "S3_ENDPOINT": server.endpoint,
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
        "S3_USE_PATH_STYLE": "true",
        "AWS_REGION": REGION,
    }


@dataclass(frozen=True)
class Uploader:
    """Uploads clips to a pipeline, as their owner does."""

    catalog: OpenCatalog
    bucket: UploadBucket

    def seconds_to_transcript(self, *, says_so: bool) -> tuple[float, float]:
        """Upload a new clip. Return the seconds from its last byte to its share, and to its transcript.

        With `says_so` the owner says that it is complete, as the page and the command do. Without, nobody does.
        """
        with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
            file, digest = new_clip(Path(name) / "clip.mp4")
            now = datetime.now(UTC)
            declared = Declaration(file.name, "video/mp4", digest)
            upload = begin_upload(
                self.catalog,
                self.bucket,
                declared,
                user_id=LOCAL_USER,
                method=Method.FORM,
                new_id=lambda: str(uuid.uuid4()),
                now=now,
            ).upload
            self.bucket.send_at_once(upload, file)
        began = time.monotonic()
        if says_so:
            complete_upload(self.catalog, self.bucket, upload, now=datetime.now(UTC))
        return self._wait(upload, began)

    def _wait(self, upload: Upload, began: float) -> tuple[float, float]:
        shared_after = None
        while time.monotonic() - began < DEADLINE_SECONDS:
            found = self.catalog.uploads.get(upload.upload_id)
            if found is not None and found.share_id is not None:
                shared_after = shared_after or time.monotonic() - began
                share = self.catalog.shares.get(found.share_id)
                if share.status == "error":
                    raise SystemExit(f"expected the upload to be transcribed, found an error of share {share.share_id}")
                if share.status == "done":
                    return shared_after, time.monotonic() - began
            time.sleep(POLL_SECONDS)
        raise SystemExit(f"expected a transcript within {DEADLINE_SECONDS} s")


def new_clip(path: Path) -> tuple[Path, Digest]:
    """Write a short clip with bytes that no other has: an MP4 may end with a box that players skip."""
    noise = uuid.uuid4().bytes
    data = SHORT_SAMPLES[0].path.read_bytes() + (8 + len(noise)).to_bytes(4, "big") + b"free" + noise
    path.write_bytes(data)
    return path, Digest(len(data), hashlib.sha256(data).hexdigest())


def time_transcripts(rounds: int) -> None:
    """Print the seconds from an upload's last byte to its share and transcript, by how it is noticed.

    A pipeline with a queue comes first, and then one without. There the uploads end at moments that are spread over the
    time between two rounds of asking.
    """
    with running_events() as server:
        queue = server.make_queue()
        bucket = server.make_bucket(queue)
        variables = variables_for(server, bucket)
        with uploader({**variables, "UPLOAD_EVENTS_QUEUE_URL": queue}) as one:
            one.seconds_to_transcript(says_so=True)  # the first run imports everything
            pairs = [
                (one.seconds_to_transcript(says_so=True), one.seconds_to_transcript(says_so=False))
                for _ in range(rounds)
            ]
            report("its owner says so", [said for said, _ in pairs])
            report("the bucket's event", [event for _, event in pairs])
        with uploader(variables) as one:
            one.seconds_to_transcript(says_so=True)
            polled = []
            for number in range(rounds):
                time.sleep(POLLED_EVERY_SECONDS * (number + 0.5) / rounds)
                polled.append(one.seconds_to_transcript(says_so=False))
            report(f"asking each {POLLED_EVERY_SECONDS} s", polled)


@contextmanager
def uploader(variables: dict[str, str]) -> Iterator[Uploader]:
    """Run a pipeline that stores locally, with these settings, and upload to it."""
    with running_pipeline(mode="local", variables=variables) as bench:
        settings = settings_of(variables, bench.environment["CATALOG_URL"])
        bucket = make_uploads(settings)
        if bucket is None:
            raise SystemExit("expected a bucket in the settings, found none")
        with open_catalog(bench.environment["CATALOG_URL"]) as catalog:
            yield Uploader(catalog, bucket)


def settings_of(variables: dict[str, str], catalog_url: str) -> Settings:
    """Return the settings for these environment variables."""
    named = {name.lower(): value for name, value in variables.items()}
    return load_settings(env_file=None, catalog_url=catalog_url, **named)


def report(way: str, seconds: Sequence[tuple[float, float]]) -> None:
    """Print one line: the median and all values, to the share and to the transcript."""
    words = [
        f"to its {what} {statistics.median(taken):.1f} s ({', '.join(f'{one:.1f}' for one in taken)})"
        for what, taken in zip(("share", "transcript"), zip(*seconds, strict=True), strict=True)
    ]
    print(f"  from an upload's last byte, noticed by {way:<20} {'; '.join(words)}", flush=True)


def time_events(count: int, rounds: int) -> None:
    """Print how many events a second the sensor's ticks deal with, with one upload for each event."""
    rates = []
    with running_events() as server:
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
                rates.append(count / seconds_of_ticks(server, Path(name), count))
    spread = ", ".join(f"{rate:.0f}" for rate in rates)
    print(f"  {count} events in the queue: {statistics.median(rates):.0f} a second ({spread})")


def seconds_of_ticks(server: EventServer, directory: Path, count: int) -> float:
    """Return the seconds of the ticks that make the shares of so many uploads, whose events are in the queue."""
    url = f"sqlite:///{directory / 'catalog.db'}"
    queue = server.make_queue()
    bucket = server.make_bucket(queue)
    settings = settings_of({**variables_for(server, bucket), "UPLOAD_EVENTS_QUEUE_URL": queue}, url)
    inbox = make_upload_inbox(settings)
    sensor = build_defs(settings).resolve_sensor_def("uploaded_media")
    with dg.DagsterInstance.ephemeral() as instance, open_catalog(url) as catalog:
        for _ in range(count):
            server.put(bucket, add_upload(catalog), DATA)
        resources = {"catalog": catalog, "rules": make_rules(settings), "upload_inbox": inbox}
        cursor = None
        began = time.monotonic()
        while catalog.shares.count() < count:
            with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
                sensor(context)
                cursor = context.cursor
            if time.monotonic() - began > DEADLINE_SECONDS:
                raise SystemExit(f"expected {count} shares, found {catalog.shares.count()}")
        return time.monotonic() - began


if __name__ == "__main__":
    main()
