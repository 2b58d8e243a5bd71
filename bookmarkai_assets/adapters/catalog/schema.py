"""Upgrading and downgrading a database's schema. Alembic is loaded only to migrate.

The revisions themselves are in `migrations/`, and `revisions` says which code can work on which. `opening` decides when
a schema is checked.
"""

import fcntl
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from bookmarkai_assets.adapters.catalog import revisions
from bookmarkai_assets.adapters.catalog.engine import Database, file_of, parse_url, reason_of
from bookmarkai_assets.adapters.catalog.revisions import SchemaState, read_state, schema_error
from bookmarkai_assets.adapters.catalog.search_index import index_all
from bookmarkai_assets.adapters.catalog.tables.base import schema_version
from bookmarkai_assets.core.errors import ConfigurationError

T = TypeVar("T")

FULL_TEXT_MODULE = "fts5"
"""The SQLite module that the search in transcripts uses. A build of SQLite may lack it."""

BASE = "base"
"""What Alembic calls the state before the first revision."""

# Any constant of our own will do. These are the eight bytes of "bookmark".
_ADVISORY_LOCK = int.from_bytes(b"bookmark")

_GATEWAY_COLUMNS: Mapping[str, frozenset[str]] = {
    "shares": frozenset({"id", "user_id", "url", "platform", "status", "media_url", "created_at", "updated_at"}),
    "transcripts": frozenset({"id", "share_id", "full_text", "segments", "language", "created_at", "updated_at"}),
}

_BUSY = frozenset({"55P03", "40P01"})
"""PostgreSQL's codes for a lock that was not to be had in time (lock_not_available), and for a deadlock."""

_LONGEST_TRANSACTION = text(
    "SELECT pid, coalesce(nullif(application_name, ''), 'no name') AS name, "
    "extract(epoch FROM now() - xact_start) AS seconds FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL "
    # Those that only wait for us.
    "AND wait_event IS DISTINCT FROM 'advisory' "
    "ORDER BY xact_start LIMIT 1"
)


@dataclass(frozen=True)
class LockPatience:
    """How an upgrade waits for the locks of PostgreSQL's tables: so many times, with a pause between them.

    ALTER TABLE needs a table for itself (ACCESS EXCLUSIVE), even if only for the moment in which it adds a column, and
    CREATE INDEX keeps out writers (SHARE). Such a request waits for every transaction that has used the table, and
    everybody who comes after it waits behind it, readers as well. One long report would so stop all workers for as long
    as it takes. Therefore the request gives up after `seconds`, the queue behind it goes on, and it is made again.
    PostgreSQL looks for deadlocks after 1 s, so a wait below that ends before a worker's transaction is the victim.
    """

    seconds: float = 0.5
    pause_seconds: float = 2
    attempts: int = 30


@dataclass(frozen=True)
class Upgrade:
    """The revisions before (None: no schema of ours) and after an upgrade. The same if there was nothing to do."""

    found: str | None
    reached: str | None


def schema_state(url: str) -> SchemaState:
    """Read the state of a database's schema. Raises `ConfigurationError` if the database cannot be reached."""
    database = Database(parse_url(url))
    with closing(database), configuration_errors(database, "be readable"):
        return state_of(database)


def upgrade_catalog(url: str, *, patience: LockPatience = LockPatience()) -> Upgrade:
    """Upgrade the schema to what this code needs. Nothing happens if it is current, or newer and usable.

    The schema changes in one transaction, which succeeds as a whole or changes nothing. Then transcripts that are not
    in the search's index are added to it. Concurrent upgrades wait for each other; if one is killed, the next does what
    it has left. Workers go on meanwhile. `shares` and `transcripts` are created only if they do not exist. Raises
    `ConfigurationError`, also if another transaction keeps a table locked for longer than `patience` allows.
    """
    database = Database(parse_url(url))
    with closing(database):
        return upgrade(database, patience=patience)


def downgrade_catalog(url: str, revision: str = BASE) -> None:
    """Downgrade the schema to an earlier revision. `shares` and `transcripts` are never dropped, whoever created them.

    The data in tables of later revisions is lost. No worker may run meanwhile. Raises `ConfigurationError`.
    """
    known = (BASE, *revisions.REVISIONS)
    if revision not in known:
        raise ConfigurationError(f"expected one of the revisions {', '.join(known)}, found {revision!r}")
    database = Database(parse_url(url))
    with closing(database), _migrating(database):
        _in_patience(database, lambda connection: _downgrade(database, connection, revision), LockPatience())


def upgrade(database: Database, *, patience: LockPatience = LockPatience()) -> Upgrade:
    """Do what `upgrade_catalog` does, on an open database. Raises `ConfigurationError`."""
    with _migrating(database):
        done = _in_patience(database, lambda connection: _upgrade(database, connection), patience)
        with _exclusively(database) as connection:
            # This uses the current code on the current schema, so it is not part of a revision. In a transaction of its
            # own, because it may take minutes, and the tables' locks are held until the first one has committed.
            index_all(connection, is_sqlite=database.is_sqlite)
        return done


def state_of(database: Database) -> SchemaState:
    """Read the schema's state. It takes one query on a database that has one."""
    if database.is_sqlite and not file_of(database.engine.url).exists():
        return _none()
    with database.engine.connect() as connection:
        try:
            return read_state(connection)
        except DBAPIError:
            # Most likely the table is missing. Any other error is raised again by the slower query.
            connection.rollback()
            return _state_if_any(connection)


def require_full_text_search(database: Database) -> None:
    """Check that this Python's SQLite has full-text search, which every write of a transcript needs.

    Raises `ConfigurationError` if not.
    """
    if not database.is_sqlite:
        return
    with closing(sqlite3.connect(":memory:")) as connection:
        modules = {name for (name,) in connection.execute("SELECT name FROM pragma_module_list")}
    if FULL_TEXT_MODULE not in modules:
        raise ConfigurationError(
            f"expected this Python's SQLite to have the module {FULL_TEXT_MODULE}, found SQLite "
            f"{sqlite3.sqlite_version} built without it; use a Python with a complete SQLite, such as python.org's or "
            "a distribution's, or PostgreSQL as the catalog"
        )


@contextmanager
def configuration_errors(database: Database, expectation: str) -> Iterator[None]:
    """Turn errors of the driver or the disk into a `ConfigurationError`, while a catalog is set up."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, OSError) as error:
        password = database.engine.url.password
        reason = reason_of(error)
        raise ConfigurationError(
            f"expected the catalog {database.name} to {expectation}, found: "
            f"{reason.replace(str(password), '***') if password else reason}; correct the catalog's URL, or check that "
            "the server is running and accepts this user, or that the file and its directory belong to this user"
        ) from error


@contextmanager
def _setup_lock(database: Database) -> Iterator[None]:
    """Keep other processes and threads from setting up the same SQLite file. PostgreSQL has a lock of its own."""
    if not database.is_sqlite:
        yield
        return
    file = file_of(database.engine.url)
    file.parent.mkdir(parents=True, exist_ok=True)
    # The lock belongs to the open file, so a process that dies frees it. The file stays. If it were removed, two
    # processes could have locks on two files of the same name.
    with file.with_name(file.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _none() -> SchemaState:
    return SchemaState(found=None, expected=revisions.REVISIONS[-1])


def _state_if_any(connection: Connection) -> SchemaState:
    return read_state(connection) if inspect(connection).has_table(schema_version.name) else _none()


@contextmanager
def _migrating(database: Database) -> Iterator[None]:
    """Prepare the database for changes of its schema, and keep other processes from changing the same SQLite file."""
    require_full_text_search(database)
    with configuration_errors(database, "take schema changes"), _setup_lock(database):
        if database.is_sqlite:
            _use_write_ahead_log(database)
        yield


@contextmanager
def _exclusively(database: Database) -> Iterator[Connection]:
    """Open a transaction that no other upgrade has at the same time."""
    with database.engine.execution_options(is_writing=True).begin() as connection:
        if not database.is_sqlite:
            # Another upgrade is waited for as long as it takes, whatever the database's own setting. The lock belongs
            # to the transaction, so PostgreSQL frees it when a process dies.
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        yield connection


def _in_patience(database: Database, change: Callable[[Connection], T], patience: LockPatience) -> T:
    """Make a change of the schema in one transaction, as often as `patience` allows while tables are locked."""
    for attempt in range(1, patience.attempts + 1):
        try:
            with _exclusively(database) as connection:
                if not database.is_sqlite:
                    connection.execute(text(f"SET LOCAL lock_timeout = {round(patience.seconds * 1000)}"))
                return change(connection)
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) not in _BUSY:
                raise
            if attempt == patience.attempts:
                raise _busy_error(database, patience) from error
        time.sleep(patience.pause_seconds)
    raise AssertionError("the last attempt returns or raises")


def _busy_error(database: Database, patience: LockPatience) -> ConfigurationError:
    with database.engine.connect() as connection:
        longest = connection.execute(_LONGEST_TRANSACTION).first()
    found = (
        f"process {longest.pid} ({longest.name}) in a transaction for {longest.seconds:.0f} s, the longest of all"
        if longest
        else "that none is open any more"
    )
    return ConfigurationError(
        f"expected the tables of the catalog {database.name} to be free for a moment, tried {patience.attempts} times "
        f"for {patience.seconds} s each, found {found}; nothing was changed. Wait for that transaction, or end it with "
        f"`SELECT pg_terminate_backend(pid)`, then run `{revisions.UPGRADE_COMMAND}` again"
    )


def _upgrade(database: Database, connection: Connection) -> Upgrade:
    state = _state_if_any(connection)
    if not state.is_usable and not state.is_behind:
        raise schema_error(database.name, state)
    _check_gateway_tables(database, connection)
    if state.is_behind:
        _run_alembic(connection)
    return Upgrade(found=state.found, reached=_state_if_any(connection).found)


def _downgrade(database: Database, connection: Connection, revision: str) -> None:
    state = _state_if_any(connection)
    if not state.is_current and not state.is_behind:
        raise schema_error(database.name, state)
    _check_gateway_tables(database, connection)
    _run_alembic(connection, to_earlier=revision)


def _run_alembic(connection: Connection, *, to_earlier: str | None = None) -> None:
    from alembic import command  # noqa: PLC0415 - 0.2 s that only a migration pays
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(revisions.MIGRATIONS).replace("%", "%%"))
    if to_earlier is None:
        command.upgrade(config, "head")
    else:
        command.downgrade(config, to_earlier)


def _use_write_ahead_log(database: Database) -> None:
    # In this mode readers and the writer do not block each other. It is a property of the file, and can be set only
    # outside a transaction.
    with closing(database.engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA journal_mode = WAL")


def _check_gateway_tables(database: Database, connection: Connection) -> None:
    inspector = inspect(connection)
    missing = [
        f"{table}.{column}"
        for table, columns in _GATEWAY_COLUMNS.items()
        if inspector.has_table(table)
        for column in sorted(columns - {found["name"] for found in inspector.get_columns(table)})
    ]
    if missing:
        raise ConfigurationError(
            f"expected the tables of BookmarkAI's gateway in {database.name} to have the columns "
            f"{', '.join(missing)}, found none of that name; point the catalog at the gateway's database, or at an "
            "empty one"
        )
