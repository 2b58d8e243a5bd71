"""Admit links and record them as shares, before any work on them. A refused link is returned with the reason.

Also: find out which video a recorded share's link stands for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.links.canonical_urls import is_short
from bookmarkai_assets.core.links.upload_urls import link_of_upload, upload_id_of
from bookmarkai_assets.core.links.urls import AdmittedLink, HostPort, RefusedLink, admit
from bookmarkai_assets.core.media.media import MediaState, media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.ports import AddedShare, ShareTable
from bookmarkai_assets.core.shares.share import Share, ShareStatus


@dataclass(frozen=True)
class SharedLink:
    """A link that was recorded as a share. `is_reopened`: its video had expired, and is fetched again."""

    share: Share
    is_new: bool
    is_reopened: bool

    @property
    def status(self) -> str:
        """The share's status now."""
        return ShareStatus.PENDING.value if self.is_reopened else self.share.status


def share_links(
    catalog: Catalog,
    urls: Sequence[str],
    *,
    user_id: str,
    allowed_hosts: frozenset[HostPort],
    now: datetime,
    idempotency_keys: Sequence[str] | None = None,
) -> list[SharedLink | RefusedLink]:
    """Record links as shares of a user, and reopen those known ones whose video has expired. One result per link.

    `idempotency_keys` has a key for each link, unique over all users. Raises `IdempotencyKeyError` if a key was used
    for another link; the links before that one are recorded.
    """
    results = add_shares(
        catalog.shares, urls, user_id=user_id, allowed_hosts=allowed_hosts, now=now, idempotency_keys=idempotency_keys
    )
    known = [one.share.share_id for one in results if isinstance(one, AddedShare) and not one.is_new]
    reopened = set(reopen_expired(catalog, known, now=now))
    return [
        SharedLink(one.share, one.is_new, one.share.share_id in reopened) if isinstance(one, AddedShare) else one
        for one in results
    ]


def add_shares(
    shares: ShareTable,
    urls: Iterable[str],
    *,
    user_id: str,
    allowed_hosts: frozenset[HostPort],
    now: datetime,
    idempotency_keys: Sequence[str] | None = None,
) -> list[AddedShare | RefusedLink]:
    """Record each admitted link as a pending share of the user, and return one result per link, in order.

    The shares' times are a microsecond apart, so that "oldest first" keeps the given order.
    """
    results: list[AddedShare | RefusedLink] = []
    for number, url in enumerate(urls):
        link = admit(url, allowed_hosts=allowed_hosts)
        if isinstance(link, RefusedLink):
            results.append(link)
        else:
            results.append(
                shares.add(
                    url=link.url,
                    user_id=user_id,
                    platform=link.platform,
                    now=now + timedelta(microseconds=number),
                    idempotency_key=idempotency_keys[number] if idempotency_keys else None,
                )
            )
    return results


def reopen_expired(catalog: Catalog, share_ids: Iterable[str], *, now: datetime) -> list[str]:
    """Make shares due whose video was removed by rule, because somebody asks for it again. Returns those made due."""
    expired = [
        share_id
        for share_id in share_ids
        if (media_id := catalog.work.progress(share_id).media_id) is not None
        and (media := catalog.media.get(media_id)) is not None
        and media.state is MediaState.EXPIRED
    ]
    return list(catalog.work.retry(expired, now=now))


def link_of(share: Share, catalog: Catalog, allowed_hosts: frozenset[HostPort]) -> AdmittedLink:
    """Return the admitted link of a recorded share, under its video's URL. Raises `ShareFailedError` (refused).

    The upload of another user is refused: whoever writes shares may have let somebody name it.
    """
    upload_id = upload_id_of(share.url)
    if upload_id is not None:
        upload = catalog.uploads.get(upload_id)
        if upload is None or upload.user_id != share.user_id:
            reason = "expected an upload of the share's own user, found none; upload the file again"
            raise ShareFailedError(Failure(Outcome.REFUSED, reason))
    link = known_link(share.url, catalog, allowed_hosts)
    if isinstance(link, RefusedLink):
        raise ShareFailedError(Failure(Outcome.REFUSED, link.reason))
    return link


def known_link(url: str, catalog: Catalog, allowed_hosts: frozenset[HostPort]) -> AdmittedLink | RefusedLink:
    """Admit a recorded share's link. A short link gets the canonical URL of its video, if that is known.

    An upload gets that of its content, once its bytes were read; `link_of` checks whose it is. A short link that
    has a media under its own URL keeps that URL, and with it what was fetched for it.
    """
    upload = link_of_upload(url)
    link = upload or admit(url, allowed_hosts=allowed_hosts)
    if isinstance(link, RefusedLink) or not (upload or is_short(link.canonical_url)):
        return link
    name = catalog.links.get(link.canonical_url)
    if name is None or catalog.media.get(media_id_of(link.canonical_url)) is not None:
        return link
    return replace(link, canonical_url=name)
