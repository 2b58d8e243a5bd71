"""Measure what a tick of the rollout's metrics costs after millions of storage events, and what recording one costs.

A tick adds up the events of five minutes and reads the totals of the four windows and of the month.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from statistics import median
from uuid import UUID

from common import empty_catalog, machine
from sqlalchemy import Connection, text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent
from bookmarkai_assets.core.rollout.windows import WINDOWS, Window, day_of, month_of, window_ending

NOW = datetime(2026, 6, 25, 12, tzinfo=UTC)
DAYS = 35
STEPS_PER_DAY = 288
FIVE_MINUTES = timedelta(minutes=5)
SAMPLE_COUNT = 20_000
EVENTS_PER_MEDIA = 4
TICKS = 5
RECORDINGS = 500
LIMIT_SECONDS = 2.0
"""What a tick may take. There is one every five minutes, and other writers wait for some of it."""

DURABLE = (
    "ALTER SYSTEM SET fsync = on",
    "ALTER SYSTEM SET synchronous_commit = on",
    "ALTER SYSTEM SET full_page_writes = on",
    "ALTER SYSTEM SET max_wal_size = '4GB'",
    "SELECT pg_reload_conf()",
)
"""As on a server in production, what is acknowledged is on disk."""

MIX = {
    ("fetch", "site", "fetch", "video", 8e6, 6.0): 25,
    ("put", "local", "place", "video", 8e6, 0.05): 12,
    ("put", "local", "place", "audio", 2e5, 0.01): 12,
    ("put", "s3", "place", "video", 8e6, 1.5): 12,
    ("put", "s3", "place", "audio", 2e5, 0.2): 12,
    ("get", "local", "transcribe", "audio", 2e5, 0.01): 12,
    ("get", "s3", "transcribe", "audio", 2e5, 0.3): 12,
    ("get", "local", "move", "video", 8e6, 0.1): 1,
    ("put", "s3", "move", "video", 8e6, 1.6): 1,
    ("put", "s3", "shadow", "video", 8e6, 1.5): 1,
}
"""Operation, backend, purpose, kind, median bytes and median seconds, with the share of each in percent."""

ERRORS = ("throttled", "access_denied", "timeout", "not_found", "checksum", "other")
FAILURES_PERCENT = 2

SAMPLES = """CREATE TABLE samples (n integer PRIMARY KEY, operation text, backend text, purpose text, kind text,
size_bytes bigint, seconds double precision, error_class text)"""
FILL_EVENTS = {
    "sqlite": """WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)
INSERT INTO storage_events
  (occurred_at, operation, backend, purpose, kind, size_bytes, seconds, error_class, share_id, media_id)
SELECT strftime('%Y-%m-%dT%H:%M:%f', :start + i * :step - (i * 7919 % 60000) / 1000.0, 'unixepoch') || '000+00:00',
  operation, backend, purpose, kind, size_bytes, seconds, error_class,
  printf('%08x-0000-4000-8000-%012x', (i / 4 * 2654435761) & 4294967295, i / 4), printf('%064x', i / 4)
FROM n CROSS JOIN samples ON samples.n = (i * 7919) % :samples""",
    "postgresql": """INSERT INTO storage_events
  (occurred_at, operation, backend, purpose, kind, size_bytes, seconds, error_class, share_id, media_id)
SELECT to_timestamp(:start + i * :step - (i * 7919 % 60000) / 1000.0),
  operation, backend, purpose, kind, size_bytes, seconds, error_class,
  (lpad(to_hex(i / 4 * 2654435761 & 4294967295), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(i / 4), 12, '0'))::uuid,
  lpad(to_hex(i / 4), 64, '0')
FROM generate_series(0::bigint, :count - 1) AS g(i) JOIN samples ON samples.n = (i * 7919) % :samples ORDER BY i""",
}
FILL_MEDIA = {
    "sqlite": "WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) {insert} FROM n",
    "postgresql": "{insert} FROM generate_series(0::bigint, :count - 1) AS n(i)",
}
INSERT_MEDIA = """INSERT INTO media (media_id, canonical_url, platform, share_id, object_key, state, title, extractor,
  duration_seconds, video_url, size_bytes, sha256, content_type, audio_url, audio_size_bytes, download_seconds,
  placement_backend, placement_mode, placement_percentage, placement_bucket, created_at, updated_at)
SELECT i || '-of-a-video-with-an-id-of-about-sixty-four-characters', 'https://www.tiktok.com/@somebody/video/' || i,
  'tiktok', '00000000-0000-4000-8000-000000000000', 'temp/videos/2026/06/01/' || i || '.mp4', 'stored',
  'A title of some length', 'TikTok', 30, 's3://media/temp/videos/2026/06/01/' || i || '.mp4', 8000000,
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'video/mp4',
  's3://media/temp/videos/2026/06/01/' || i || '.m4a', 200000, 1, CASE WHEN i % 2 = 0 THEN 's3' ELSE 'local' END,
  'hybrid', 50, i % 100, '2026-06-01T00:00:00.000000+00:00', '2026-06-01T00:00:00.000000+00:00'"""


def main() -> int:
    """Print the figures. Returns 1 if a tick takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10], help="how many events, in millions")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    print(f"machine: {machine()}")
    is_good = True
    for name in options.databases:
        for millions in options.millions:
            with empty_catalog(name, postgres_settings=DURABLE) as catalog:
                is_good &= _measure(catalog, f"{name}, {millions:g} million events", round(millions * 1e6))
    return 0 if is_good else 1


def _measure(catalog: OpenCatalog, name: str, count: int) -> bool:
    filling = _seconds(lambda: _fill(catalog, count))
    print(f"{name}: filled in {filling:.0f} s", flush=True)
    batches = _roll_up_all(catalog)
    print(
        f"  first roll-up: {sum(batches):.1f} s, {count / sum(batches):,.0f} events/s; "
        f"a batch at most {max(batches):.2f} s",
        flush=True,
    )
    added = count // (DAYS * STEPS_PER_DAY)
    ticks = [_tick(catalog, NOW + n * FIVE_MINUTES, added) for n in range(TICKS)]
    worst = max(map(sum, ticks))
    roll_up, totals = (median(column) * 1e3 for column in zip(*ticks, strict=True))
    print(f"  tick with {added:,} new events: roll-up {roll_up:.0f} ms, totals {totals:.0f} ms; worst {worst:.2f} s")
    counted = sum(_count(catalog, NOW - timedelta(days=DAYS + 1), DAYS + 2))
    if counted != count + TICKS * added:
        raise RuntimeError(f"expected {count + TICKS * added:,} events to be counted, found {counted:,}")
    inventory = _seconds(catalog.media.inventory) * 1e3
    print(f"  inventory of {count // EVENTS_PER_MEDIA:,} media: {inventory:.0f} ms")
    recording = sorted(_seconds(partial(catalog.events.record, _event(n))) for n in range(RECORDINGS))
    p95 = recording[RECORDINGS * 95 // 100] * 1e3
    print(f"  recording one event: median {median(recording) * 1e3:.2f} ms, p95 {p95:.2f} ms", flush=True)
    return worst <= LIMIT_SECONDS


def _fill(catalog: OpenCatalog, count: int) -> None:
    random = Random(7)  # noqa: S311 - made-up data
    with catalog.database.writing() as connection:
        dialect = connection.dialect.name
        connection.exec_driver_sql(SAMPLES)
        connection.execute(
            text("INSERT INTO samples VALUES (:n, :operation, :backend, :purpose, :kind, :size, :seconds, :error)"),
            [_sample(random, n) for n in range(SAMPLE_COUNT)],
        )
        # Created again once the rows are there, which is many times faster than updating it row by row.
        connection.exec_driver_sql("DROP INDEX ix_storage_events_share_id")
        _insert_events(connection, count, NOW - timedelta(days=DAYS), NOW)
        connection.exec_driver_sql("CREATE INDEX ix_storage_events_share_id ON storage_events (share_id)")
        connection.execute(text(FILL_MEDIA[dialect].format(insert=INSERT_MEDIA)), {"count": count // EVENTS_PER_MEDIA})
    if dialect == "postgresql":
        # Autovacuum would do this in time.
        with catalog.database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _insert_events(connection: Connection, count: int, start: datetime, end: datetime) -> None:
    step = (end - start).total_seconds() / count
    parameters = {"count": count, "start": start.timestamp(), "step": step, "samples": SAMPLE_COUNT}
    connection.execute(text(FILL_EVENTS[connection.dialect.name]), parameters)


def _roll_up_all(catalog: OpenCatalog) -> list[float]:
    batches = []
    is_complete = False
    while not is_complete:
        began = time.perf_counter()
        is_complete = catalog.totals.roll_up().is_complete
        batches.append(time.perf_counter() - began)
    return batches


def _tick(catalog: OpenCatalog, start: datetime, added: int) -> tuple[float, float]:
    """Insert five minutes' worth of events. Return the seconds to add them up, and to read the totals."""
    now = start + FIVE_MINUTES
    with catalog.database.writing() as connection:
        _insert_events(connection, added, start, now)
    windows = [window_ending(now, length) for length in WINDOWS.values()] + [month_of(now)]
    return sum(_roll_up_all(catalog)), _seconds(lambda: [catalog.totals.totals(window) for window in windows])


def _count(catalog: OpenCatalog, start: datetime, days: int) -> Iterator[int]:
    day = day_of(start)
    window = Window(day.start, day.start + timedelta(days=days))
    return (tally.events for tally in catalog.totals.totals(window).values())


def _event(n: int) -> StorageEvent:
    return StorageEvent(
        occurred_at=NOW,
        operation=Operation.PUT,
        backend="s3",
        share_id=str(UUID(int=Random(n).getrandbits(128), version=4)),  # noqa: S311 - any ids
        media_id=f"{n:064x}",
        kind=PartKind.VIDEO,
        size_bytes=8_000_000,
        seconds=1.5,
        error_class=None,
        error=None,
        purpose=Purpose.PLACE,
    )


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _sample(random: Random, n: int) -> dict[str, object]:
    kinds = list(MIX)
    (operation, backend, purpose, kind, size, seconds) = random.choices(kinds, [MIX[kind] for kind in kinds])[0]
    has_failed = random.random() * 100 < FAILURES_PERCENT
    return {
        "n": n,
        "operation": operation,
        "backend": backend,
        "purpose": purpose,
        "kind": kind,
        "size": int(size * random.lognormvariate(0, 0.7)),
        "seconds": seconds * random.lognormvariate(0, 0.6),
        "error": random.choice(ERRORS) if has_failed else None,
    }


if __name__ == "__main__":
    raise SystemExit(main())
