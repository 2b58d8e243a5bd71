"""What a share's page shows: its player, its transcript, where its media are and why, and what has happened to them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.links.platforms import platform_of_link
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.ports import Tombstone
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.dagster_ui import SHARE_ASSETS, DagsterUI
from bookmarkai_assets.core.shares.share import ShareStatus, language_code
from bookmarkai_assets.core.text import format_size
from bookmarkai_assets.core.transcripts.doubts import Severity
from bookmarkai_assets.core.transcripts.json_document import written_languages
from bookmarkai_assets.core.transcripts.languages import languages_in_words
from bookmarkai_assets.core.transcripts.subtitles import has_times
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Transcript
from bookmarkai_assets.door.pages.views.common import (
    REASON_CHARACTERS,
    Fact,
    Target,
    Words,
    clock,
    prose,
    seconds_in_url,
    share_path,
    shown,
    stranger_link,
)
from bookmarkai_assets.door.pages.views.library import in_words, share_row
from bookmarkai_assets.operations.shares.reports import ShareReport

LINE_CHARACTERS = 2000
"""The longest line of a transcript that is shown. A transcript without times may be a single one."""

UNDETERMINED = "und"
"""BCP 47's tag for a language that is not known."""

WHOLE_TEXT_CHARACTERS = 200_000
"""The longest transcript without times that is shown."""


@dataclass(frozen=True)
class Player:
    """The player's media, on paths of this door. `width` and `height` are the picture's in pixels."""

    path: str
    subtitles_path: str | None
    language: str
    width: int | None
    height: int | None


@dataclass(frozen=True)
class Line:
    """One line of the transcript. Times are in seconds, as attributes write them; `path` is None without a player."""

    text: str
    clock: str
    start: str
    end: str
    path: str | None


@dataclass(frozen=True)
class FailureNote:
    """Why the last attempt failed, and what happens next."""

    outcome: str
    reason: str
    next_step: Sequence[Words]
    next_attempt_at: datetime | None


@dataclass(frozen=True)
class DoubtNote:
    """One doubt about the transcript."""

    kind: str
    words: str
    tone: str


@dataclass(frozen=True)
class Card:
    """Some facts under a heading."""

    heading: str
    facts: Sequence[Fact]


@dataclass(frozen=True)
class HistoryRow:
    """One transfer or deletion."""

    at: datetime
    what: str
    where: str
    size: str
    took: str
    result: str
    tone: str
    detail: str


@dataclass(frozen=True)
class MediaView:
    """A share's page."""

    title: str
    author: str | None
    platform: str
    duration: str | None
    shared_at: datetime
    status: str
    tone: str
    outcome: str | None
    place: str | None
    player: Player | None
    no_player: str
    failure: FailureNote | None
    retry_path: str | None
    doubts: Sequence[DoubtNote]
    languages: str
    lines: Sequence[Line]
    no_transcript: str | None
    cards: Sequence[Card]
    history: Sequence[HistoryRow]


def media_path(share_id: str) -> str:
    """Return the path of a share's video."""
    return f"/media/{share_path(share_id).removeprefix('/shares/')}"


def media_view(report: ShareReport, ui: DagsterUI, *, is_playable: bool, is_operator: bool) -> MediaView:
    """Return the page. `is_playable`: its stored video is of a type that is played.

    Why the files are where they are, and how they came there, is for an operator, as by the API.
    """
    summary, media, transcript = report.summary, report.media, report.transcript
    row = share_row(summary, media)
    share_id = summary.share.share_id
    player = _player(share_id, media, transcript) if media and is_playable else None
    return MediaView(
        title=row.title,
        author=row.author,
        platform=row.platform,
        duration=row.duration,
        shared_at=row.shared_at,
        status=row.status,
        tone=row.tone,
        outcome=row.outcome,
        place=row.place,
        player=player,
        no_player=_why_no_player(media),
        failure=_failure(report),
        retry_path=f"{share_path(share_id)}/retry" if is_operator and _can_be_retried(report) else None,
        doubts=[_doubt(one.kind, one.words, one.severity) for one in transcript.doubts] if transcript else [],
        languages=shown(languages_in_words(transcript)) if transcript else "",
        lines=_lines(transcript, player) if transcript else [],
        no_transcript=_why_no_transcript(report),
        cards=_cards(report, ui, is_operator=is_operator),
        history=_history(report) if is_operator else [],
    )


def _player(share_id: str, media: Media, transcript: Transcript | None) -> Player:
    path = media_path(share_id)
    has_subtitles = transcript is not None and bool(transcript.text.strip()) and has_times(transcript)
    languages = written_languages(transcript) if transcript else ()
    return Player(
        path=path,
        subtitles_path=f"{path}/subtitles.vtt" if has_subtitles else None,
        language=language_code(next(iter(languages), None)) or UNDETERMINED,
        width=media.info.width,
        height=media.info.height,
    )


def _why_no_player(media: Media | None) -> str:
    if media is None:
        return "No video has been fetched yet."
    return {
        MediaState.STAGED: "The video has been fetched and is not stored yet.",
        MediaState.EXPIRED: "The video is past its retention and was deleted. Trying again fetches it again.",
    }.get(media.state, "The stored file is of no type that a player plays.")


def _why_no_transcript(report: ShareReport) -> str | None:
    if report.transcript is None:
        return "There is no transcript yet." if report.media else None
    return None if report.transcript.text.strip() else "Nobody speaks in this video."


def _failure(report: ShareReport) -> FailureNote | None:
    summary = report.summary
    outcome, next_step = summary.outcome, summary.next_step
    if outcome is None or (next_step is None and outcome is not Outcome.POSTPONED):
        return None
    return FailureNote(
        outcome=in_words(outcome).capitalize(),
        reason=shown(summary.progress.reason, REASON_CHARACTERS),
        next_step=prose(next_step or ""),
        next_attempt_at=summary.progress.next_attempt_at,
    )


def _can_be_retried(report: ShareReport) -> bool:
    is_expired = report.media is not None and report.media.state is MediaState.EXPIRED
    is_waiting = report.summary.progress.next_attempt_at is not None
    return report.summary.share.status == ShareStatus.ERROR or is_waiting or is_expired


def _doubt(kind: str, words: str, severity: Severity) -> DoubtNote:
    return DoubtNote(in_words(kind), shown(words, REASON_CHARACTERS), "bad" if severity is Severity.ERROR else "warn")


def _lines(transcript: Transcript, player: Player | None) -> list[Line]:
    if not has_times(transcript):
        text = shown(transcript.text, WHOLE_TEXT_CHARACTERS)
        return [Line(text, "", "", "", None)] if text else []
    return [
        _line(segment.text, segment.start, segment.end, player)
        for segment in transcript.segments
        if segment.text.strip()
    ]


def _line(text: str, start: float, end: float, player: Player | None) -> Line:
    is_timed = math.isfinite(start) and math.isfinite(end)
    return Line(
        text=shown(text, LINE_CHARACTERS),
        clock=clock(start) if is_timed else "",
        start=seconds_in_url(start) if is_timed else "",
        end=seconds_in_url(end) if is_timed else "",
        path=f"{player.path}#t={seconds_in_url(start)}" if player and is_timed else None,
    )


def _cards(report: ShareReport, ui: DagsterUI, *, is_operator: bool) -> list[Card]:
    cards = [
        _share_card(report),
        _storage_card(report.media, is_operator=is_operator),
        _transcript_card(report.transcript),
        _dagster_card(report, ui) if is_operator else None,
    ]
    return [card for card in cards if card is not None]


def _fact(name: str, value: object, *, is_code: bool = False) -> Fact:
    return Fact(name, Target(shown(str(value), REASON_CHARACTERS)), is_code=is_code)


def _share_card(report: ShareReport) -> Card:
    share, progress, media = report.summary.share, report.summary.progress, report.media
    posted = media.info.posted_at if media else None
    description = shown(media.info.description, 600) if media and media.info.description else None
    return Card(
        "Share",
        [
            Fact("Link", stranger_link(share.url)),
            *([_fact("Posted", f"{posted:%Y-%m-%d}")] if posted else []),
            *([_fact("Description", description)] if description else []),
            _fact("Attempts", progress.attempts),
            *([_fact("Waits for", progress.held_for)] if progress.held_for else []),
            _fact("Shared by", share.user_id, is_code=True),
            _fact("Id", share.share_id, is_code=True),
            _fact("Platform", platform_of_link(share.url).value),
        ],
    )


def _storage_card(media: Media | None, *, is_operator: bool) -> Card | None:
    if media is None:
        return None
    placement = media.placement if is_operator else None
    size = f"{media.info.width} by {media.info.height}" if media.info.width and media.info.height else None
    return Card(
        "Storage",
        [
            _fact("State", media.state.value),
            *([_fact("Why it is there", placement.reason)] if placement else []),
            *([_fact("Decided by", placement.decided_by.value)] if placement else []),
            _fact("Size", format_size(media.size_bytes)),
            _fact("Type", media.video.content_type),
            *([_fact("Picture", size)] if size else []),
            *([_fact("Stored", _minute(media.stored_at))] if media.stored_at else []),
            *([_fact("Kept until", _minute(media.expires_at))] if media.expires_at else []),
            _fact("SHA-256", media.video.digest.sha256, is_code=True),
        ],
    )


def _transcript_card(transcript: Transcript | None) -> Card | None:
    if transcript is None:
        return None
    if transcript.engine == UNKNOWN:
        return Card("Transcript", [_fact("Made by", "not recorded: it was not made here")])
    recipe = transcript.recipe
    version = f" {recipe.engine_version}" if recipe else ""
    return Card(
        "Transcript",
        [
            _fact("Language", f"{transcript.language}, {transcript.language_probability:.0%} likely"),
            _fact("Words", f"{transcript.word_count:,}"),
            _fact("Engine", transcript.engine + version),
            _fact("Model", transcript.model),
            _fact("Took", f"{transcript.transcribe_seconds:.1f} s for {clock(transcript.duration_seconds)}"),
            _fact("Doubts", len(transcript.doubts) or "none"),
            *([_fact("Recipe", recipe.fingerprint, is_code=True)] if recipe else []),
        ],
    )


def _dagster_card(report: ShareReport, ui: DagsterUI) -> Card | None:
    if not report.is_taken_up:
        return None
    share_id = report.summary.share.share_id
    return Card(
        "In Dagster",
        [Fact(in_words(asset), Target("Open its partition", ui.partition(asset, share_id))) for asset in SHARE_ASSETS],
    )


def _history(report: ShareReport) -> list[HistoryRow]:
    rows = [*map(_transfer_row, report.transfers), *map(_deletion_row, report.deletions)]
    under_way = [
        HistoryRow(
            at=one.begun_at,
            what=f"{one.operation} {one.kind}",
            where=shown(one.backend),
            size=format_size(one.size_bytes),
            took="",
            result="under way",
            tone="warn",
            detail=f"{format_size(one.moved_bytes)} so far",
        )
        for one in report.under_way
    ]
    return sorted([*rows, *under_way], key=lambda row: row.at, reverse=True)


def _transfer_row(event: StorageEvent) -> HistoryRow:
    purpose = f" ({event.purpose})" if event.purpose and event.purpose.value != event.operation.value else ""
    return HistoryRow(
        at=event.occurred_at,
        what=f"{event.operation} {event.kind}{purpose}",
        where=shown(event.backend),
        size=format_size(event.size_bytes),
        took=f"{event.seconds:.2f} s",
        result="failed" if event.error_class else "done",
        tone="bad" if event.error_class else "good",
        detail=shown(f"{event.error_class}: {event.error or ''}", REASON_CHARACTERS) if event.error_class else "",
    )


def _deletion_row(deletion: Tombstone) -> HistoryRow:
    return HistoryRow(
        at=deletion.at,
        what=f"delete {shown(deletion.kind, 40)}",
        where="S3" if deletion.url.startswith("s3://") else "local",
        size="" if deletion.size_bytes is None else format_size(deletion.size_bytes),
        took="",
        result="deleted" if deletion.is_done else "not finished",
        tone="" if deletion.is_done else "warn",
        detail=shown(in_words(deletion.reason), REASON_CHARACTERS),
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
