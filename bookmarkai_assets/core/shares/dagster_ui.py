"""Links into Dagster's UI: the page of one share's partition, and backfills with the partitions filled in.

The UI opens no dialog by a link. A backfill's page has the selection ready behind its button Materialize.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bookmarkai_assets.core.shares.partition_selections import selection_path, selections_for_links
from bookmarkai_assets.core.shares.share import ShareStatus

RAW_VIDEO, STORED_MEDIA, TRANSCRIPT = "raw_video", "stored_media", "transcript"
SHARE_ASSETS = (RAW_VIDEO, STORED_MEDIA, TRANSCRIPT)
"""The assets that are made of a share, in their order."""

_ASSET_OF_STATUS: Mapping[str, str] = {
    ShareStatus.DONE: TRANSCRIPT,
    ShareStatus.ENRICHED: TRANSCRIPT,
    ShareStatus.FETCHED: STORED_MEDIA,
}


@dataclass(frozen=True)
class BackfillLink:
    """A page whose Materialize button has `count` partitions filled in."""

    url: str
    count: int


@dataclass(frozen=True)
class DagsterUI:
    """Dagster's UI at an address, which has the path prefix and no slash at its end.

    With an empty address, links are paths. These are right on pages of a UI that is served without a prefix.
    """

    url: str = ""

    def partition(self, asset: str, share_id: str) -> str:
        """Return the link to a share's partition of an asset."""
        return f"{self.url}/assets/{asset}?view=partitions&partition={quote(share_id)}"

    def backfills(
        self, share_ids: Collection[str], partitions: Sequence[str], *, assets: Sequence[str] = SHARE_ASSETS
    ) -> list[BackfillLink]:
        """Return the pages from which a backfill of these assets takes exactly these shares, each in one of the pages.

        Shares without a partition are left out. `partitions` are all keys in Dagster's own order. There is no page if
        there is nothing to select, and more than one if the selection is too long for a URL.
        """
        return [
            BackfillLink(f"{self.url}{_backfill_path(assets, part.text)}", part.count)
            for part in selections_for_links(share_ids, partitions)
        ]


def asset_to_open(status: str, *, has_staged: bool = False, has_stored: bool = False) -> str:
    """Return the asset whose partition says most about a share: the last one made, or the one that failed.

    `has_staged` and `has_stored` say whether its media is on record as fetched, and as stored.
    """
    if has_stored:
        return TRANSCRIPT
    if has_staged:
        return STORED_MEDIA
    return _ASSET_OF_STATUS.get(status, RAW_VIDEO)


def _backfill_path(assets: Sequence[str], selection: str) -> str:
    if len(assets) == 1:
        return selection_path(assets[0], selection) or ""
    # The lineage page over all code locations, because nobody but Dagster knows what it calls this one.
    query = " or ".join(f'key:"{asset}"' for asset in assets)
    return f"/asset-groups~{quote(query, safe='')}/?default_range={quote(selection)}"
