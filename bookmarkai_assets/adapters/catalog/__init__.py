"""The catalog in SQL: shares, work, media, transcripts, storage events and the rollout, in SQLite or PostgreSQL.

All SQL is in this package, and nothing else. Which share is worked on when, and what a failure means, is decided by the
callers of the ports. The names below are all that the package offers.
"""

from bookmarkai_assets.adapters.catalog.opening import OpenCatalog, open_catalog, refuse_unusable_schema
from bookmarkai_assets.adapters.catalog.revisions import SchemaState
from bookmarkai_assets.adapters.catalog.schema import (
    LockPatience,
    Upgrade,
    downgrade_catalog,
    schema_state,
    upgrade_catalog,
)

__all__ = [
    "LockPatience",
    "OpenCatalog",
    "SchemaState",
    "Upgrade",
    "downgrade_catalog",
    "open_catalog",
    "refuse_unusable_schema",
    "schema_state",
    "upgrade_catalog",
]
