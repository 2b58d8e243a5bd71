"""The revision of a database's schema, and upgrading or downgrading it. Alembic is loaded only to migrate.

The revisions themselves are in `migrations/`. `opening` decides when a schema is checked.
"""

import fcntl
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError

from bookmarkai_assets.adapters.catalog.engine import Database, file_of, parse_url, reason_of
from bookmarkai_assets.adapters.catalog.search_index import index_all
from bookmarkai_assets.adapters.catalog.tables.base import schema_version
from bookmarkai_assets.core.errors import ConfigurationError

_MIGRATIONS = Path(__file__).parent / "migrations"

REVISIONS = tuple(sorted(path.name[1:5] for path in (_MIGRATIONS / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py")))
"""Every revision in order, by the names of its files, because opening does not load Alembic to read how they chain."""

UPGRADE_COMMAND = "bookmarkai catalog upgrade"
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


@dataclass(frozen=True)
class SchemaState:
    """The revision that a database has (None: no schema of ours), and the one that this code needs."""

    found: str | None
    expected: str

    @property
    def is_current(self) -> bool:
        """Whether this code can work on the database as it is."""
        return self.found == self.expected

    @property
    def is_behind(self) -> bool:
        """Whether an upgrade by this code would help. A revision that it does not know is from a later release."""
        return self.found is None or self.found in REVISIONS[:-1]


def schema_state(url: str) -> SchemaState:
    """Read the revision of a database's schema. Raises `ConfigurationError` if the database cannot be reached."""
    database = Database(parse_url(url))
    with closing(database), configuration_errors(database, "be readable"):
        return state_of(database)


def upgrade_catalog(url: str) -> None:
    """Upgrade the schema to what this code needs. Nothing happens if it is current.

    It is one transaction, which succeeds as a whole or changes nothing. Concurrent upgrades wait for each other.
    `shares` and `transcripts` are created only if they do not exist. Raises `ConfigurationError`.
    """
    database = Database(parse_url(url))
    with closing(database):
        upgrade(database)


def downgrade_catalog(url: str, revision: str = BASE) -> None:
    """Downgrade the schema to an earlier revision. `shares` and `transcripts` are never dropped, whoever created them.

    The data in tables of later revisions is lost. Raises `ConfigurationError`.
    """
    if revision not in (BASE, *REVISIONS):
        raise ConfigurationError(f"expected one of the revisions {', '.join((BASE, *REVISIONS))}, found {revision!r}")
    database = Database(parse_url(url))
    with closing(database):
        _migrate(database, to_earlier=revision)


def upgrade(database: Database) -> None:
    """Do what `upgrade_catalog` does, on an open database. Raises `ConfigurationError`."""
    _migrate(database)


def state_of(database: Database) -> SchemaState:
    """Read the schema's revision. It takes one query on a database that has one."""
    expected = REVISIONS[-1]
    if database.is_sqlite and not file_of(database.engine.url).exists():
        return SchemaState(found=None, expected=expected)
    with database.engine.connect() as connection:
        try:
            found = _version(connection)
        except DBAPIError:
            # Most likely the table is missing. Any other error is raised again by the slower query.
            connection.rollback()
            found = _version_if_any(connection)
    return SchemaState(found=found, expected=expected)


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


def schema_error(database: Database, state: SchemaState) -> ConfigurationError:
    """Return the error for a schema that is not current. It says what is wrong and what to do."""
    found = f"revision {state.found}" if state.found else "no schema"
    todo = (
        f"run `{UPGRADE_COMMAND}`"
        if state.is_behind
        else f"it was made by another release: install that one, or this one's successor, then run `{UPGRADE_COMMAND}`"
    )
    return ConfigurationError(
        f"expected the catalog {database.name} to have schema revision {state.expected}, found {found}; {todo}"
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


def _version(connection: Connection) -> str | None:
    return ", ".join(sorted(connection.execute(select(schema_version.c.version_num)).scalars())) or None


def _version_if_any(connection: Connection) -> str | None:
    return _version(connection) if inspect(connection).has_table(schema_version.name) else None


def _migrate(database: Database, *, to_earlier: str | None = None) -> None:
    require_full_text_search(database)
    with configuration_errors(database, "take schema changes"), _setup_lock(database):
        if database.is_sqlite:
            _use_write_ahead_log(database)
        with database.engine.execution_options(is_writing=True).begin() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            state = SchemaState(found=_version_if_any(connection), expected=REVISIONS[-1])
            if not state.is_current and not state.is_behind:
                raise schema_error(database, state)
            _check_gateway_tables(database, connection)
            _run_alembic(connection, to_earlier=to_earlier)
            if to_earlier is None:
                # This uses the current code on the current schema, so it is not part of a revision.
                index_all(connection, is_sqlite=database.is_sqlite)


def _run_alembic(connection: Connection, *, to_earlier: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - 0.2 s that only a migration pays
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
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
