"""Measure the HTTP door: requests per second, and how long they take, on one process over a large catalog.

A catalog on SQLite with as many shares as is asked for, and 200,000 sentences to search, behind a real `bookmarkai
serve`. Eight clients that keep their connections ask at the same time, one kind of request after the other. Beside the
posts stands a plain script that inserts the same rows with one transaction for each.
"""

import argparse
import http.client
import json
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from common import machine

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what is shared with the tests

import metrics_scrape
import search

from bookmarkai_assets.adapters.catalog import open_catalog
from tests.door.live_door import live_door

CLIENTS = 8
SENTENCES = 200_000
JSON = {"Content-Type": "application/json"}

Request: TypeAlias = tuple[str, str, str | None]
"""Method, path and body."""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="shares and media")
    parser.add_argument("--seconds", type=float, default=5, help="how long each kind is asked, in each round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"machine: {machine()}; {options.count:,} shares on SQLite, {CLIENTS} clients, one process")
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
        directory, file = Path(name), Path(name) / "catalog.db"
        with open_catalog(f"sqlite:///{file}") as catalog:
            metrics_scrape.fill(catalog, options.count, transfers=20_000)
            words = search.fill(catalog, SENTENCES).words[200:5000]
        with live_door(
            directory,
            CATALOG_URL=f"sqlite:///{file}",
            YTDLP_DOWNLOAD_DIR=str(directory / "media"),
            DOOR_REQUESTS_PER_MINUTE="1000000",
        ) as door:
            print(f"\n| request | rounds | a second | p50 | p99 | slowest |\n|{' --- |' * 6}")
            kinds: dict[str, Callable[[int], Request]] = {
                "POST shares": lambda _: ("POST", "/api/v1/shares", json.dumps({"url": new_link()})),
                "GET shares": lambda _: ("GET", "/api/v1/shares?limit=50", None),
                "GET transcripts/search": lambda n: (
                    "GET",
                    f"/api/v1/transcripts/search?q={words[n % len(words)]}",
                    None,
                ),
                "GET /metrics": lambda _: ("GET", "/metrics", None),
                "the library's page": lambda _: ("GET", "/", None),
            }
            for kind, request in kinds.items():
                report(kind, [ask(door.port, request, options.seconds) for _ in range(options.rounds)], options.seconds)
        report(
            "INSERT, a plain script",
            [list(insert(file, options.seconds)) for _ in range(options.rounds)],
            options.seconds,
        )


def report(kind: str, rounds: list[list[float]], seconds: float) -> None:
    """Print a line of the table: how many a second (median and range of the rounds), and how long one takes."""
    taken = sorted(of_one for one in rounds for of_one in one)
    rates = sorted(len(one) / seconds for one in rounds)
    p50, p99 = (taken[min(len(taken) - 1, int(len(taken) * share))] * 1000 for share in (0.5, 0.99))
    spread = f"{statistics.median(rates):.0f} ({rates[0]:.0f} to {rates[-1]:.0f})"
    print(
        f"| {kind} | {len(rounds)} | {spread} | {p50:.1f} ms | {p99:.1f} ms | {taken[-1] * 1000:.0f} ms |", flush=True
    )


def ask(port: int, request: Callable[[int], Request], seconds: float) -> list[float]:
    """Ask from all clients for so long, and return how long each request took, in seconds."""
    end = time.monotonic() + seconds

    def client(number: int) -> list[float]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        taken: list[float] = []
        while time.monotonic() < end:
            method, path, body = request(number + CLIENTS * len(taken))
            began = time.perf_counter()
            connection.request(method, path, body, JSON if body else {})
            answer = connection.getresponse()
            answer.read()
            taken.append(time.perf_counter() - began)
            if answer.status not in {200, 201}:
                raise SystemExit(f"expected {method} {path} to succeed, found {answer.status}")
        connection.close()
        return taken

    with ThreadPoolExecutor(CLIENTS) as clients:
        return [taken for of_client in clients.map(client, range(CLIENTS)) for taken in of_client]


def insert(file: Path, seconds: float) -> Iterator[float]:
    """Insert shares for so long as a script would, and yield how long each took."""
    connection = sqlite3.connect(file, isolation_level=None)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        connection.execute(
            "INSERT INTO shares (id, user_id, url, platform, status) VALUES (?, ?, ?, 'tiktok', 'pending')",
            (str(uuid.uuid4()), str(uuid.uuid4()), new_link()),
        )
        yield time.perf_counter() - began
    connection.close()


def new_link() -> str:
    """Return a link that nobody has shared."""
    return f"https://www.tiktok.com/@user/video/{uuid.uuid4().int % 10**19:019}"


if __name__ == "__main__":
    main()
