"""URNs that stand for uploads. A share of an upload has one in place of a link (docs/adr/0041).

An upload's URN names what was sent once. It is the share's `url`. A content's URN names the bytes, by their SHA-256: it
is the canonical URL of the media, so that the same file sent twice is one media. Which content an upload has is on
record only once its bytes have been read, because a SHA-256 that somebody declares proves nothing.
"""

import re

from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.links.urls import AdmittedLink

UPLOADS = "urn:bookmarkai:upload:"
"""Begins the URN of an upload; its id, a UUID in lower case, follows."""

CONTENTS = "urn:bookmarkai:content:"
"""Begins the URN of a content; its SHA-256 in lower-case hex follows."""

UPLOADS_SITE = "upload"
"""What stands for a site where an upload is counted. It has no breaker and no limits, and no host has this name."""

_UPLOAD = re.compile(rf"{UPLOADS}([0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}})")
_CONTENT = re.compile(rf"{CONTENTS}([0-9a-f]{{64}})")


def upload_url(upload_id: str) -> str:
    """Return the URN of an upload."""
    return f"{UPLOADS}{upload_id}"


def upload_id_of(url: str) -> str | None:
    """Return the id of the upload that a URN names; None for any other text."""
    match = _UPLOAD.fullmatch(url)
    return match[1] if match else None


def content_url(sha256: str) -> str:
    """Return the URN of the content with this SHA-256, in lower-case hex."""
    return f"{CONTENTS}{sha256}"


def content_of(url: str) -> str | None:
    """Return the SHA-256 of the content that a URN names; None for any other text."""
    match = _CONTENT.fullmatch(url)
    return match[1] if match else None


def is_of_upload(canonical_url: str) -> bool:
    """Whether a canonical URL is an upload's or a content's URN, so that no site is asked for the video."""
    return upload_id_of(canonical_url) is not None or content_of(canonical_url) is not None


def link_of_upload(url: str) -> AdmittedLink | None:
    """Return a recorded share's URN of an upload as a link; None for any other text.

    The gateway's vocabulary has no word for uploads, so the platform is `generic`. Only the URNs of recorded shares are
    taken for links: nobody can share one by its name, see `urls.admit`.
    """
    return None if upload_id_of(url) is None else AdmittedLink(url, canonical_url=url, platform=Platform.GENERIC)
