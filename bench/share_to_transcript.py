"""How long a share takes from `shares add` to its transcript, and how many a minute a backlog makes.

Beside it `plain_script.py`, on the same links, S3 server and machine, the rounds interleaved.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Bench, machine, running_pipeline

from bookmarkai_assets.adapters.speech.models import find_model
from bookmarkai_assets.core.ports import Catalog
from bookmarkai_assets.settings import load_settings
from bookmarkai_assets.wiring import open_catalog

BACKLOG = 40
POLL_SECONDS = 0.1
DEADLINE_SECONDS = 600


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of pipeline and plain script, interleaved")
    rounds = range(parser.parse_args().rounds)
    print(f"machine: {machine()}")
    with (
        running_pipeline(mode="s3") as bench,
        open_catalog(load_settings(env_file=None, catalog_url=bench.environment["CATALOG_URL"])) as catalog,
    ):
        lone = [seconds_for(bench, catalog, [bench.long_link(n)]) for n in rounds]
        print(f"one 30 s clip, from `shares add` to its transcript: {shown(lone)}")
        ours, plain = [], []
        for n in rounds:
            links = [f"{link}&round={n}" for link in bench.short_links(BACKLOG)]
            ours.append(seconds_for(bench, catalog, links))
            plain.append(seconds_of_plain_script(bench, links))
        ratio = statistics.median(one / other for one, other in zip(ours, plain, strict=True))
        print(f"backlog of {BACKLOG} clips of 5 to 8 s, the pipeline: {shown(ours)}, {per_minute(ours)}")
        print(f"backlog of {BACKLOG} clips of 5 to 8 s, plain script: {shown(plain)}, {per_minute(plain)}")
        print(f"the pipeline takes {ratio:.2f} of the plain script's time")


def seconds_for(bench: Bench, catalog: Catalog, links: list[str]) -> float:
    """Share links with the command line; give the seconds until the last one is done."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "links.txt"
        file.write_text("\n".join(links))
        command = [sys.executable, "-m", "bookmarkai_assets.cli", "shares", "add", "--from-file", str(file)]
        subprocess.run(command, env=bench.environment, check=True, stdout=subprocess.DEVNULL)
    wanted = set(links)
    while time.monotonic() - start < DEADLINE_SECONDS:
        statuses = [share.status for share in catalog.shares.list(limit=len(links)) if share.url in wanted]
        if "error" in statuses:
            raise SystemExit("expected every share to succeed, found an error; see `bookmarkai shares list`")
        if statuses == ["done"] * len(links):
            return time.monotonic() - start
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"expected {len(links)} transcripts within {DEADLINE_SECONDS} s")


def seconds_of_plain_script(bench: Bench, links: list[str]) -> float:
    """Run the plain script in a process of its own; give the seconds it counts."""
    job = {
        "links": links,
        "model": str(find_model("tiny.en")),
        "bucket": bench.seaweed.bucket,
        "endpoint": bench.seaweed.endpoint,
        "access_key": bench.seaweed.access_key,
        "secret_key": bench.seaweed.secret_key,
    }
    script = Path(__file__).with_name("plain_script.py")
    done = subprocess.run(
        [sys.executable, str(script)], input=json.dumps(job), text=True, check=True, stdout=subprocess.PIPE
    )
    return float(done.stdout)


def shown(seconds: list[float]) -> str:
    """Write a median with all its values."""
    return f"{statistics.median(seconds):.1f} s ({', '.join(f'{value:.1f}' for value in seconds)})"


def per_minute(seconds: list[float]) -> str:
    """Write a rate."""
    return f"{60 * BACKLOG / statistics.median(seconds):.0f} a minute"


if __name__ == "__main__":
    main()
