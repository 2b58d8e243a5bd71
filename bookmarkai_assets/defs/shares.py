"""The external asset that every lineage begins with: the gateway's table of shares, which nobody materializes here."""

import dagster as dg

from bookmarkai_assets.metadata.keys import SHARE_COLUMN_TYPES, SHARE_COLUMNS
from bookmarkai_assets.metadata.tables import table_schema

shares = dg.AssetSpec(
    "shares",
    group_name="media",
    owners=["team:gateway"],
    kinds={"postgres", "sql"},
    tags={"stage": "share"},
    metadata={"dagster/column_schema": table_schema(SHARE_COLUMNS, SHARE_COLUMN_TYPES), "dagster/table_name": "shares"},
    description="The links that BookmarkAI's users share: a table of the gateway, with a row per share. The sensor "
    "`new_shares` gives each a partition of `raw_video`, `stored_media` and `transcript`, and a run. The gateway "
    "writes the row, and `status` follows the work. `bookmarkai shares list` and `bookmarkai shares show ID` show it. "
    "What becomes of a share is in ARCHITECTURE.md, under *The life of a share*.",
)
