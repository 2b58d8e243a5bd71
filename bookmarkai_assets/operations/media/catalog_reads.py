"""Read media from the catalog: all of them, page by page, or the one behind a share."""

from collections.abc import Iterator

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.media import Media, media_id_of
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.shares.intake import link_of

PAGE = 500
"""Rows read at a time, about 0.5 MB, so that no command has the whole catalog in memory or blocks its writers."""


def all_media(catalog: Catalog) -> Iterator[Media]:
    """Yield every media on record, ordered by media id, each as it was when its page was read."""
    after = ""
    while page := catalog.media.page(after=after, limit=PAGE):
        yield from page
        after = page[-1].media_id


def media_of_share(catalog: Catalog, rules: PipelineRules, share_id: str) -> Media | None:
    """Return the media behind a share; None if none is on record. Raises `UnknownShareError`, `ShareFailedError`.

    It is found by the share's link, so that a share without a history here finds a media that a rebuild restored.
    """
    link = link_of(catalog.shares.get(share_id), catalog, rules.allowed_hosts)
    return catalog.media.get(media_id_of(link.canonical_url))
