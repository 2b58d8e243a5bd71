"""The connection to the database: which URLs are accepted, how an engine is set up, and the two kinds of transaction.

This module knows no table, and no other module creates an engine or begins a transaction.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet, finalize

from sqlalchemy import URL, Connection, Engine, Pool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from bookmarkai_assets.core.errors import CatalogUnavailableError, ConfigurationError

SQLITE_BUSY_TIMEOUT_SECONDS = 30
"""How long one writer waits for another. A transaction takes milliseconds, so after 30 s something hangs."""

HAS_PATTERN = "has_pattern"
"""SQLite's function for what PostgreSQL's operator `~` does: whether a text, as bytes, has a regular expression."""

POSTGRES_CONNECT_TIMEOUT_SECONDS = 10
_POSTGRES_POOL_SIZE = 2
_POSTGRES_POOL_OVERFLOW = 3
_SQLITE_DRIVERS = frozenset({"sqlite", "sqlite+pysqlite"})
_POSTGRES_DRIVER = "postgresql+psycopg2"
# SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3, which is not installed: dagster-postgres brings psycopg2.
_POSTGRES_SPELLINGS = frozenset({"postgres", "postgresql", _POSTGRES_DRIVER})
_EXAMPLES = "sqlite:////srv/bookmarkai/catalog.db or postgresql+psycopg2://user:password@host/database"


class Database:
    """One engine and the two ways to use it. Threads may share it. A forked child opens connections of its own."""

    def __init__(self, url: URL) -> None:
        self.name = mask_password(url)
        self.engine = _engine_of(url)
        self._writer = self.engine.execution_options(is_writing=True)
        self._inherited: Pool | None = None
        # From Python 3.13 on, sqlite3 warns of connections that are forgotten instead of closed.
        finalize(self, self.engine.dispose)
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
        """Open a transaction that writes. It commits at the end, or rolls back. Raises `CatalogUnavailableError`.

        On SQLite it has the only write lock from the start, so what it reads cannot change meanwhile. On PostgreSQL
        (READ COMMITTED) it must lock the rows that it bases decisions on. Locks are taken in one order: leases, then
        `uploads`, then `shares`, then `share_work`, then `media_totals` (by the triggers of `media`), then
        `tombstones`, and within a table by ascending key. `cursors`, then `event_totals`, are never locked together
        with anything else.
        """
        with self._typed_errors(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close the pooled connections. The database can still be used, and then connects again."""
        self.engine.dispose()

    def leave_connections_to_parent(self) -> None:
        """Start without connections in a forked child. Two processes on one connection corrupt the file or protocol."""
        # Kept, because a connection that is garbage-collected closes itself, and the parent still uses it.
        self._inherited = self.engine.pool
        self.engine.dispose(close=False)

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            raise CatalogUnavailableError(
                f"expected the catalog {self.name} to serve a transaction, found: {reason_of(error)}. Nothing was "
                "recorded; try again, and if it fails again, check that the server is running, or that the disk has "
                "room and is writable"
            ) from error


def parse_url(text: str) -> URL:
    """Parse a catalog URL. Raises `ConfigurationError`, which never shows a password.

    SQLite needs a file, because threads and processes share it. `postgres://` and `postgresql://` mean psycopg2.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            f"expected a catalog URL such as {_EXAMPLES}, found {_mask_text(text)!r}, which is not a URL"
        ) from error
    if url.drivername in _POSTGRES_SPELLINGS:
        if not url.database:
            raise ConfigurationError(
                f"expected a catalog URL that names a database, such as {_EXAMPLES}, found {mask_password(url)!r}"
            )
        return url.set(drivername=_POSTGRES_DRIVER)
    if url.drivername not in _SQLITE_DRIVERS:
        raise ConfigurationError(f"expected a catalog URL such as {_EXAMPLES}, found {mask_password(url)!r}")
    if url.host or url.username or url.query or not url.database or url.database == ":memory:":
        raise ConfigurationError(
            f"expected a catalog URL that names a file, such as {_EXAMPLES} (an absolute path has four slashes), "
            f"found {mask_password(url)!r}"
        )
    return url


def file_of(url: URL) -> Path:
    """Return the file behind a SQLite URL that `parse_url` has returned."""
    if url.database is None:
        raise ValueError(f"expected a URL that names a file, found {mask_password(url)!r}")
    return Path(url.database).absolute()


def mask_password(url: URL) -> str:
    """Return a URL without its password, also if the password is a query parameter."""
    return url.set(query=dict.fromkeys(url.query, "***")).render_as_string(hide_password=True)


def reason_of(error: BaseException) -> str:
    """Return the database's own message for an error, on one line, without the statement and its parameters."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def _mask_text(text: str) -> str:
    return re.sub(r"^(.*?://)?.*@", r"\1***@", text.partition("?")[0])


def _engine_of(url: URL) -> Engine:
    # Parameters contain shared links and titles, so they are kept out of error messages and logs.
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
    # SQLAlchemy's documented recipe for real SQLite transactions on Python before 3.12. It switches off the driver's
    # own BEGIN, which is late and deferred, and `_begin_sqlite` emits one.
    dbapi_connection.isolation_level = None
    dbapi_connection.text_factory = _text_or_bytes
    dbapi_connection.execute("PRAGMA foreign_keys = ON")
    # Promise 1: an accepted share survives a power cut. So every commit is synced, also in WAL mode.
    dbapi_connection.execute("PRAGMA synchronous = FULL")
    dbapi_connection.create_function(HAS_PATTERN, 2, _has_pattern, deterministic=True)


def _has_pattern(pattern: str, text: bytes | None) -> bool:
    """Whether a text has a regular expression somewhere. It comes as bytes, because it may be no valid text."""
    return text is not None and re.search(pattern, text.decode("utf-8", "replace")) is not None


def _text_or_bytes(raw: bytes) -> str | bytes:
    # Bytes that are not UTF-8 must not make a row unreadable. A malformed share is parked and stops nothing else.
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _begin_sqlite(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("is_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


_databases: WeakSet[Database] = WeakSet()


def _leave_connections_in_child() -> None:
    for database in _databases:
        database.leave_connections_to_parent()


# At the fork and not at the next use. Otherwise the pool's pre-ping would use an inherited connection before any event
# of the pool could stop it.
os.register_at_fork(after_in_child=_leave_connections_in_child)
