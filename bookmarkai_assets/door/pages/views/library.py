"""What the library shows: shares as rows, sentences that were said, and the form that restricts them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from bookmarkai_assets.core.links.platforms import Platform, platform_of_link, unify_platform
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.outcomes import ENDS_WELL, Outcome
from bookmarkai_assets.core.search.ports import Hit
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.door.pages.views.common import (
    clock,
    place_of,
    seconds_in_url,
    share_path,
    shown,
    status_tone,
    title_of,
)
from bookmarkai_assets.operations.shares.reports import ShareSummary

_Member = TypeVar("_Member", Platform, ShareStatus, Outcome)

QUOTE_CHARACTERS = 240
"""How much of a sentence is shown, around its first match. A text without times is one long sentence."""

QUERY_CHARACTERS = 200
"""The longest search that is read."""

PERIODS: Mapping[str, tuple[str, timedelta]] = {
    "1d": ("Last day", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "365d": ("Last year", timedelta(days=365)),
}
"""What `since` can be: by its value in a link, its name and its length."""


@dataclass(frozen=True)
class Asked:
    """What the reader asked for. Values that the form does not have are None, as if they were not given."""

    query: str = ""
    platform: Platform | None = None
    status: ShareStatus | None = None
    outcome: Outcome | None = None
    since: str | None = None
    after: str | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "Asked":
        """Read a link's parameters. Unknown values are ignored, because an old or mistyped link is no error."""
        platform = _member(Platform, parameters.get("platform"))
        return cls(
            query=shown(parameters.get("q"), QUERY_CHARACTERS),
            platform=None if platform is None else unify_platform(platform),
            status=_member(ShareStatus, parameters.get("status")),
            outcome=_member(Outcome, parameters.get("outcome")),
            since=since if (since := parameters.get("since")) in PERIODS else None,
            after=parameters.get("after") or None,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether anything restricts the list."""
        return any((self.query, self.platform, self.status, self.outcome, self.since))

    def begins_at(self, now: datetime) -> datetime | None:
        """Return the moment from which shares count; None if all do."""
        return now - PERIODS[self.since][1] if self.since else None

    def path(self, *, after: str | None = None) -> str:
        """Return the link to the page of the list that comes after a share, or to the first one."""
        values = {
            "q": self.query,
            "platform": self.platform,
            "status": self.status,
            "outcome": self.outcome,
            "since": self.since,
            "after": after,
        }
        query = urlencode({name: str(value) for name, value in values.items() if value})
        return f"/?{query}" if query else "/"


@dataclass(frozen=True)
class Option:
    """One option of a choice. An empty value does not restrict."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True)
class Choice:
    """One restriction of the form."""

    name: str
    label: str
    options: Sequence[Option]


@dataclass(frozen=True)
class ShareRow:
    """One share of the list. `platform` is one of ours, everything else is made safe to show."""

    path: str
    title: str
    author: str | None
    platform: str
    duration: str | None
    shared_at: datetime
    status: str
    tone: str
    outcome: str | None
    place: str | None


@dataclass(frozen=True)
class QuotePart:
    """A part of a sentence, and whether it is what was searched for."""

    text: str
    is_match: bool


@dataclass(frozen=True)
class SaidRow:
    """One sentence in which the words were said. `path_at` leads to its moment of the video."""

    path: str
    path_at: str
    title: str
    platform: str
    clock: str
    parts: Sequence[QuotePart]


@dataclass(frozen=True)
class LibraryView:
    """The library's page."""

    heading: str
    query: str
    choices: Sequence[Choice]
    is_filtered: bool
    problem: str | None
    said: Sequence[SaidRow]
    shares: Sequence[ShareRow]
    newer_path: str | None
    older_path: str | None


def library_view(
    asked: Asked,
    *,
    shares: Sequence[ShareSummary],
    media: Mapping[str, Media],
    said: Sequence[Hit] = (),
    problem: str | None = None,
    next_after: str | None = None,
) -> LibraryView:
    """Return the page. `media` are those of the shares by id; `next_after` is where the next page begins, if any."""
    return LibraryView(
        heading="Library",
        query=asked.query,
        choices=_choices(asked),
        is_filtered=asked.is_filtered,
        problem=problem,
        said=[_said_row(hit) for hit in said],
        shares=[share_row(summary, media.get(summary.progress.media_id or "")) for summary in shares],
        newer_path=asked.path() if asked.after else None,
        older_path=asked.path(after=next_after) if next_after else None,
    )


def share_row(summary: ShareSummary, media: Media | None) -> ShareRow:
    """Return a share as a row. An outcome is shown if it says more than the status."""
    share, outcome = summary.share, summary.outcome
    return ShareRow(
        path=share_path(share.share_id),
        title=title_of(share.title, share.url),
        author=shown(share.author, 80) or None,
        platform=platform_of_link(share.url).value,
        duration=clock(media.info.duration_seconds) if media else None,
        shared_at=share.created_at,
        status=shown(share.status, 20),
        tone=status_tone(share.status),
        outcome=None if outcome in {None, Outcome.DONE} else in_words(str(outcome)),
        place=place_of(media),
    )


def in_words(name: str) -> str:
    """Return an outcome or a kind of doubt as people read it: without underscores."""
    return name.replace("_", " ")


def quote_parts(text: str, matches: Sequence[tuple[int, int]]) -> list[QuotePart]:
    """Divide a sentence at its matches. Of a long one, keep the part around the first match."""
    begin, end = _visible_range(text, matches)
    parts = [QuotePart("…", is_match=False)] if begin else []
    at = begin
    for first, last in matches:
        if first < at or last > end:
            continue
        parts += [QuotePart(_piece(text[at:first]), is_match=False), QuotePart(_piece(text[first:last]), is_match=True)]
        at = last
    parts.append(QuotePart(_piece(text[at:end]) + ("…" if end < len(text) else ""), is_match=False))
    return [part for part in parts if part.text]


def _said_row(hit: Hit) -> SaidRow:
    path = share_path(hit.share_id)
    seconds = hit.start_seconds
    return SaidRow(
        path=path,
        path_at=path if seconds is None else f"{path}#t={seconds_in_url(seconds)}",
        title=title_of(hit.title, hit.url),
        platform=hit.platform.value,
        clock="Open" if seconds is None else clock(seconds),
        parts=quote_parts(hit.text, hit.matches),
    )


def _visible_range(text: str, matches: Sequence[tuple[int, int]]) -> tuple[int, int]:
    if len(text) <= QUOTE_CHARACTERS:
        return 0, len(text)
    first = matches[0][0] if matches else 0
    begin = max(0, min(first - QUOTE_CHARACTERS // 4, len(text) - QUOTE_CHARACTERS))
    return begin, min(len(text), begin + QUOTE_CHARACTERS)


def _piece(text: str) -> str:
    """Clean a part of a sentence, and keep the space between it and its neighbours."""
    before, after = (" " if text[:1].isspace() else ""), (" " if text[-1:].isspace() else "")
    return before + shown(text, QUOTE_CHARACTERS) + after if text.strip() else before


def _choices(asked: Asked) -> list[Choice]:
    platforms = {platform.value: platform.value for platform in Platform if unify_platform(platform) is platform}
    failures = [outcome for outcome in Outcome if outcome not in ENDS_WELL]
    return [
        _choice("platform", "Platform", "Any platform", platforms, asked.platform),
        _choice("status", "Status", "Any status", {status.value: status.value for status in ShareStatus}, asked.status),
        _choice(
            "outcome",
            "Outcome",
            "Any outcome",
            {outcome.value: in_words(outcome) for outcome in (*sorted(ENDS_WELL), *failures)},
            asked.outcome,
        ),
        _choice("since", "Shared", "Any time", {value: name for value, (name, _) in PERIODS.items()}, asked.since),
    ]


def _choice(name: str, label: str, anything: str, options: Mapping[str, str], chosen: str | None) -> Choice:
    named = [Option(str(value), text, is_chosen=value == chosen) for value, text in options.items()]
    return Choice(name, label, [Option("", anything, is_chosen=chosen is None), *named])


def _member(kind: type[_Member], value: str | None) -> _Member | None:
    try:
        return kind(value) if value else None
    except ValueError:
        return None
