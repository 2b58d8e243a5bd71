"""Measure a scrape of metrics: its time over a catalog of as many shares and media as is asked for, on both databases.

Nothing is cached: every scrape reads the catalog. Beside the whole page stands what each figure takes, and the plain
statements that a user would write instead, which group all rows.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from common import empty_catalog, machine
from reports import media_row, share_row, work_row
from sqlalchemy import insert

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.catalog.tables.media import media, storage_events
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.adapters.prometheus import OPENMETRICS, MetricsPage
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.overview.catalog_figures import read_catalog_figures
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.history import read_state
from bookmarkai_assets.operations.rollout.measuring import read_gate_figures
from bookmarkai_assets.operations.shares.backlog import work_by_queue
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules

_ROWS_AT_A_TIME = 5_000
_OTHER_STATUSES = {10: "pending", 20: "error"}
"""Of every thousand shares one is pending, and one has failed."""

_PLAIN = {
    "statuses": "SELECT status, count(*) FROM shares GROUP BY status",
    "outcomes": "SELECT outcome, count(*) FROM share_work GROUP BY outcome",
    "stored": "SELECT placement_backend, count(*), sum(size_bytes + coalesce(audio_size_bytes, 0)) FROM media "
    "WHERE state = 'stored' GROUP BY placement_backend",
    "transfers": "SELECT operation, backend, count(*), sum(size_bytes), sum(seconds) FROM storage_events "
    "GROUP BY operation, backend",
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="shares and media")
    parser.add_argument("--transfers", type=int, default=20_000, help="transfers, over the last three years")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options = parser.parse_args()
    print(f"machine: {machine()}; {options.count:,} shares and media, {options.transfers:,} transfers in three years")
    print("\n| database | what | median ms | longest ms |")
    print(f"|{' --- |' * 4}")
    for database in options.database or ("sqlite", "postgresql"):
        with empty_catalog(database) as catalog:
            fill(catalog, options.count, options.transfers)
            measure(catalog, database, options.rounds)


def fill(catalog: OpenCatalog, count: int, transfers: int) -> None:
    """Write shares, their work and media, and transfers, and bring the database's statistics up to date."""
    engine = catalog.database.engine
    for start in range(0, count, _ROWS_AT_A_TIME):
        numbers = range(start, min(count, start + _ROWS_AT_A_TIME))
        with engine.begin() as connection:
            connection.execute(
                insert(shares),
                [{**dict(share_row(n)), "status": _OTHER_STATUSES.get(n % 1000, "done")} for n in numbers],
            )
            worked = [n for n in numbers if _OTHER_STATUSES.get(n % 1000) != "pending"]
            connection.execute(insert(share_work), [_work(n) for n in worked])
            connection.execute(insert(media), [dict(media_row(n, Path("/media"))) for n in numbers])
    now = datetime.now(UTC)
    with engine.begin() as connection:
        connection.execute(insert(storage_events), [_transfer(n, transfers, now) for n in range(transfers)])
    while not catalog.totals.roll_up().is_complete:
        pass
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("ANALYZE" if catalog.database.is_sqlite else "VACUUM ANALYZE")


def measure(catalog: OpenCatalog, database: str, rounds: int) -> None:
    """Print the time of a scrape, of its dearest figures, and of the plain statements."""
    rules = make_rules(load_settings(env_file=None))
    now = datetime.now(UTC)
    page = MetricsPage(lambda: read_catalog_figures(catalog, rules, now=datetime.now(UTC)), clock=_never_cached())
    figures: dict[str, Callable[[], object]] = {
        "statuses": catalog.shares.count_by_status,
        "outcomes": catalog.shares.count_by_outcome,
        "work": lambda: work_by_queue(catalog, rules, now=now),
        "transfers": catalog.totals.all_time,
        "stored": catalog.media.stored_totals,
        "gate": lambda: _judge(catalog, rules, now),
    }
    report(database, "a scrape", lambda: page.render(OPENMETRICS), rounds)
    for name, read in figures.items():
        report(database, f"of it {name}", read, rounds)
    for name, statement in _PLAIN.items():
        report(database, f"plain {name}", partial(_run, catalog, statement), max(1, rounds // 4))


def report(database: str, what: str, read: Callable[[], object], rounds: int) -> None:
    """Print the median and the longest time of some rounds, the first one included."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        read()
        times.append(1000 * (time.perf_counter() - began))
    print(f"| {database} | {what} | {statistics.median(times):.1f} | {max(times):.1f} |", flush=True)


def _never_cached() -> Callable[[], float]:
    moments = iter(range(0, 10**9, 3600))
    return lambda: float(next(moments))


def _judge(catalog: OpenCatalog, rules: PipelineRules, now: datetime) -> object:
    return judge_stage(rules, read_gate_figures(catalog, rules, now=now), read_state(catalog), now=now)


def _run(catalog: OpenCatalog, statement: str) -> object:
    with catalog.database.reading() as connection:
        return connection.exec_driver_sql(statement).all()


def _work(number: int) -> dict[str, object]:
    failed = {"state": "parked", "outcome": "gone"} if _OTHER_STATUSES.get(number % 1000) == "error" else {}
    return {**dict(work_row(number)), **failed}


def _transfer(number: int, count: int, now: datetime) -> dict[str, object]:
    operation, backend, purpose = (("fetch", "site", "fetch"), ("put", "s3", "place"), ("get", "s3", "transcribe"))[
        number % 3
    ]
    return {
        "occurred_at": now - timedelta(days=3 * 365) * (1 - number / count),
        "operation": operation,
        "backend": backend,
        "kind": "audio" if operation == "get" else "video",
        "size_bytes": 2_400_000,
        "seconds": 0.2 + number % 97 / 10,
        "error_class": "throttled" if number % 101 == 0 else None,
        "purpose": purpose,
    }


if __name__ == "__main__":
    main()
