"""The catalog's schema over its life: created, upgraded and downgraded, beside tables that the gateway created."""

import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from bookmarkai_assets.adapters import catalog as package
from bookmarkai_assets.adapters.catalog import downgrade_catalog, open_catalog, schema_state, upgrade_catalog
from bookmarkai_assets.adapters.catalog.revisions import REVISIONS
from bookmarkai_assets.adapters.catalog.tables.base import SCHEMA_VERSION_TABLE, metadata
from bookmarkai_assets.adapters.catalog.tables.search import FULL_TEXT_TABLE
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.rollout.windows import day_of
from bookmarkai_assets.core.search.query import parse_query
from tests.support.catalog import (
    PLACEMENT,
    USER,
    add_share,
    at,
    begin,
    columns_of,
    due_ids,
    finish,
    lease,
    put_transcript,
    staged_media,
    store,
    stored_media,
    tombstone_of,
    transcript_of,
)
from tests.support.releases import make_schema
from tests.support.storage_events import NOON, transfer

FIRST_TABLES = {"share_work", "leases", "media", "storage_events", "transcript_provenance"}
"""The tables of the first release."""

ROLLOUT_TABLES = {"event_totals", "rollout_decisions", "storage_verifications", "incidents", "cursors"}
SITE_TABLES = {"sites", "site_places", "silent_formats", "link_names"}
WORKER_TABLES = {"workers"}
METRIC_TABLES = {"media_totals"}
UPLOAD_TABLES = {"uploads"}
SEARCH_TABLES = {"transcript_documents", "transcript_segments"}
TRANSCRIPT_TABLES = {"transcript_files", "transcript_parts"}
TRANSFER_TABLES = {"transfers_under_way"}
OUR_TABLES = (
    FIRST_TABLES
    | {"tombstones"}
    | TRANSFER_TABLES
    | ROLLOUT_TABLES
    | SITE_TABLES
    | SEARCH_TABLES
    | TRANSCRIPT_TABLES
    | WORKER_TABLES
    | METRIC_TABLES
    | UPLOAD_TABLES
)
GATEWAY_TABLES = {"shares", "transcripts"}

# As the gateway creates them, with columns and tables that this project does not know.
GATEWAY_ON_POSTGRES = """
CREATE TABLE users (id uuid PRIMARY KEY);
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL);
INSERT INTO alembic_version VALUES ('gateway-17');
CREATE TABLE shares (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users (id), url text NOT NULL,
  platform varchar(50) NOT NULL, status varchar(50) NOT NULL DEFAULT 'pending', idempotency_key varchar(100) UNIQUE,
  title text, description text, author text, thumbnail_url text, media_url text, media_type varchar(20),
  platform_data jsonb, workflow_state varchar(50), created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(), search_vector tsvector, UNIQUE (url, user_id));
CREATE TABLE transcripts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), share_id uuid NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
  full_text text NOT NULL, segments jsonb, language text, created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(), embedding bytea);
"""
GATEWAY_ON_SQLITE = """
CREATE TABLE users (id TEXT PRIMARY KEY);
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL);
INSERT INTO alembic_version VALUES ('gateway-17');
CREATE TABLE shares (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id), url TEXT NOT NULL, platform TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending', idempotency_key TEXT UNIQUE, title TEXT, description TEXT, author TEXT,
  thumbnail_url TEXT, media_url TEXT, media_type TEXT, platform_data TEXT, workflow_state TEXT,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  search_vector TEXT, UNIQUE (url, user_id));
CREATE TABLE transcripts (
  id TEXT PRIMARY KEY, share_id TEXT NOT NULL REFERENCES shares (id) ON DELETE CASCADE, full_text TEXT NOT NULL,
  segments TEXT, language TEXT, created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, embedding BLOB);
"""


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


def tables_of(url: str) -> set[str]:
    """List the tables of a database, without those in which SQLite keeps its full-text index."""
    engine = create_engine(url)
    try:
        return {name for name in inspect(engine).get_table_names() if not name.startswith(FULL_TEXT_TABLE)}
    finally:
        engine.dispose()


def run_script(url: str, script: str) -> None:
    """Run statements that each end with a semicolon at the end of a line."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in re.split(r";\n", script.strip()):
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_the_known_revisions_are_those_of_the_migrations() -> None:
    """The revisions that opening reads from the names of the migration files are those that Alembic finds chained."""
    config = Config()
    config.set_main_option("script_location", str(Path(package.__file__).parent / "migrations"))

    found = ScriptDirectory.from_config(config).walk_revisions()

    assert tuple(script.revision for script in reversed(list(found))) == REVISIONS


def test_the_migrations_make_what_the_code_expects(empty_url: str) -> None:
    """Alembic's own comparison finds no difference in tables, columns, types, defaults or indexes."""
    upgrade_catalog(empty_url)

    engine = create_engine(empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": SCHEMA_VERSION_TABLE,
                "compare_type": True,
                # SQLite keeps its full-text index as tables. PostgreSQL keeps it as an index, which SQLite does not
                # have.
                "include_name": lambda name, kind, _: kind != "table" or not name.startswith(FULL_TEXT_TABLE),
                "include_object": lambda _thing, name, *_: (
                    name != "ix_transcript_segments_words" or engine.dialect.name == "postgresql"
                ),
            },
        )
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert differences == []


def test_every_constraint_has_a_name_of_ours(empty_postgres_url: str) -> None:
    """Every constraint is named by us, so that a later migration can change it by name on every database."""
    upgrade_catalog(empty_postgres_url)

    engine = create_engine(empty_postgres_url)
    inspector = inspect(engine)
    names = {
        str(constraint["name"])
        for table in OUR_TABLES | GATEWAY_TABLES
        for constraint in (inspector.get_pk_constraint(table), *inspector.get_unique_constraints(table))
    }
    engine.dispose()
    assert names == {f"pk_{table}" for table in OUR_TABLES | GATEWAY_TABLES} | {
        "uq_shares_idempotency_key",
        "uq_shares_url_user_id",
        "uq_rollout_decisions_previous_id",
        "uq_transcript_documents_share_id",
    }


def test_upgrading_twice_changes_nothing(empty_url: str) -> None:
    """An upgrade can be repeated, also when there are rows."""
    upgrade_catalog(empty_url)
    with open_catalog(empty_url) as catalog:
        share_id = add_share(catalog)

    upgrade_catalog(empty_url)

    with open_catalog(empty_url) as catalog:
        assert due_ids(catalog, 1) == [share_id]


def test_upgrades_at_once_wait_for_each_other(empty_url: str) -> None:
    """Two operators, or two deployments, may run an upgrade at the same moment."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade_catalog, [empty_url] * 4))

    assert schema_state(empty_url).is_current


def test_a_failed_upgrade_leaves_nothing(empty_url: str) -> None:
    """A migration is one transaction: when its last step fails, its first is rolled back too."""
    run_script(empty_url, "CREATE TABLE storage_events (id integer)")

    with pytest.raises(ConfigurationError, match=r"expected the catalog .* to take schema changes, found: .*exists"):
        upgrade_catalog(empty_url)

    assert tables_of(empty_url) == {"storage_events"}
    assert schema_state(empty_url).found is None


def test_downgrading_keeps_shares_and_transcripts(empty_url: str) -> None:
    """A downgrade drops our own tables and keeps shares and transcripts, and another upgrade finds them."""
    upgrade_catalog(empty_url)
    with open_catalog(empty_url) as catalog:
        share_id = add_share(catalog)
        begin(catalog, share_id, "m", "run")
        put_transcript(catalog, share_id, transcript_of("hello"), now=at(1))
        finish(catalog, share_id, "run")

    downgrade_catalog(empty_url)

    assert tables_of(empty_url) == GATEWAY_TABLES | {SCHEMA_VERSION_TABLE}
    assert schema_state(empty_url).found is None
    upgrade_catalog(empty_url)
    with open_catalog(empty_url) as catalog:
        assert catalog.shares.get(share_id).status == "done"
        assert due_ids(catalog, 1000) == []
        found = catalog.transcripts.get(share_id)
        assert found is not None
        assert (found.text, found.engine) == ("hello", "unknown")


def test_a_catalog_of_the_first_release_keeps_its_rows(empty_url: str) -> None:
    """Media of the first release are read as they were: placed by the policy, without an expiry."""
    make_schema(empty_url, "0001")
    share_id = str(uuid4())
    run_script(
        empty_url,
        f"""INSERT INTO shares (id, user_id, url, status, media_url)
  VALUES ('{share_id}', '{USER}', 'https://example.com/video/1', 'done', '/old.mp4');
INSERT INTO media (media_id, canonical_url, platform, share_id, object_key, state, title, extractor, duration_seconds,
  video_url, size_bytes, sha256, content_type, download_seconds, placement_backend, placement_mode,
  placement_percentage, placement_bucket, created_at, stored_at, updated_at)
  VALUES ('m1', 'c', 'tiktok', '{share_id}', 'k.mp4', 'stored', 'Title', 'X', 1, '/old.mp4', 7, 'ab', 'video/mp4', 1,
  's3', 'hybrid', 50, 7, '{at(1).isoformat(timespec="microseconds")}',
  '{at(2).isoformat(timespec="microseconds")}', '{at(2).isoformat(timespec="microseconds")}');
INSERT INTO media (media_id, canonical_url, platform, share_id, object_key, state, title, extractor, duration_seconds,
  video_url, size_bytes, sha256, content_type, download_seconds, created_at, updated_at)
  VALUES ('m2', 'c', 'tiktok', '{share_id}', 'k.mp4', 'staged', 'Title', 'X', 1, '/new.mp4', 7, 'ab', 'video/mp4', 1,
  '{at(1).isoformat(timespec="microseconds")}', '{at(1).isoformat(timespec="microseconds")}')""",  # noqa: S608 - ids and moments of this test
    )
    assert schema_state(empty_url).found == "0001"
    if not empty_url.startswith("sqlite"):
        with pytest.raises(ConfigurationError, match="found revision 0001; run `bookmarkai catalog upgrade`"):
            open_catalog(empty_url)
        upgrade_catalog(empty_url)

    with open_catalog(empty_url) as catalog:
        stored, staged = catalog.media.page(limit=9)
        assert (stored.state, stored.stored_at, stored.expires_at, stored.placement) == (
            "stored",
            at(2),
            None,
            PLACEMENT,
        )
        assert (staged.state, staged.stored_at, staged.expires_at, staged.placement) == ("staged", None, None, None)
        assert catalog.tombstones.list() == []
        assert columns_of(catalog, share_id, "status", "media_url") == ("done", "/old.mp4")
    assert schema_state(empty_url).is_current


def test_downgrading_to_the_first_release_keeps_its_rows(empty_url: str) -> None:
    """A downgrade restores the first schema exactly, and an expired media becomes one whose bytes are missing."""
    make_schema(empty_url, "0001")
    before = _columns(empty_url, FIRST_TABLES)
    upgrade_catalog(empty_url)
    assert _columns(empty_url, FIRST_TABLES) != before
    with open_catalog(empty_url) as catalog:
        share_id = add_share(catalog)
        store(catalog, stored_media("m1", share_id))
        store(catalog, stored_media("m2", share_id))
        lease(catalog, "m1", "run")
        catalog.media.record_expired("m1", [tombstone_of("/x")], owner="run", now=at(3))
        lease(catalog, "m3", "run")
        catalog.media.record_staged(staged_media("m3", share_id), owner="run", now=at(3))

    downgrade_catalog(empty_url, "0001")

    assert tables_of(empty_url) == FIRST_TABLES | GATEWAY_TABLES | {SCHEMA_VERSION_TABLE}
    assert _columns(empty_url, FIRST_TABLES) == before
    upgrade_catalog(empty_url)
    with open_catalog(empty_url) as catalog:
        assert [media.state for media in catalog.media.page(limit=9)] == ["stored", "stored", "staged"]
        assert due_ids(catalog, 1) == [share_id]


def test_downgrading_before_the_rollout_keeps_media_and_events(empty_url: str) -> None:
    """A downgrade keeps media and events without the newer columns, and the next upgrade adds up all events again."""
    make_schema(empty_url, "0002")
    before = _columns(empty_url, FIRST_TABLES)
    upgrade_catalog(empty_url)
    with open_catalog(empty_url) as catalog:
        media = stored_media("m1", add_share(catalog))
        store(catalog, replace(media, placement=replace(PLACEMENT, decision_id=3)))
        catalog.events.record(transfer(purpose="move"))
        assert catalog.totals.roll_up().events == 1

    downgrade_catalog(empty_url, "0002")

    assert tables_of(empty_url) == FIRST_TABLES | {"tombstones"} | GATEWAY_TABLES | {SCHEMA_VERSION_TABLE}
    assert _columns(empty_url, FIRST_TABLES) == before
    upgrade_catalog(empty_url)
    with open_catalog(empty_url) as catalog:
        assert catalog.media.page(limit=9) == [replace(media, info=replace(media.info, posted_at=None))]
        assert catalog.totals.roll_up().events == 1
        assert [series.purpose for series in catalog.totals.totals(day_of(NOON))] == [""]


def test_an_upgrade_adds_up_what_metrics_read(empty_url: str) -> None:
    """What a scrape reads are the totals of an earlier release's media and transfers, and they go on from there."""
    upgrade_catalog(empty_url)
    with open_catalog(empty_url) as catalog:
        media = stored_media("m1", add_share(catalog))
        store(catalog, media)
        store(catalog, replace(media, media_id="m2", audio=None))
        for days in (0, 0, 300):
            catalog.events.record(transfer(NOON + timedelta(days=days)))
        catalog.totals.roll_up()
        stored, transferred = catalog.media.stored_totals(), catalog.totals.all_time()
    downgrade_catalog(empty_url, "0012")
    upgrade_catalog(empty_url)

    with open_catalog(empty_url) as catalog:
        assert (catalog.media.stored_totals(), catalog.totals.all_time()) == (stored, transferred)
        assert stored[Backend.S3].media == 2
        store(catalog, replace(media, media_id="m3"))
        catalog.events.record(transfer(NOON))
        catalog.totals.roll_up()
        assert catalog.media.stored_totals()[Backend.S3].media == 3
        assert [tally.events for tally in catalog.totals.all_time().values()] == [4]


def test_an_upgrade_indexes_existing_transcripts(empty_url: str) -> None:
    """An upgrade indexes the transcripts of an earlier release and of the gateway, and a downgrade loses no text."""
    make_schema(empty_url, "0006")
    with_segments, without, deleted = (str(uuid4()) for _ in range(3))
    rows = "".join(
        f"""INSERT INTO shares (id, user_id, url) VALUES ('{share_id}', '{USER}', 'https://example.com/{share_id}');
INSERT INTO transcripts (id, share_id, full_text, segments) VALUES ('{uuid4()}', '{share_id}', {said});
"""  # noqa: S608 - ids of this test
        for share_id, said in (
            (with_segments, """'Bonjour', '[{"start": 1.5, "end": 2, "text": "Un café noir"}]'"""),
            (without, "'Kaffee oder café?', NULL"),
            (deleted, "'No more café', NULL"),
        )
    )
    run_script(empty_url, f"{rows}DELETE FROM shares WHERE id = '{deleted}'")  # noqa: S608 - as above

    upgrade_catalog(empty_url)

    with open_catalog(empty_url) as catalog:
        hits = catalog.search.search(parse_query("cafe"))
        assert {(hit.share_id, hit.text, hit.start_seconds) for hit in hits} == {
            (with_segments, "Un café noir", 1.5),
            (without, "Kaffee oder café?", None),
        }
        assert catalog.search.count_unindexed() == 0
    downgrade_catalog(empty_url, "0006")
    upgrade_catalog(empty_url)
    with open_catalog(empty_url) as catalog:
        assert len(catalog.search.search(parse_query("cafe"))) == 2


def test_downgrading_to_an_unknown_revision_is_refused(empty_url: str) -> None:
    """The error lists the revisions that exist."""
    expected = f"expected one of the revisions base, {', '.join(REVISIONS)}, found '0000'"
    with pytest.raises(ConfigurationError, match=expected):
        downgrade_catalog(empty_url, "0000")


def test_the_gateways_database_is_used_as_it_is(empty_url: str) -> None:
    """The pipeline works on tables that the gateway created, with its own rows and columns, and alters none of them."""
    run_script(empty_url, GATEWAY_ON_SQLITE if empty_url.startswith("sqlite") else GATEWAY_ON_POSTGRES)
    old, new = str(uuid4()), str(uuid4())
    rows = f"""INSERT INTO users VALUES ('{USER}');
INSERT INTO shares (id, user_id, url, platform, status, media_url, platform_data, idempotency_key)
  VALUES ('{old}', '{USER}', 'https://example.com/old', 'tiktok', 'done', '/old.mp4', '{{"likes": 7}}', 'key-1');
INSERT INTO shares (id, user_id, url, platform, title)
  VALUES ('{new}', '{USER}', 'https://example.com/new', 'tiktok', 'The gateway''s title');
INSERT INTO transcripts (id, share_id, full_text, language) VALUES ('{uuid4()}', '{old}', 'Old words', 'de')"""  # noqa: S608 - ids of this test
    run_script(empty_url, rows)
    before = _columns(empty_url)

    upgrade_catalog(empty_url)

    assert _columns(empty_url) == before
    assert tables_of(empty_url) == OUR_TABLES | GATEWAY_TABLES | {SCHEMA_VERSION_TABLE, "users", "alembic_version"}
    with open_catalog(empty_url) as catalog:
        assert due_ids(catalog, 0) == [new]
        begin(catalog, new, "m", "run")
        put_transcript(catalog, new, transcript_of("new words"), now=at(1))
        finish(catalog, new, "run")
        assert columns_of(catalog, new, "status", "media_url", "title") == (
            "done",
            "/media/video.mp4",
            "The gateway's title",
        )
        assert {share.share_id for share in catalog.shares.list(statuses=["done"])} == {old, new}
        found = catalog.transcripts.get(old)
        assert found is not None
        assert (found.text, found.language) == ("Old words", "de")
        assert columns_of(catalog, old, "media_url", "idempotency_key") == ("/old.mp4", "key-1")
        again = catalog.shares.add(url="https://example.com/new", user_id=USER, platform="tiktok", now=at(2))
        assert (again.is_new, again.share.share_id) == (False, new)
        with catalog.database.engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "gateway-17"
    downgrade_catalog(empty_url)
    assert _columns(empty_url) == before


def test_tables_that_are_not_the_gateways_are_refused(empty_url: str) -> None:
    """A `shares` table that lacks needed columns is refused before any change, and the error names them all."""
    run_script(empty_url, "CREATE TABLE shares (id integer, url text);\nCREATE TABLE transcripts (id integer)")

    with pytest.raises(ConfigurationError, match=r"shares\.created_at, .*shares\.user_id, .*transcripts\.share_id"):
        upgrade_catalog(empty_url)

    assert tables_of(empty_url) == {"shares", "transcripts"}


def _columns(url: str, tables: Collection[str] = GATEWAY_TABLES) -> dict[str, list[Any]]:
    engine = create_engine(url)
    inspector = inspect(engine)
    columns = {
        table: [
            (column["name"], str(column["type"]), column["nullable"], column.get("comment"))
            for column in inspector.get_columns(table)
        ]
        for table in tables
    } | {f"{table} indexes": sorted(str(index["name"]) for index in inspector.get_indexes(table)) for table in tables}
    engine.dispose()
    return columns
