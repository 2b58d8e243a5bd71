"""`bookmarkai transcripts index`: index transcripts that this pipeline did not write."""

from bookmarkai_assets.cli.output import out
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

TRANSCRIPTS_AT_A_TIME = 200
"""How many one transaction indexes. On SQLite, other writers wait for it."""


def index() -> None:
    """Index transcripts that are new to the search or were changed, and remove deleted ones from the index.

    What this pipeline writes is indexed at once. The gateway's own rows need this command. You can interrupt it and run
    it again.

    Example: bookmarkai transcripts index
    """
    total = 0
    with open_catalog(load_settings()) as catalog:
        while found := catalog.search.index(limit=TRANSCRIPTS_AT_A_TIME).transcripts:
            total += found
    out.print(f"Transcripts indexed: {total:,}." if total else "All transcripts are indexed.")
