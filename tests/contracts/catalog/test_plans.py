"""No query that the pipeline repeats reads a whole table, over SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.rollout.windows import Resolution, Window
from tests.support.catalog import USER, add_share, at, begin, lease, stored_media, tombstone_of

FINISHED = 3_000
WEEK = Window(Resolution.DAY.floor(at(0)), Resolution.DAY.floor(at(0)) + timedelta(days=7))
LARGE_TABLES = (
    "shares",
    "share_work",
    "media",
    "transcript_files",
    "transcripts",
    "transcript_provenance",
    "storage_events",
    "tombstones",
    "event_totals",
    "rollout_decisions",
    "storage_verifications",
    "incidents",
)

WALKED = tuple(
    f"USING INDEX {index}"
    for index in (
        "ix_tombstones_written_at_id",
        "ix_incidents_opened_at_id",
        "ix_incidents_open_key",
        "ix_incidents_undelivered",
        "ix_rollout_decisions_standing",
        "ix_storage_verifications_verified_at_id",
        "ix_transcript_provenance_doubtful",
    )
)
"""Indexes that are read from one end in order, up to the limit. The partial ones have few rows."""

FILL = {
    "sqlite": (
        (
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
            "INSERT INTO {table} ({columns}) SELECT {values} FROM n"
        ),
        "printf('00000000-0000-4000-8000-%012d', i)",
    ),
    "postgresql": (
        "INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(1, {count}) AS n(i)",
        "('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid",
    ),
}
MOMENT = "'2026-01-01T00:00:00.000000+00:00'"
ROWS = {
    "shares": {
        "id": "{id}",
        "user_id": f"'{USER}'",
        "url": "'https://example.com/' || i",
        "status": "'done'",
        "created_at": MOMENT,
    },
    "share_work": {
        "share_id": "{id}",
        "state": "'done'",
        "media_id": "'m' || i",
        "outcome": "'done'",
        "attempts": "1",
        "crashes": "0",
        "updated_at": MOMENT,
    },
    "media": {
        "media_id": "'m' || i",
        "share_id": "{id}",
        "state": "'stored'",
        "video_url": "'/media/' || i",
        "audio_url": "'/media/a' || i",
        "size_bytes": "1",
        "sha256": "''",
        "duration_seconds": "1",
        "download_seconds": "1",
        "created_at": MOMENT,
        "updated_at": MOMENT,
        **dict.fromkeys(("canonical_url", "platform", "object_key", "title", "extractor", "content_type"), "''"),
    },
    "transcript_files": {
        "media_id": "'m' || i",
        "kind": "'srt'",
        "url": "'/media/srt' || i",
        "size_bytes": "1",
        **dict.fromkeys(("sha256", "content_type"), "''"),
    },
    "transcripts": {"id": "{id}", "share_id": "{id}", "full_text": "'words'", "segments": "'[]'"},
    "transcript_provenance": {
        "share_id": "{id}",
        "engine": "'e'",
        "model": "'m'",
        "language_probability": "1",
        "duration_seconds": "1",
        "transcribe_seconds": "1",
        "recipe": "'r' || i",
        "updated_at": MOMENT,
    },
    "storage_events": {
        "occurred_at": MOMENT,
        "operation": "'put'",
        "backend": "'s3'",
        "share_id": "{id}",
        "kind": "'video'",
        "size_bytes": "1",
        "seconds": "1",
    },
    "tombstones": {
        "url": "'/media/' || i",
        "kind": "'video'",
        "media_id": "'m' || i",
        "reason": "'in_s3'",
        "proof": "'[]'",
        "written_at": MOMENT,
        "removed_at": MOMENT,
    },
    "event_totals": {
        "span_seconds": "300",
        "starts_at": MOMENT,
        "kind": "'kind-' || i",
        **dict.fromkeys(("operation", "backend", "purpose", "error_class"), "''"),
        **dict.fromkeys(("events", "size_bytes", "seconds", "requests"), "1"),
        "latency_bins": "'[]'",
    },
    "rollout_decisions": {
        "previous_id": "i - 1",
        "action": "'advise'",
        "is_rolled_back": "false",
        "decided_at": MOMENT,
        **dict.fromkeys(("decided_by", "actor", "reason"), "''"),
        "evidence": "'[]'",
    },
    "storage_verifications": {
        "verified_at": MOMENT,
        **dict.fromkeys(("is_deep", "is_good"), "true"),
        **dict.fromkeys(("missing", "different", "unverified"), "0"),
        "counts": "'[]'",
    },
    "incidents": {
        "key": "'key-' || i",
        **dict.fromkeys(("kind", "summary", "next_step"), "''"),
        "details": "'[]'",
        **dict.fromkeys(("opened_at", "delivered_at", "closed_at"), MOMENT),
    },
}


@pytest.fixture
def full_catalog(each_catalog: OpenCatalog) -> OpenCatalog:
    """Return a catalog with thousands of finished shares, analysed, because PostgreSQL plans by statistics."""
    dialect = each_catalog.database.engine.dialect.name
    insert, share_id = FILL[dialect]
    with each_catalog.database.engine.begin() as connection:
        for table, values in ROWS.items():
            columns, expressions = ", ".join(values), ", ".join(values.values()).format(id=share_id)
            if dialect == "postgresql":
                expressions = expressions.replace(MOMENT, f"{MOMENT}::timestamptz").replace("'[]'", "'[]'::jsonb")
                expressions = expressions.replace(f"'{USER}'", f"'{USER}'::uuid")
            connection.exec_driver_sql(insert.format(table=table, columns=columns, values=expressions, count=FINISHED))
        if dialect == "postgresql":
            connection.exec_driver_sql("ANALYZE")
    return each_catalog


def plans_of(catalog: OpenCatalog, ask: Callable[[], object]) -> str:
    """Call `ask`, and return the database's plans for all statements that it ran."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, is_many: bool) -> None:
        asked.append((statement, parameters[0] if is_many else parameters))

    engine = catalog.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        return "\n".join(
            str(row[-1])
            for statement, parameters in asked
            if statement.startswith(("SELECT", "UPDATE", "DELETE"))
            for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
        )


def test_no_frequent_query_reads_a_whole_table(full_catalog: OpenCatalog) -> None:
    """Due work, claims, begins, ends, moves, expiry, settled media, and reads by id and URL all use an index."""
    catalog, work = full_catalog, full_catalog.work
    share_id = add_share(catalog)
    until = at(60)
    stored, tombstone = stored_media("m7", share_id), tombstone_of("/media/7", media_id="m7")
    lease(catalog, "m7", "mover")
    questions: dict[str, Callable[[], object]] = {
        "due": lambda: work.due(now=at(0), limit=50),
        "backlog": lambda: work.backlog(now=at(0), slots={"tiktok": 1}),
        "claim": lambda: work.claim(share_id, "new", claim_id="tick", now=at(0), until=until),
        "open_claims": lambda: work.open_claims(expiring_before=until),
        "extend_claim": lambda: work.extend_claim("tick", until=until),
        "begin": lambda: work.begin(share_id, "new", owner="run", claim_id="tick", now=at(0), until=until),
        "renew": lambda: catalog.leases.renew("run", until=until),
        "mark": lambda: work.mark(share_id, "fetching", owner="run", now=at(0)),
        "finish": lambda: work.finish(share_id, media_url="/m", owner="run", now=at(0)),
        "begin again": lambda: begin(catalog, share_id, "new", "run-2"),
        "release": lambda: work.release("run-2", now=at(0)),
        "failure_in": lambda: work.failure_in(share_id, "run"),
        "failed_share_ids": work.failed_share_ids,
        "parked_since": lambda: work.parked_since(at(0), limit=50),
        "progress": lambda: work.progress(share_id),
        "shares.get": lambda: catalog.shares.get(share_id),
        "shares.list by status": lambda: catalog.shares.list(statuses=["error"], limit=50),
        "shares.list by outcome": lambda: catalog.shares.list(outcomes=[Outcome.GONE, Outcome.PRIVATE], limit=50),
        "shares.list since": lambda: catalog.shares.list(since=at(0), until=at(60)),
        "shares.read": lambda: catalog.shares.read([share_id]),
        "shares.of_link": lambda: catalog.shares.of_link(["https://example.com/7"], ["m7"]),
        "failures.standing": lambda: list(catalog.failures.standing()),
        "failures.standing by outcome": lambda: list(catalog.failures.standing(outcomes=[Outcome.GONE])),
        "failures.waiting": catalog.failures.waiting,
        "media.get": lambda: catalog.media.get("m7"),
        "acknowledges": lambda: catalog.media.acknowledges("/media/a7"),
        "is_leased": lambda: catalog.leases.is_leased("m7", now=at(0)),
        "record_transcript_files": lambda: catalog.media.record_transcript_files(stored, owner="mover", now=at(0)),
        "record_stored": lambda: catalog.media.record_stored(stored, owner="mover", now=at(0)),
        "record_expired": lambda: catalog.media.record_expired("m7", [tombstone], owner="mover", now=at(0)),
        "page": lambda: catalog.media.page(after="m7", limit=50),
        "is_settled": lambda: catalog.media.is_settled("m7"),
        "tombstones.confirm": lambda: catalog.tombstones.confirm(["/media/7"], now=at(0)),
        "tombstones.list": lambda: catalog.tombstones.list(limit=50),
        "tombstones.list of a media": lambda: catalog.tombstones.list(media_id="m7"),
        "free": lambda: catalog.leases.free("m7", owner="mover"),
        "transcripts.get": lambda: catalog.transcripts.get(share_id),
        "find_for_media": lambda: catalog.transcripts.find_for_media("m7", recipe="r", language="en"),
        "find_for_media in any language": lambda: catalog.transcripts.find_for_media("m7", recipe="r", language=None),
        "made_by": lambda: list(catalog.transcripts.made_by(["r", None])),
        "latest_of_media": lambda: catalog.transcripts.latest_of_media("m7"),
        "transcripts.doubtful": lambda: catalog.transcripts.doubtful(limit=50),
        "shares.list of no speech": lambda: catalog.shares.list(outcomes=[Outcome.NO_SPEECH], limit=50),
        "for_share": lambda: catalog.events.for_share(share_id),
        "events.after": lambda: catalog.events.after(FINISHED - 5, limit=50),
        "totals": lambda: catalog.totals.totals(WEEK),
        "steps": lambda: catalog.totals.steps(WEEK, Resolution.DAY),
        "first_event_at": catalog.totals.first_event_at,
        "events_from": lambda: catalog.totals.events_from(WEEK.end),
        "standing": catalog.rollout.standing,
        "history without advice": lambda: catalog.rollout.history(with_advice=False),
        "last_verification": catalog.rollout.last_verification,
        "incidents.close": lambda: catalog.incidents.close("key-7", now=at(0)),
        "incidents.undelivered": catalog.incidents.undelivered,
        "incidents.list": lambda: catalog.incidents.list(limit=50),
        "stored_totals": catalog.media.stored_totals,
        "all_time": catalog.totals.all_time,
        "incidents.count_open": catalog.incidents.count_open,
        "incidents.list of open ones": lambda: catalog.incidents.list(is_open=True),
    }

    plans = {name: plans_of(catalog, ask) for name, ask in questions.items()}

    whole = [
        (name, line.strip())
        for name, plan in plans.items()
        for line in plan.splitlines()
        for table in LARGE_TABLES
        if f"Seq Scan on {table} " in line
        or (f"{line} ".startswith(f"SCAN {table} ") and not any(walked in line for walked in WALKED))
    ]
    assert whole == []
    assert "ix_shares_status_created_at" in plans["due"]
    assert "ix_share_work_state_next_attempt_at" in plans["due"]
    assert "ix_share_work_parked" in plans["parked_since"]
    assert "ix_share_work_failed" in plans["shares.list by outcome"]
    assert "ix_shares_created_at" in plans["shares.list since"]
    assert "ix_share_work_media_id" in plans["shares.of_link"]
    assert "ix_share_work_failed" in plans["failures.standing by outcome"]
    assert "ix_share_work_failed" in plans["shares.list of no speech"]
    assert "ix_transcript_provenance_doubtful" in plans["transcripts.doubtful"]
    assert "ix_transcript_provenance_recipe" in plans["made_by"]
    assert "ix_transcript_files_url" in plans["acknowledges"]
    assert "ix_tombstones_unconfirmed_url" in plans["tombstones.confirm"]
    assert "ix_tombstones_written_at_id" in plans["tombstones.list"]
    assert "ix_rollout_decisions_standing" in plans["standing"]
    assert "ix_rollout_decisions_standing" in plans["history without advice"]
    assert "B-TREE" not in plans["tombstones.list"]
    assert "Sort" not in plans["tombstones.list"]


def test_the_inventory_is_answered_by_an_index_alone(full_catalog: OpenCatalog) -> None:
    """This query runs over every stored media every five minutes, so it must not read their rows, which are wide."""
    catalog = full_catalog
    if not catalog.database.is_sqlite:
        with catalog.database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM media")

    plan = plans_of(catalog, catalog.media.inventory)

    assert "COVERING INDEX ix_media_inventory" in plan or "Index Only Scan using ix_media_inventory" in plan


def test_shares_are_counted_without_a_look_at_the_finished_ones(full_catalog: OpenCatalog) -> None:
    """A scrape of metrics counts all shares: all rows once, without their columns, and the unfinished by an index."""
    statuses, outcomes = (
        plans_of(full_catalog, ask)
        for ask in (full_catalog.shares.count_by_status, full_catalog.shares.count_by_outcome)
    )

    for plan in (statuses, outcomes):
        whole = [
            line
            for line in plan.splitlines()
            if "Seq Scan" in line or (line.startswith("SCAN share") and "ix_share_work_failed" not in line)
        ]
        assert len(whole) <= 1
        if full_catalog.database.is_sqlite:
            assert "COVERING INDEX" in whole[0]
    assert "ix_shares_status_created_at" in statuses
    assert "ix_share_work_failed" in outcomes
    assert "ix_share_work_state_next_attempt_at" in outcomes
