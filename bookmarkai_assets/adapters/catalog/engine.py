"""Reaching the database: which URLs are taken, how an engine is set up, and the two kinds of transaction.

No table is known here, and no other module makes an engine or begins a transaction.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, Pool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from bookmarkai_assets.core.errors import CatalogUnavailableError, ConfigurationError

SQLITE_BUSY_TIMEOUT_SECONDS = 30
"""How long a writer waits for another. A transaction here takes milliseconds, so after 30 s something hangs."""

POSTGRES_CONNECT_TIMEOUT_SECONDS = 10
_POSTGRES_POOL_SIZE = 2
_POSTGRES_POOL_OVERFLOW = 3
_SQLITE_DRIVERS = frozenset({"sqlite", "sqlite+pysqlite"})
_POSTGRES_DRIVER = "postgresql+psycopg2"
# SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3, which is not installed: dagster-postgres brings psycopg2.
_POSTGRES_SPELLINGS = frozenset({"postgres", "postgresql", _POSTGRES_DRIVER})
_EXAMPLES = "sqlite:////srv/bookmarkai/catalog.db or postgresql+psycopg2://user:password@host/database"


class Database:
    """One engine and the two ways to use it. Threads may share it; a forked child gets connections of its own."""

    def __init__(self, url: URL) -> None:
        self.name = masked(url)
        self.engine = _engine_of(url)
        self._writer = self.engine.execution_options(is_writing=True)
        self._inherited: Pool | None = None
        _databases.add(self)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite; PostgreSQL otherwise."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that only reads. Raises `CatalogUnavailableError`."""
        with self._typed_errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes and commits at its end, or keeps nothing. Raises `CatalogUnavailableError`.

        On SQLite it holds the one write lock from its first moment, so what it reads cannot change under it. On
        PostgreSQL (READ COMMITTED) it must lock the rows whose content it decides by. Locks are taken in one order:
        leases, then `shares`, then `share_work`, then `tombstones`; several of a kind by ascending key. `cursors`, then
        `event_totals`, are locked together with nothing else.
        """
        with self._typed_errors(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close the pooled connections. The database may be used again; it then connects anew."""
        self.engine.dispose()

    def leave_connections_to_parent(self) -> None:
        """Start without connections in a forked child: two processes on one corrupt a file and garble a protocol."""
        # Kept, because a connection that is garbage closes itself, and with it what the parent still uses.
        self._inherited = self.engine.pool
        self.engine.dispose(close=False)

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            raise CatalogUnavailableError(
                f"expected the catalog {self.name} to serve a transaction, found: {reason_of(error)}. Nothing was "
                "recorded; try again, and if it stays so, see that the server runs or the disk has room and is writable"
            ) from error


def parse_url(text: str) -> URL:
    """Read a catalog URL; raises `ConfigurationError`, which never shows a password.

    SQLite needs a file, as threads and processes share it. `postgres://` and `postgresql://` mean psycopg2.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            f"expected a catalog URL such as {_EXAMPLES}, found {_masked_text(text)!r}, which is none"
        ) from error
    if url.drivername in _POSTGRES_SPELLINGS:
        if not url.database:
            raise ConfigurationError(
                f"expected a catalog URL that names a database, such as {_EXAMPLES}, found {masked(url)!r}"
            )
        return url.set(drivername=_POSTGRES_DRIVER)
    if url.drivername not in _SQLITE_DRIVERS:
        raise ConfigurationError(f"expected a catalog URL such as {_EXAMPLES}, found {masked(url)!r}")
    if url.host or url.username or url.query or not url.database or url.database == ":memory:":
        raise ConfigurationError(
            f"expected a catalog URL that names a file, such as {_EXAMPLES} (an absolute path has four slashes), "
            f"found {masked(url)!r}"
        )
    return url


def file_of(url: URL) -> Path:
    """Give the file behind a SQLite URL that `parse_url` has taken."""
    if url.database is None:
        raise ValueError(f"expected a URL that names a file, found {masked(url)!r}")
    return Path(url.database).absolute()


def masked(url: URL) -> str:
    """Show a URL without its password, also when the password is given as a parameter."""
    return url.set(query=dict.fromkeys(url.query, "***")).render_as_string(hide_password=True)


def reason_of(error: BaseException) -> str:
    """Give the database's own words for an error, on one line, without the statement and its parameters."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def _masked_text(text: str) -> str:
    return re.sub(r"^(.*?://)?.*@", r"\1***@", text.partition("?")[0])


def _engine_of(url: URL) -> Engine:
    # Parameters hold shared links and titles: they stay out of error messages and logs.
    common: dict[str, Any] = {"hide_parameters": True, "json_serializer": _json}
    if url.drivername == _POSTGRES_DRIVER:
        engine = create_engine(
            url,
            pool_pre_ping=True,
            pool_size=_POSTGRES_POOL_SIZE,
            max_overflow=_POSTGRES_POOL_OVERFLOW,
            connect_args={
                "connect_timeout": POSTGRES_CONNECT_TIMEOUT_SECONDS,
                "application_name": "bookmarkai-assets",
            },
            **common,
        )
    else:
        engine = create_engine(
            url.set(database=str(file_of(url))),
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            **common,
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _set_up_sqlite(dbapi_connection: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 - sqlite3's, by SQLAlchemy's event signature
    # SQLAlchemy's documented recipe for real SQLite transactions on Python before 3.12: the driver's own, late and
    # deferred BEGIN is switched off, and `_begin_sqlite` emits it.
    dbapi_connection.isolation_level = None
    dbapi_connection.text_factory = _text_or_bytes
    dbapi_connection.execute("PRAGMA foreign_keys = ON")
    # Promise 1: a share once accepted survives a power cut, so every commit is synced, also in WAL mode.
    dbapi_connection.execute("PRAGMA synchronous = FULL")


def _text_or_bytes(raw: bytes) -> str | bytes:
    # Bytes that are no UTF-8 must not make a row unreadable: a malformed share is set aside, not fatal.
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _begin_sqlite(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("is_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


_databases: WeakSet[Database] = WeakSet()


def _start_anew_in_child() -> None:
    for database in _databases:
        database.leave_connections_to_parent()


# At the fork and not at the next use: the pool's pre-ping would talk on an inherited connection before any event of the
# pool could stop it.
os.register_at_fork(after_in_child=_start_anew_in_child)
