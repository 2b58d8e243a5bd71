"""The catalog in SQL: shares, work, media, transcripts, storage events and the rollout, in SQLite or PostgreSQL.

All SQL is in this package, and nothing else. Which share is worked on when, and what a failure means, is decided by the
callers of the ports. The names below are all that the package offers.
"""

from bookmarkai_assets.adapters.catalog.opening import OpenCatalog, open_catalog
from bookmarkai_assets.adapters.catalog.schema import (
    SchemaState,
    downgrade_catalog,
    schema_state,
    upgrade_catalog,
)

__all__ = [
    "OpenCatalog",
    "SchemaState",
    "downgrade_catalog",
    "open_catalog",
    "schema_state",
    "upgrade_catalog",
]
