"""Opening a catalog: which URLs are accepted, what a database must be like, and the errors when it is not."""

import fcntl
import gc
import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, make_url, text

from bookmarkai_assets.adapters.catalog import (
    open_catalog,
    schema_state,
    upgrade_catalog,
)
from bookmarkai_assets.adapters.catalog.revisions import REVISIONS
from bookmarkai_assets.core.errors import CatalogUnavailableError, ConfigurationError
from tests.support.catalog import add_share, at
from tests.support.deadlines import HANG_SECONDS

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "catalog.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///catalog.db?mode=ro",
        "sqlite+aiosqlite:////srv/catalog.db",
        "mysql://host/database",
        "postgresql+psycopg://host/database",
        "postgresql://host",
        "postgresql://host:port/database",
    ],
)
def test_a_url_that_cannot_be_a_catalog_is_refused(url: str) -> None:
    """The error says what a catalog's URL looks like and which one was found."""
    with pytest.raises(ConfigurationError, match=r"^expected a catalog URL .*sqlite:////.*, found ") as refusal:
        open_catalog(url)

    assert url.partition(":")[0] in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{SECRET}@host/database",
        f"postgresql://user:{SECRET}@host:port/database",
        f"postgresql+psycopg2://user:{SECRET}@host",
        f"user:{SECRET}@host/database",
        f"mysql://host/database?password={SECRET}",
        f"::::{SECRET}@",
    ],
)
def test_a_refusal_shows_no_password(url: str) -> None:
    """Wherever in the URL the password is, the message does not repeat it."""
    with pytest.raises(ConfigurationError) as refusal:
        open_catalog(url)

    assert SECRET not in str(refusal.value)


def test_a_server_that_does_not_answer_is_named() -> None:
    """The error has what was expected, found and to do, without the password."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        url = f"postgresql+psycopg2://user:{SECRET}@127.0.0.1:{port}/database?sslpassword={SECRET}"
        for use in (open_catalog, upgrade_catalog, schema_state):
            with pytest.raises(
                ConfigurationError, match=r"expected the catalog .* found: .*refused.*correct"
            ) as refusal:
                use(url)
            assert SECRET not in str(refusal.value)


def test_a_database_that_does_not_exist_is_named(empty_postgres_url: str) -> None:
    """The server's message about a wrong database name is passed on."""
    url = make_url(empty_postgres_url).set(database="nowhere").render_as_string(hide_password=False)

    with pytest.raises(ConfigurationError, match=r'database "nowhere" does not exist'):
        open_catalog(url)


def test_a_postgresql_without_the_schema_is_refused(empty_postgres_url: str) -> None:
    """Opening never changes a PostgreSQL schema: the error names the command for it, and nothing is made."""
    with pytest.raises(
        ConfigurationError, match=f"revision {REVISIONS[-1]}, found no schema; run `bookmarkai catalog upgrade`"
    ):
        open_catalog(empty_postgres_url)

    assert schema_state(empty_postgres_url).found is None
    upgrade_catalog(empty_postgres_url)
    open_catalog(empty_postgres_url).close()


def test_a_schema_from_a_later_release_is_refused(each_catalog_url: str) -> None:
    """Neither opening nor upgrading touches a database that a later release has changed and keeps for itself."""
    with open_catalog(each_catalog_url) as catalog, catalog.database.engine.begin() as connection:
        connection.execute(text("UPDATE bookmarkai_schema_version SET version_num = '9999', oldest_code = NULL"))

    for use in (open_catalog, upgrade_catalog):
        with pytest.raises(
            ConfigurationError, match=f"revision {REVISIONS[-1]}, found revision 9999; it was made by another"
        ):
            use(each_catalog_url)
    assert schema_state(each_catalog_url).found == "9999"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_usual_spelling_of_postgresql_is_accepted(postgres_url: str, scheme: str) -> None:
    """A URL as hosting services write it means psycopg2."""
    with open_catalog(scheme + postgres_url[postgres_url.index("://") :]) as catalog:
        assert catalog.database.engine.driver == "psycopg2"
        assert catalog.shares.list() == []


def test_a_sqlite_file_is_made_with_its_directory(tmp_path: Path) -> None:
    """Directory, file and schema are created at the first opening and stay."""
    url = f"sqlite:///{tmp_path}/some where/new/catalog.db"
    assert schema_state(url).found is None
    assert not (tmp_path / "some where").exists()

    with open_catalog(url) as catalog:
        share_id = add_share(catalog)

    with open_catalog(url) as catalog:
        assert catalog.shares.get(share_id).created_at == at(0)


def test_a_relative_sqlite_path_is_fixed_at_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that changes its directory later still writes to the same file."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with open_catalog("sqlite:///catalog.db") as catalog:
        catalog.close()
        monkeypatch.chdir(tmp_path / "elsewhere")
        add_share(catalog)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_impossible_path_is_named(tmp_path: Path) -> None:
    """A path through a file, or to a directory, is a configuration error."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "catalog.db", tmp_path):
        with pytest.raises(ConfigurationError, match=r"expected the catalog sqlite:.* found: .*; correct"):
            open_catalog(f"sqlite:///{path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A directory without write permission is a configuration error."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ConfigurationError, match="expected the catalog sqlite:"):
            open_catalog(f"sqlite:///{tmp_path / 'catalog.db'}")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("use", [open_catalog, upgrade_catalog])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, use: Callable[[str], object]) -> None:
    """A file with other content is a configuration error, and keeps its content."""
    file = tmp_path / "catalog.db"
    file.write_text("precious notes\n" * 100)

    with pytest.raises(ConfigurationError, match="found: file is not a database"):
        use(f"sqlite:///{file}")

    assert file.read_text() == "precious notes\n" * 100


def test_sqlite_is_set_up_for_many_users(sqlite_url: str) -> None:
    """SQLite has a write-ahead log, foreign keys, a long busy timeout and commits that survive a power cut."""
    with open_catalog(sqlite_url) as catalog, catalog.database.engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }

    assert settings == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000, "synchronous": 2}


def test_a_catalog_that_is_forgotten_closes_its_connections(each_catalog_url: str) -> None:
    """Nobody has to close a catalog: what is in its pool is closed when the last one lets go of it."""
    closed: list[object] = []
    catalog = open_catalog(each_catalog_url)
    event.listen(catalog.database.engine.pool, "close", lambda connection, _: closed.append(connection))
    assert list(catalog.transcripts.recipes_in_use()) == []
    del catalog
    gc.collect()
    assert len(closed) == 1


def test_threads_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Of many who open a file that does not exist, one creates the schema and all get it."""
    url = f"sqlite:///{tmp_path / 'catalog.db'}"

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda i: _open_and_add(url, i), range(8)))

    with open_catalog(url) as catalog:
        assert {share.share_id for share in catalog.shares.list()} == set(ids)


def test_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """The lock that guards the creation of the schema works between processes too."""
    url = f"sqlite:///{tmp_path / 'catalog.db'}"

    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        ids = list(pool.map(_open_and_add, [url] * 3, range(3)))

    with open_catalog(url) as catalog:
        assert {share.share_id for share in catalog.shares.list()} == set(ids)


def test_a_new_file_waits_while_another_process_makes_it(tmp_path: Path) -> None:
    """The lock file beside the database keeps a second process from setting up the file at the same time."""
    file = tmp_path / "catalog.db"
    with file.with_name("catalog.db.lock").open("w") as lock, ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opening = pool.submit(_open_and_add, f"sqlite:///{file}", 1)
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.5)
        assert schema_state(f"sqlite:///{file}").found is None

        fcntl.flock(lock, fcntl.LOCK_UN)

        assert opening.result(timeout=HANG_SECONDS)


def _open_and_add(url: str, number: int) -> str:
    with open_catalog(url) as catalog:
        return add_share(catalog, url=f"https://example.com/{number}")


def test_a_forked_child_uses_connections_of_its_own(each_catalog_url: str) -> None:
    """A catalog inherited through a fork works in both processes: the child leaves its parent's connections alone."""
    script = f"""
import os
from bookmarkai_assets.adapters.catalog import open_catalog
from tests.support.catalog import add_share
catalog = open_catalog({each_catalog_url!r})
add_share(catalog)
pid = os.fork()
for _ in range(20):
    add_share(catalog)
if pid == 0:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
add_share(catalog)
print(len(catalog.shares.list()))
"""
    result = subprocess.run(  # a process of its own: forking one that has threads may hang
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )

    assert (result.stdout, result.stderr) == ("42\n", "")


def test_a_database_that_stops_serving_is_a_typed_error(sqlite_url: str) -> None:
    """When the file becomes unusable, the error says so in the database's words and without SQL."""
    with open_catalog(sqlite_url) as catalog:
        catalog.close()
        file = Path(str(catalog.database.engine.url.database))
        file.unlink()
        file.mkdir()

        with pytest.raises(CatalogUnavailableError, match=r"found: unable to open database file\. Nothing") as error:
            add_share(catalog)

    assert "INSERT" not in str(error.value)


def test_an_error_shows_no_values(postgres_url: str) -> None:
    """A statement that the server refuses is reported without its values, because links contain tokens."""
    with open_catalog(postgres_url) as catalog, catalog.database.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {connection.engine.url.database} SET lock_timeout = '50ms'")

    with open_catalog(postgres_url) as catalog, catalog.database.engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE shares IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(CatalogUnavailableError, match="canceling statement due to lock timeout") as error:
            add_share(catalog, url=f"https://example.com/?token={SECRET}")

    assert "INSERT INTO shares" in str(error.value.__cause__)
    assert SECRET not in str(error.value.__cause__)


def test_a_reconnect_after_a_server_restart_is_unnoticed(postgres_url: str) -> None:
    """A pooled connection that the server has closed is replaced before it is used."""
    with open_catalog(postgres_url) as catalog:
        add_share(catalog)
        with open_catalog(postgres_url) as other, other.database.engine.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        add_share(catalog)

        assert len(catalog.shares.list()) == 2
