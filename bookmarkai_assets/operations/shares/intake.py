"""How a link becomes a share: admitted, or refused with a reason. Recording it comes before all work on it.

Here too: which video a share's link stands for, as far as anybody knows.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.links.canonical_urls import is_short
from bookmarkai_assets.core.links.urls import AdmittedLink, HostPort, RefusedLink, admit
from bookmarkai_assets.core.media.media import MediaState, media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.ports import AddedShare, ShareTable
from bookmarkai_assets.core.shares.share import Share


def add_shares(
    shares: ShareTable, urls: Iterable[str], *, user_id: str, allowed_hosts: frozenset[HostPort], now: datetime
) -> list[AddedShare | RefusedLink]:
    """Record each admitted link as a pending share of the user; give one result per link, in order.

    The shares are a microsecond apart, so that "oldest first" keeps the order they were given in.
    """
    results: list[AddedShare | RefusedLink] = []
    for number, url in enumerate(urls):
        link = admit(url, allowed_hosts=allowed_hosts)
        if isinstance(link, RefusedLink):
            results.append(link)
        else:
            results.append(
                shares.add(
                    url=link.url, user_id=user_id, platform=link.platform, now=now + timedelta(microseconds=number)
                )
            )
    return results


def reopen_expired(catalog: Catalog, share_ids: Iterable[str], *, now: datetime) -> list[str]:
    """Make shares due whose video was removed by rule, because somebody asks for it again; give those that are."""
    expired = [
        share_id
        for share_id in share_ids
        if (media_id := catalog.work.progress(share_id).media_id) is not None
        and (media := catalog.media.get(media_id)) is not None
        and media.state is MediaState.EXPIRED
    ]
    return list(catalog.work.retry(expired, now=now))


def link_of(share: Share, catalog: Catalog, allowed_hosts: frozenset[HostPort]) -> AdmittedLink:
    """Give the admitted link of a recorded share, by the name of its video. Raises `ShareFailedError` (refused)."""
    link = known_link(share.url, catalog, allowed_hosts)
    if isinstance(link, RefusedLink):
        raise ShareFailedError(Failure(Outcome.REFUSED, link.reason))
    return link


def known_link(url: str, catalog: Catalog, allowed_hosts: frozenset[HostPort]) -> AdmittedLink | RefusedLink:
    """Admit a recorded share's link; a short one is named by the video that it is known to stand for.

    A short link under whose own name a video is on record keeps that name: what was fetched for it stays theirs.
    """
    link = admit(url, allowed_hosts=allowed_hosts)
    if isinstance(link, RefusedLink) or not is_short(link.canonical_url):
        return link
    name = catalog.links.get(link.canonical_url)
    if name is None or catalog.media.get(media_id_of(link.canonical_url)) is not None:
        return link
    return replace(link, canonical_url=name)
