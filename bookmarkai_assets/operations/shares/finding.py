"""Find shares by what a person knows of them: the link, the id, words of the title, the author, or what is said."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import UnknownShareError
from bookmarkai_assets.core.links.platforms import Platform, platform_of_link
from bookmarkai_assets.core.links.upload_urls import upload_id_of
from bookmarkai_assets.core.links.urls import AdmittedLink, HostPort, admit
from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.core.search.ports import MAX_HITS, Hit
from bookmarkai_assets.core.search.query import MAX_CHARACTERS, MAX_TERMS, SearchQuery, Term
from bookmarkai_assets.core.search.text import fold, tokenize
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.operations.shares.intake import known_link

_SENTENCES_PER_SHARE = 10
"""How many sentences are asked for to find one share. A word that a video repeats is one share all the same."""

_ID = re.compile(r"[\w-]{6,}")


@dataclass(frozen=True)
class FoundShare:
    """A share, and where it has the words: `link`, `id`, `title`, `author`, `platform`, or `said` in the sentence."""

    share: Share
    found_in: tuple[str, ...]
    sentence: Hit | None = None


@dataclass(frozen=True)
class FoundShares:
    """What was found, the newest first, those in which the words are said last. `is_cut`: there may be more."""

    shares: Sequence[FoundShare]
    is_cut: bool


def is_link(text: str) -> bool:
    """Whether a text that names a share is a link or an upload's URN, and not an id or words."""
    return "://" in text or upload_id_of(text.strip()) is not None


def shares_named(catalog: Catalog, text: str, allowed_hosts: frozenset[HostPort]) -> Sequence[Share]:
    """Return the share with this id, or all shares of the video behind this link, the newest first.

    A link is understood in each of its forms, and a short one if its video is known. Raises `UnknownShareError` if
    there is no such share.
    """
    if not is_link(text):
        return [catalog.shares.get(text)]
    url = text.strip()
    names = _canonical_urls(catalog, url, allowed_hosts)
    found = catalog.shares.of_link({url, *names}, {media_id_of(name) for name in names})
    if not found:
        # A share that no tick has taken up yet has no media, and its link may be of another form.
        candidates = (share for name in names for share in catalog.shares.list(words=[_distinctive_part(name)]))
        found = [share for share in candidates if names & _canonical_urls(catalog, share.url, allowed_hosts)]
    if not found:
        raise UnknownShareError(
            "expected a share of this link, found none; see `bookmarkai shares find WORDS`, or add it with "
            "`bookmarkai shares add`"
        )
    return found


def _canonical_urls(catalog: Catalog, url: str, allowed_hosts: frozenset[HostPort]) -> set[str]:
    """Return the canonical URL of a link, and that of the video behind a short one; nothing for one that is refused."""
    links = (admit(url, allowed_hosts=allowed_hosts), known_link(url, catalog, allowed_hosts))
    return {link.canonical_url for link in links if isinstance(link, AdmittedLink)}


def _distinctive_part(canonical_url: str) -> str:
    """Return what every form of a link has in it: the video's id if there is one, or else the host and the path."""
    parts = urlsplit(canonical_url)
    ids = _ID.findall(f"{parts.path}?{parts.query}")
    return ids[-1] if ids else parts.netloc + parts.path


def find_shares(
    catalog: Catalog,
    words: Sequence[str],
    *,
    allowed_hosts: frozenset[HostPort] = frozenset(),
    platforms: Collection[Platform] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> FoundShares:
    """Find the shares that have all the words, or in whose videos they are said in one sentence.

    A share has a word that is a part of its link, id, title, author or platform. What is said is whole words. A single
    word may be a link, in any of its forms, or an id: if it has shares, only these are found. Else only shares with
    links of `platforms` (named as by `unify_platform`), shared at `since` or later and before `until`.
    """
    named = _named(catalog, words, allowed_hosts)
    if named:
        found_by = [
            FoundShare(share, _places(share, words) or ("link" if is_link(words[0]) else "id",)) for share in named
        ]
        return FoundShares(found_by[:limit], is_cut=limit is not None and len(named) > limit)
    listed = [
        FoundShare(share, _places(share, words))
        for share in catalog.shares.list(
            platforms=platforms, words=words, since=since, until=until, limit=None if limit is None else limit + 1
        )
    ]
    hits = _sentences(catalog, words, since=since, limit=limit)
    said = _said(catalog, hits, platforms=platforms, until=until)
    found: dict[str, FoundShare] = {}
    for one in (*listed, *said):
        known = found.setdefault(one.share.share_id, one)
        if one.sentence is not None and known.sentence is None:
            found[one.share.share_id] = replace(known, found_in=(*known.found_in, "said"), sentence=one.sentence)
    is_cut = len(hits) == _max_sentences(limit) or (limit is not None and len(found) > limit)
    return FoundShares(list(found.values())[:limit], is_cut)


def _named(catalog: Catalog, words: Sequence[str], allowed_hosts: frozenset[HostPort]) -> Sequence[Share]:
    name = (words[0] if is_link(words[0]) else _id_in(words[0])) if len(words) == 1 else None
    if name is None:
        return ()
    try:
        return shares_named(catalog, name, allowed_hosts)
    except UnknownShareError:
        return ()


def _places(share: Share, words: Iterable[str]) -> tuple[str, ...]:
    folded = [fold(word) for word in words]
    fields = {
        "link": share.url,
        "id": share.share_id,
        "title": share.title or "",
        "author": share.author or "",
        "platform": f"{share.platform} {platform_of_link(share.url)}",
    }
    places = [place for place, text in fields.items() if any(word in fold(text) for word in folded)]
    # A link names its platform too, which nobody needs to hear twice.
    return tuple(place for place in places if place != "platform" or places == ["platform"])


def _sentences(catalog: Catalog, words: Sequence[str], *, since: datetime | None, limit: int | None) -> Sequence[Hit]:
    query = _query_of(words)
    return () if query is None else catalog.search.search(query, since=since, limit=_max_sentences(limit))


def _max_sentences(limit: int | None) -> int:
    return MAX_HITS if limit is None else min(MAX_HITS, _SENTENCES_PER_SHARE * limit)


def _query_of(words: Sequence[str]) -> SearchQuery | None:
    """Return the query for the words, each taken literally; None for what cannot be said, such as a link."""
    if any(is_link(word) or _id_in(word) for word in words):
        return None
    terms = [Term(tuple(token.word for token in tokenize(word[:MAX_CHARACTERS]))) for word in words]
    return SearchQuery(tuple(terms)) if len(terms) <= MAX_TERMS and all(term.words for term in terms) else None


def _id_in(text: str) -> str | None:
    """Return an id that was written in any form as the catalog writes it; None for other text."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _said(
    catalog: Catalog, hits: Sequence[Hit], *, platforms: Collection[Platform], until: datetime | None
) -> list[FoundShare]:
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.share_id, hit)
    return [
        FoundShare(share, ("said",), first[share.share_id])
        for share in catalog.shares.read(list(first))
        if (not platforms or platform_of_link(share.url) in platforms) and (until is None or share.created_at < until)
    ]
