"""Whose shares exist for whom."""

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import UnknownShareError
from bookmarkai_assets.core.shares.share import Share


def share_of_user(catalog: Catalog, share_id: str, user_id: str | None) -> Share:
    """Return a share, if it is this user's; with None whosever it is.

    Raises `UnknownShareError`, with the same words for another user's share as for none.
    """
    try:
        share = catalog.shares.get(share_id)
    except UnknownShareError:
        share = None
    if share is None or (user_id is not None and share.user_id != user_id):
        raise UnknownShareError(f"expected a share with the id {share_id}, found none")
    return share
