"""`bookmarkai transcripts index`: make findable what others than this pipeline wrote."""

from bookmarkai_assets.cli.output import out
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

TRANSCRIPTS_AT_A_TIME = 200
"""Of one transaction: on SQLite other writers wait for it."""


def index() -> None:
    """Index the transcripts that the search does not know, or that were changed, and forget those that were deleted.

    What this pipeline writes is indexed at once; the gateway's own rows are by this. May be interrupted and repeated.

    Example: bookmarkai transcripts index
    """
    total = 0
    with open_catalog(load_settings()) as catalog:
        while found := catalog.search.index(limit=TRANSCRIPTS_AT_A_TIME).transcripts:
            total += found
    out.print(f"Transcripts indexed: {total:,}." if total else "All transcripts are indexed.")
