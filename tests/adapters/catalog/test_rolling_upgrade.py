"""The schema is upgraded while workers run: those of the versions before go on, or stop before they take a share."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from bookmarkai_assets.adapters.catalog import (
    LockPatience,
    OpenCatalog,
    Upgrade,
    open_catalog,
    refuse_unusable_schema,
    schema_state,
    upgrade_catalog,
)
from bookmarkai_assets.adapters.catalog.revisions import REVISIONS
from bookmarkai_assets.core.errors import ConfigurationError
from tests.support.catalog import add_share, at, begin, claim, columns_of, due_ids, finish, lease, transcript_of
from tests.support.deadlines import HANG_SECONDS
from tests.support.releases import EXPANDS, FUTURE, code_of, make_schema, oldest_code_of, upgrade_by_later_release

CURRENT = REVISIONS[-1]
BEFORE_A_LOCK = "0012"
"""The revision before one that needs a table for itself, even while it is only read."""

LAST_TWO = [revision for revision in REVISIONS[-3:-1] if revision >= oldest_code_of(CURRENT)]
"""The two revisions before, without one whose code has to stop."""

CONTRACTS = 'op.drop_column("share_work", "runs_alone")'


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture(params=["sqlite", "postgres"])
def catalog_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty catalog of this version, whose schema the test may change."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


# --- With work going on ----------------------------------------------------------------------------------------------


@contextmanager
def worker_of(revision: str, url: str) -> Iterator[Callable[[], tuple[str, float]]]:
    """Run a worker of an earlier version in a process of its own.

    Yields a function that waits until it has done another share, and returns the share's id and the worker's longest
    transaction in seconds. At the end it must have seen no error.
    """
    command = [sys.executable, "-m", "tests.support.catalog_worker", url, revision]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = process.stdout

        def wait_for_share() -> tuple[str, float]:
            share_id, longest = lines.readline().split()
            return share_id, float(longest)

        try:
            yield wait_for_share
            process.stdin.close()
            lines.read()
            assert process.wait(HANG_SECONDS) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("revision", LAST_TWO)
def test_workers_of_the_last_two_versions_go_on_while_the_schema_is_upgraded(empty_url: str, revision: str) -> None:
    """A worker takes shares before, during and after the upgrade. It sees no error, never hangs, and loses nothing."""
    make_schema(empty_url, revision)
    with worker_of(revision, empty_url) as wait_for_share:
        done = [wait_for_share()[0] for _ in range(2)]
        assert upgrade_catalog(empty_url) == Upgrade(found=revision, reached=CURRENT)
        longest = 0.0
        for _ in range(4):
            share_id, longest = wait_for_share()
            done.append(share_id)

    assert longest < HANG_SECONDS
    with open_catalog(empty_url) as catalog:
        for share_id in done:
            assert catalog.shares.get(share_id).status == "done"
            found = catalog.transcripts.get(share_id)
            assert found is not None
            assert found.text == "hello"
        assert due_ids(catalog, 1000) == []
        count = len(catalog.shares.list(limit=10_000))
        assert count >= len(done)
        assert len(catalog.media.page(limit=10_000)) == count
        assert catalog.totals.roll_up().events == count


# --- Beside a newer schema -------------------------------------------------------------------------------------------


def test_an_old_worker_works_on_a_schema_that_was_expanded(catalog_url: str, tmp_path: Path) -> None:
    """It goes on with the catalog that it has open, opens it again after a restart, and has nothing to upgrade."""
    with open_catalog(catalog_url) as catalog:
        first, second = add_share(catalog), add_share(catalog)
        assert claim(catalog, first, "m1", "claim")

        upgrade_by_later_release(catalog_url, tmp_path, EXPANDS, oldest_code=CURRENT)

        assert begin(catalog, first, "m1", "run", claim_id="claim") == 1
        catalog.transcripts.put(first, transcript_of("hello"), media_id="m1", owner="run", now=at(1))
        finish(catalog, first, "run")
        assert due_ids(catalog) == [second]
    state = schema_state(catalog_url)
    assert (state.found, state.oldest_code, state.is_usable, state.is_current) == (FUTURE, CURRENT, True, False)
    assert upgrade_catalog(catalog_url) == Upgrade(found=FUTURE, reached=FUTURE)
    refuse_unusable_schema(catalog_url)
    with open_catalog(catalog_url) as catalog:
        assert catalog.shares.get(first).status == "done"
        assert begin(catalog, second, "m2", "run") == 1


TAKES: dict[str, Callable[[OpenCatalog, str], object]] = {
    "claim": lambda catalog, share_id: claim(catalog, share_id, "m", "claim"),
    "begin": lambda catalog, share_id: begin(catalog, share_id, "m", "run"),
    "lease": lambda catalog, _: lease(catalog, "m", "run"),
    "postpone": lambda catalog, share_id: catalog.work.wait_for_site(
        share_id, "m", held_for="site", reason="paused", now=at(0)
    ),
}


def test_an_old_worker_stops_before_it_takes_a_share(catalog_url: str, tmp_path: Path) -> None:
    """Once a schema needs later code, nothing is taken: the error says what is wrong, and the share stays due."""
    refusal = (
        f"to have schema revision {CURRENT}, found revision {FUTURE}; it was made by another release, and needs code "
        f"of revision {FUTURE} or later: install that release on this machine, and restart what runs here"
    )
    with open_catalog(catalog_url) as catalog:
        share_id = add_share(catalog)

        upgrade_by_later_release(catalog_url, tmp_path, CONTRACTS, oldest_code=FUTURE)

        for take in TAKES.values():
            with pytest.raises(ConfigurationError, match=refusal):
                take(catalog, share_id)
        assert columns_of(catalog, share_id, "status") == ("pending",)
        with catalog.database.reading() as connection:
            for table in ("leases", "share_work"):
                assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0  # noqa: S608 - as listed
    for use in (open_catalog, upgrade_catalog, refuse_unusable_schema):
        with pytest.raises(ConfigurationError, match=refusal):
            use(catalog_url)


def test_a_worker_stops_on_a_schema_that_was_downgraded_under_it(tmp_path: Path) -> None:
    """A schema that is behind the code is refused at the next share as well."""
    older = f"sqlite:///{tmp_path / 'older.db'}"
    with code_of(REVISIONS[-2]):
        make_schema(older, REVISIONS[-2])
        catalog = open_catalog(older)
    with catalog, pytest.raises(ConfigurationError, match=f"found revision {REVISIONS[-2]}; run `bookmarkai catalog"):
        lease(catalog, "m", "run")


def test_a_revision_that_forgets_its_oldest_code_is_not_applied(sqlite_url: str, tmp_path: Path) -> None:
    """It must not go by what the revision before it declared."""
    with pytest.raises(AttributeError, match="oldest_code"):
        upgrade_by_later_release(sqlite_url, tmp_path, EXPANDS, oldest_code=None)
    assert schema_state(sqlite_url).is_current


# --- Under a lock ----------------------------------------------------------------------------------------------------

_EIGHT = """
import os, sys
from alembic import command
from bookmarkai_assets.adapters.catalog import upgrade_catalog
begin, start = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        os.close(start)
        os.read(begin, 1)
        done = upgrade_catalog(sys.argv[1])
        os.write(1, f"{done.found} {done.reached}\\n".encode())
        os._exit(0)
os.close(start)
assert {os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(8)} == {0}
"""


def test_eight_upgrades_at_once_are_one(empty_url: str) -> None:
    """One process makes the schema, and the seven that wait for it have nothing left to do."""
    ended = subprocess.run(
        [sys.executable, "-c", _EIGHT, empty_url], capture_output=True, text=True, timeout=HANG_SECONDS, check=True
    )

    assert sorted(ended.stdout.splitlines()) == sorted([f"None {CURRENT}"] + [f"{CURRENT} {CURRENT}"] * 7)
    with open_catalog(empty_url) as catalog:
        assert begin(catalog, add_share(catalog), "m", "run") == 1


_HALTS = """
import sys
from sqlalchemy import Engine, event
from bookmarkai_assets.adapters.catalog import upgrade_catalog

def halt(connection):
    print("about to commit", flush=True)
    sys.stdin.read()

event.listen(Engine, "commit", halt)
upgrade_catalog(sys.argv[1])
"""


def test_an_upgrade_that_is_killed_is_done_by_the_next(empty_url: str) -> None:
    """A process that is killed before it commits leaves nothing, and the one that has waited for it does it all."""
    make_schema(empty_url, REVISIONS[-2])
    with code_of(REVISIONS[-2]), open_catalog(empty_url) as catalog:
        share_id = add_share(catalog)
    command = [sys.executable, "-c", _HALTS, empty_url]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
        ThreadPoolExecutor(1) as pool,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "about to commit\n"
        upgrading = pool.submit(upgrade_catalog, empty_url)
        with pytest.raises(TimeoutError):
            upgrading.result(timeout=0.3)

        process.kill()

        assert upgrading.result(HANG_SECONDS) == Upgrade(found=REVISIONS[-2], reached=CURRENT)
    with open_catalog(empty_url) as catalog:
        assert due_ids(catalog) == [share_id]


def test_a_table_in_use_is_waited_for_in_short_turns(empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The upgrade gives up its place in the table's queue after each turn, and goes on once the table is free."""
    make_schema(empty_postgres_url, BEFORE_A_LOCK)
    turns: list[float] = []
    with transaction_on_version_table(empty_postgres_url) as reader:

        def pause(seconds: float) -> None:
            # Between two turns nobody waits: another process reads at once.
            assert schema_state(empty_postgres_url).found == BEFORE_A_LOCK
            turns.append(seconds)
            if len(turns) == 2:
                reader.rollback()

        monkeypatch.setattr(time, "sleep", pause)
        patience = LockPatience(seconds=0.05, pause_seconds=7, attempts=3)

        assert upgrade_catalog(empty_postgres_url, patience=patience).reached == CURRENT

    assert turns == [7, 7]


def test_a_table_that_stays_in_use_is_named(empty_postgres_url: str) -> None:
    """After its last turn the upgrade says who is in the way and what to do, and has changed nothing."""
    make_schema(empty_postgres_url, BEFORE_A_LOCK)
    with transaction_on_version_table(empty_postgres_url) as reader:
        pid = reader.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with pytest.raises(
            ConfigurationError, match=rf"2 times for 0\.05 s each, found process {pid} \(a long report\)"
        ):
            upgrade_catalog(empty_postgres_url, patience=LockPatience(seconds=0.05, pause_seconds=0, attempts=2))
        assert schema_state(empty_postgres_url).found == BEFORE_A_LOCK


@contextmanager
def transaction_on_version_table(url: str) -> Iterator[Connection]:
    """Open a transaction that has read the table that the revision after `BEFORE_A_LOCK` changes, and does not end."""
    engine = create_engine(url, connect_args={"application_name": "a long report"})
    with engine.connect() as connection:
        connection.execute(text("SELECT * FROM bookmarkai_schema_version"))
        yield connection
    engine.dispose()
