"""Measure the commands that read the catalog, over one of as many shares as is asked for: wall time, CPU and memory.

Each command is a process of its own, with its imports, as a person starts it. Beside them stand the reads of the
assets that look at all shares, in this process. Shares have titles and authors, media, transcripts with what made them,
and 200,000 sentences to search, of other shares. Of every thousand shares one is pending and one has failed, and of
every hundred transcripts one is stale. `--keep FILE` keeps the catalog, and uses it if it is there already.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

from common import machine
from sqlalchemy import insert, text

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what is shared with the tests

import metrics_scrape
import search
from reports import share_id

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog, upgrade_catalog
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcript_provenance, transcripts
from bookmarkai_assets.core.rollout.windows import day_of
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.core.transcripts.transcript import Recipe
from bookmarkai_assets.operations.alerts.alerting import update_incidents
from bookmarkai_assets.operations.failures.debt import debt_report
from bookmarkai_assets.operations.rollout.measuring import measure_day
from bookmarkai_assets.operations.transcripts.stale import current_recipe, staleness_report
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.speech import make_speech_engine
from tests.support.catalog import at
from tests.support.postgres import running_postgres

SENTENCES = 200_000
ROWS_AT_A_TIME = 5_000
STALE_OF = 100
"""Of so many transcripts one is stale."""

ADJECTIVES = ("quick", "slow", "cheap", "crispy", "perfect", "tiny", "my first", "another", "our best", "a new")
NOUNS = ("chocolate cake", "kitchen", "bicycle", "garden", "workout", "trip to Lisbon", "guitar", "puzzle", "desk")
RARE = "kaleidoscope"
"""A word in the title of one share only, an old one."""

Taken: TypeAlias = tuple[float, float, float | None]
"""Wall seconds, CPU seconds, and the peak memory in MB of a process of its own."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="shares and media")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the catalog, on SQLite, in this file")
    parser.add_argument("--only", default="", help="measure only what has this in its name")
    options = parser.parse_args()
    print(f"machine: {machine()}; {options.count:,} shares and media on {options.database}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name, database(options, Path(name)) as url:
        environment = {"CATALOG_URL": url, "WHISPER_MODEL": "tiny.en", "DAGSTER_HOME": name}
        settings = load_settings(env_file=None, catalog_url=url, whisper_model="tiny.en")
        with open_catalog(url) as catalog:
            if not catalog.shares.count(statuses=["done"]):
                fill(catalog, settings, options.count)
            print(f"\n| what | rounds | median s | least to most | CPU s | peak memory |\n|{' --- |' * 6}", flush=True)
            measured = {
                **{words: partial(run, arguments, environment) for words, arguments in commands(options.count).items()},
                **{words: partial(timed, read) for words, read in reads(catalog, settings).items()},
            }
            for words, measure in measured.items():
                if options.only in words:
                    report(words, [measure() for _ in range(options.rounds)])


@contextmanager
def database(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    """Yield the URL of a catalog, which is deleted at the end unless it is to be kept."""
    if options.database == "sqlite":
        yield f"sqlite:///{options.keep or directory / 'catalog.db'}"
        return
    with running_postgres() as server, server.database() as url:
        upgrade_catalog(url)
        yield url


def fill(catalog: OpenCatalog, settings: Settings, count: int) -> None:
    """Write shares that were shared by many, with their media, transcripts and what made them."""
    began = time.monotonic()
    recipe = make_speech_engine(settings).recipe()
    old = Recipe(recipe.engine, "1.0.0", recipe.model, recipe.weights_sha256, recipe.parameters)
    metrics_scrape.fill(catalog, count, transfers=20_000)
    search.fill(catalog, SENTENCES)
    titles = text("UPDATE shares SET title = :title, author = :author WHERE id = :id")
    for start in range(0, count, ROWS_AT_A_TIME):
        numbers = range(start, min(count, start + ROWS_AT_A_TIME))
        with catalog.database.engine.begin() as connection:
            connection.execute(
                titles,
                [{"id": share_id(n), "title": title(n), "author": f"author{n % 5000}"} for n in numbers],
            )
            connection.execute(insert(transcripts), [transcript_row(n) for n in numbers])
            connection.execute(
                insert(transcript_provenance),
                [provenance_row(n, old if n % STALE_OF == 7 else recipe) for n in numbers],
            )
    with catalog.database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("ANALYZE" if catalog.database.is_sqlite else "VACUUM ANALYZE")
    print(f"filled in {time.monotonic() - began:.0f} s", flush=True)


def title(number: int) -> str:
    """Return the title of a share."""
    rare = f" with a {RARE}" if number == ROWS_AT_A_TIME else ""
    return f"How to make {ADJECTIVES[number % 10]} {NOUNS[number % 9]}s at home, part {number % 97}{rare}"


def transcript_row(number: int) -> dict[str, object]:
    """Return the columns of a transcript."""
    said = f"In this video I will show you {title(number)}, and what to do if it fails. Let us begin. " * 3
    return {
        "id": f"7f1c0c8e-5d0f-4c53-9d2c-{number:012}",
        "share_id": share_id(number),
        "full_text": said,
        "segments": [{"start": 0.0, "end": 30.0, "text": said}],
        "language": "en",
        "created_at": at(number + 9),
        "updated_at": at(number + 9),
    }


def provenance_row(number: int, recipe: Recipe) -> dict[str, object]:
    """Return the columns of what made a transcript."""
    return {
        "share_id": share_id(number),
        "engine": recipe.engine,
        "model": recipe.model,
        "language_probability": 0.98,
        "duration_seconds": 30.0,
        "transcribe_seconds": 1.0,
        "engine_version": recipe.engine_version,
        "weights_sha256": recipe.weights_sha256,
        "parameters": dict(recipe.parameters),
        "recipe": recipe.fingerprint,
        "audio_sha256": "b" * 64,
        "speech_seconds": 25.0,
        "updated_at": at(number + 9),
    }


def commands(count: int) -> Mapping[str, list[str]]:
    """Return the arguments of each command."""
    middle = count // 2 + 1
    return {
        "--help": ["shares", "list", "--help"],
        "shares list": ["shares", "list"],
        "shares list --limit 1000 --json": ["shares", "list", "--limit", "1000", "--json"],
        "shares list --status error": ["shares", "list", "--status", "error"],
        "shares list --text, rare": ["shares", "list", "--text", RARE],
        "shares find, a common word": ["shares", "find", "chocolate"],
        "shares find, a rare word": ["shares", "find", RARE],
        "shares find, two words": ["shares", "find", "lisbon", "kitchen"],
        "shares find, nowhere": ["shares", "find", "xylophone"],
        "shares find, an id": ["shares", "find", share_id(middle)],
        "shares find, a link": ["shares", "find", f"https://www.tiktok.com/@user/video/{middle:019}"],
        "shares find, a link of another form": [
            "shares", "find", f"https://m.tiktok.com/@someone/video/{middle:019}?is_from_webapp=1",
        ],
        "shares find, a link that nobody shared": ["shares", "find", "https://www.tiktok.com/@user/video/77"],
        "shares debt": ["shares", "debt"],
        "transcripts stale": ["transcripts", "stale"],
        "metrics": ["metrics"],
        "rollout status": ["rollout", "status"],
        "work": ["work", "--json"],
    }  # fmt: skip


def reads(catalog: OpenCatalog, settings: Settings) -> Mapping[str, Callable[[], object]]:
    """Return what the assets read that look at all shares. Partitions are as many as Dagster recommends at most."""
    rules, now = make_rules(settings), datetime.now(UTC)
    partitions = [share_id(number) for number in range(100_000)]
    present = current_recipe(make_speech_engine(settings))
    return {
        "hourly: retry_debt": lambda: debt_report(catalog, now=now, partitions=partitions).as_dict(),
        "five-minute: rollout_metrics": lambda: measure_day(catalog, rules, day_of(now), now=now),
        "five-minute: alerts": lambda: update_incidents(catalog, rules, now=now),
        "daily: made_as_set": lambda: staleness_report(
            catalog, present, lambda: partitions, limit=100, ui=DagsterUI()
        ).as_dict(),
    }


def run(arguments: list[str], environment: Mapping[str, str]) -> Taken:
    """Run a command and return what it took."""
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "bookmarkai_assets.cli", *arguments]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=path | dict(environment))
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(
            f"expected {' '.join(arguments)} to succeed, found exit code {os.waitstatus_to_exitcode(status)}"
        )
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def timed(read: Callable[[], object]) -> Taken:
    """Read in this process and return what it took."""
    began, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    read()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    return seconds, after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime, None


def report(words: str, rounds: list[Taken]) -> None:
    """Print a line of the table."""
    walls = sorted(seconds for seconds, _, _ in rounds)
    cpu = statistics.median(seconds for _, seconds, _ in rounds)
    peaks = [peak for _, _, peak in rounds if peak is not None]
    memory = f"{max(peaks):.0f} MB" if peaks else ""
    spread = f"{walls[0]:.2f} to {walls[-1]:.2f}"
    print(f"| {words} | {len(walls)} | {statistics.median(walls):.2f} | {spread} | {cpu:.2f} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
