"""What all pages show alike: their frame, and texts, links, tones and times.

Titles, authors, links and transcripts are strangers' text. Templates escape what they insert; here characters that
hide or reorder text are dropped, long text is cut, and only http and https links become links.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.core.text import clean_line

TITLE_CHARACTERS = 200
LINK_CHARACTERS = 100
REASON_CHARACTERS = 2000

_UNSAFE_IN_LINKS = re.compile(r"[\s\x00-\x20\x7f\"'<>\\^`{|}]")


@dataclass(frozen=True)
class Section:
    """One entry of the pages' navigation."""

    name: str
    path: str
    is_current: bool


@dataclass(frozen=True)
class Frame:
    """What surrounds a page: the sections its reader may open, and who the reader is, None if nobody signs in."""

    sections: Sequence[Section] = ()
    may_share: bool = False
    signed_in_as: str | None = None


@dataclass(frozen=True)
class Target:
    """A text and where it leads; nowhere if `href` is None."""

    text: str
    href: str | None = None


@dataclass(frozen=True)
class Fact:
    """One named value of a card. `is_code`: it is shown as code."""

    name: str
    value: Target
    is_code: bool = False


@dataclass(frozen=True)
class Words:
    """A part of a sentence of ours, and whether it is a command or a setting."""

    text: str
    is_code: bool


_LIBRARY = ("Library", "/")
_OF_SHARERS = (("Share", "/share"), ("Upload", "/uploads"))
_OF_ALL_USERS = (("Rollout", "/rollout"), ("Failures", "/failures"))


def frame_of(current: str | None, *, sees_everything: bool, may_share: bool, signed_in_as: str | None) -> Frame:
    """Return the frame of a page in the section `current`.

    Figures of all users are for those who see everything, and what makes shares is for those who may share.
    """
    places = [_LIBRARY, *(_OF_SHARERS if may_share else ()), *(_OF_ALL_USERS if sees_everything else ())]
    sections = [Section(name, path, is_current=name == current) for name, path in places]
    return Frame(sections, may_share, signed_in_as)


def shown(text: str | None, limit: int = TITLE_CHARACTERS) -> str:
    """Make one line of a stranger's text, without characters that hide or reorder it."""
    return clean_line(text or "", max_characters=limit)


def prose(text: str, limit: int = REASON_CHARACTERS) -> list[Words]:
    """Divide a sentence at its backticks, between which commands stand."""
    parts = shown(text, limit).split("`")
    # An odd one out opens nothing.
    return [Words(part, is_code=bool(at % 2) and at < len(parts) - 1) for at, part in enumerate(parts) if part]


def stranger_link(url: str, *, limit: int = LINK_CHARACTERS) -> Target:
    """Return a stranger's link as a link if it is http or https, and else as text."""
    try:
        parts = urlsplit(url)
        is_link = parts.scheme in {"http", "https"} and bool(parts.hostname) and not _UNSAFE_IN_LINKS.search(url)
    except ValueError:
        is_link = False
    return Target(shown(url, limit), url if is_link else None)


def title_of(title: str | None, url: str) -> str:
    """Return a share's title, or its link while it has none."""
    return shown(title) or shown(url) or "Untitled"


def share_path(share_id: str) -> str:
    """Return the path of a share's page."""
    return f"/shares/{quote(share_id, safe='')}"


def status_tone(status: str) -> str:
    """Return the tone of a status: good, bad, or warn for what is under way."""
    if status in {ShareStatus.DONE, ShareStatus.ENRICHED}:
        return "good"
    return "bad" if status == ShareStatus.ERROR else "warn"


def place_of(media: Media | None) -> str | None:
    """Return in a word where a media's bytes are; None if there are none on record."""
    if media is None:
        return None
    if media.state is MediaState.STORED and media.backend is not None:
        return {"local": "local", "s3": "S3"}.get(media.backend.value, media.backend.value)
    return media.state.value


def clock(seconds: float) -> str:
    """Return a moment of a video as its player shows it: `4:07`, or `1:02:03`."""
    whole = int(max(0.0, seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    return f"{hours}:{minutes_of_hour:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def seconds_in_url(seconds: float) -> str:
    """Return a moment as a media fragment: seconds, at most to the millisecond."""
    return f"{max(0.0, seconds):.3f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Notice:
    """A page that only says something."""

    heading: str
    words: str
