"""Open and upgrade the catalog."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.shares.partition_selections import SHARE_PARTITIONS
from bookmarkai_assets.settings.settings import Settings

if TYPE_CHECKING:
    from bookmarkai_assets.adapters.catalog import SchemaState, Upgrade


@contextmanager
def open_catalog(settings: Settings) -> Iterator[Catalog]:
    """Open the catalog. Raises `ConfigurationError` if it cannot be reached or has another schema."""
    from bookmarkai_assets.adapters import catalog  # noqa: PLC0415 - SQLAlchemy takes 0.3 s to import

    with catalog.open_catalog(settings.resolved_catalog_url()) as opened:
        yield opened


def wait_for_catalog(settings: Settings, *, seconds: float, on_wait: Callable[[str], object]) -> None:
    """Wait until the catalog's server takes connections. Raises `ConfigurationError` if it takes none in time."""
    from bookmarkai_assets.adapters.catalog.waiting import wait_for_database  # noqa: PLC0415 - as above

    wait_for_database(settings.resolved_catalog_url(), seconds=seconds, on_wait=on_wait)


def upgrade_catalog_schema(settings: Settings) -> "Upgrade":
    """Upgrade the catalog's tables to this version's schema. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.catalog import upgrade_catalog  # noqa: PLC0415 - as above

    return upgrade_catalog(settings.resolved_catalog_url())


def read_schema_state(settings: Settings) -> "SchemaState":
    """Read which schema the catalog has, and whether this version can work on it. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.catalog import schema_state  # noqa: PLC0415 - as above

    return schema_state(settings.resolved_catalog_url())


def refuse_unusable_schema(settings: Settings) -> None:
    """Raise `ConfigurationError` if this version cannot work on the catalog's schema."""
    from bookmarkai_assets.adapters import catalog  # noqa: PLC0415 - as above

    catalog.refuse_unusable_schema(settings.resolved_catalog_url())


def share_partitions(settings: Settings) -> list[str] | None:
    """Read the ids of the shares that Dagster has partitions for, in its order. None if it has never run."""
    from bookmarkai_assets.adapters.dagster_home import partition_keys  # noqa: PLC0415 - as above

    home = settings.dagster_home or Path("dagster_home").absolute()
    return partition_keys(home, SHARE_PARTITIONS)
