"""Ways to read media out of the catalog: all of them, page by page, and the one behind a share."""

from collections.abc import Iterator

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.media import Media, media_id_of
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.shares.intake import link_of

PAGE = 500
"""Rows read at a time, so that no command holds the whole catalog or blocks its writers: some 0.5 MB."""


def all_media(catalog: Catalog) -> Iterator[Media]:
    """Give every media on record, by media id, each as it was when its page was read."""
    after = ""
    while page := catalog.media.page(after=after, limit=PAGE):
        yield from page
        after = page[-1].media_id


def media_of_share(catalog: Catalog, rules: PipelineRules, share_id: str) -> Media | None:
    """Give the media behind a share; None when none is on record. Raises `UnknownShareError`, `ShareFailedError`.

    The link names it: also a share that this catalog has never worked on finds what a rebuild has restored.
    """
    link = link_of(catalog.shares.get(share_id), catalog, rules.allowed_hosts)
    return catalog.media.get(media_id_of(link.canonical_url))
