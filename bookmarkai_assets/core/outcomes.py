"""How work on a share can end, whether another attempt can help, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How one attempt ended. Every value that is not in `ENDS_WELL` is a failure and has an entry in `FAILURES`."""

    DONE = "done"
    NO_SPEECH = "no_speech"
    REFUSED = "refused"
    UNSUPPORTED_SITE = "unsupported_site"
    GONE = "gone"
    PRIVATE = "private"
    LOGIN_NEEDED = "login_needed"
    GEO_RESTRICTED = "geo_restricted"
    BLOCKED = "blocked"
    RATE_LIMITED = "rate_limited"
    LIVE = "live"
    PHOTO_POST = "photo_post"
    NOT_A_VIDEO = "not_a_video"
    TOO_BIG = "too_big"
    TOO_LONG = "too_long"
    CORRUPT = "corrupt"
    NO_AUDIO = "no_audio"
    UPLOAD_UNUSABLE = "upload_unusable"
    SITE_CHANGED = "site_changed"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    DOWNLOAD_FAILED = "download_failed"
    MEDIA_MISSING = "media_missing"
    EXPIRED = "expired"
    STORAGE_FAILED = "storage_failed"
    TRANSCRIPTION_FAILED = "transcription_failed"
    CATALOG_UNAVAILABLE = "catalog_unavailable"
    MISCONFIGURED = "misconfigured"
    INTERNAL_ERROR = "internal_error"
    CRASHED = "crashed"
    SUPERSEDED = "superseded"
    POSTPONED = "postponed"


ENDS_WELL = frozenset({Outcome.DONE, Outcome.NO_SPEECH})
"""The outcomes of a share that is done, with a transcript, or an empty one because nobody speaks in the video."""


@dataclass(frozen=True)
class FailureKind:
    """What a failing outcome means: whether a later attempt can help, and what a person should do next."""

    is_transient: bool
    next_step: str


FAILURES: dict[Outcome, FailureKind] = {
    Outcome.REFUSED: FailureKind(
        is_transient=False,
        next_step="The link points where the pipeline does not go. For a test host of your own, list it in "
        "EGRESS_ALLOWED_HOSTS.",
    ),
    Outcome.UNSUPPORTED_SITE: FailureKind(
        is_transient=False,
        next_step="Add the site's extractor to YTDLP_ALLOWED_EXTRACTORS if it should be supported, then "
        "`bookmarkai shares retry`.",
    ),
    Outcome.GONE: FailureKind(is_transient=False, next_step="The video no longer exists; nothing to do."),
    Outcome.PRIVATE: FailureKind(is_transient=False, next_step="The owner made the video private; nothing to do."),
    Outcome.LOGIN_NEEDED: FailureKind(
        is_transient=False,
        next_step="The site shows this video to members only. Name the cookies file of an account that may see it in "
        "YTDLP_COOKIES, then `bookmarkai shares retry`.",
    ),
    Outcome.GEO_RESTRICTED: FailureKind(
        is_transient=False,
        next_step="The site refuses this country. Leave by another one with YTDLP_PROXY, then `bookmarkai shares "
        "retry`.",
    ),
    Outcome.BLOCKED: FailureKind(
        is_transient=True,
        next_step="The site turns this machine's address away; it is tried again later. If that lasts, open the link "
        "in a browser elsewhere: where it plays, leave by another address with YTDLP_PROXY, or look like a browser "
        "with YTDLP_IMPERSONATE.",
    ),
    Outcome.RATE_LIMITED: FailureKind(
        is_transient=True,
        next_step="The site throttles this address; it is tried again later. If that lasts, ask it less often with "
        "SITE_CONCURRENCY or SITE_FETCHES_PER_MINUTE.",
    ),
    Outcome.LIVE: FailureKind(
        is_transient=False,
        next_step="Share the recording after the live stream has ended, then `bookmarkai shares retry`.",
    ),
    Outcome.PHOTO_POST: FailureKind(
        is_transient=False, next_step="The post has pictures and no video; nothing to transcribe."
    ),
    Outcome.NOT_A_VIDEO: FailureKind(is_transient=False, next_step="The link has no single video behind it."),
    Outcome.TOO_BIG: FailureKind(
        is_transient=False,
        next_step="Raise DOWNLOAD_MAX_BYTES if videos this big are wanted, or DOWNLOAD_MAX_MEMORY_BYTES if the reason "
        "speaks of memory, then `bookmarkai shares retry`.",
    ),
    Outcome.TOO_LONG: FailureKind(
        is_transient=False,
        next_step="Raise DOWNLOAD_MAX_DURATION_SECONDS if videos this long are wanted, then `bookmarkai shares retry`.",
    ),
    Outcome.CORRUPT: FailureKind(
        is_transient=True,
        next_step="What the site sent does not play. A few tries are made by themselves; after them, look at the link.",
    ),
    Outcome.NO_AUDIO: FailureKind(
        is_transient=False, next_step="The video has no sound, so there is nothing to transcribe."
    ),
    Outcome.UPLOAD_UNUSABLE: FailureKind(
        is_transient=False,
        next_step="The uploaded file is gone, is not what was declared, or does not play; its reason says which. "
        "Upload the file again.",
    ),
    Outcome.SITE_CHANGED: FailureKind(
        is_transient=False,
        next_step="yt-dlp no longer understands this site. Upgrade it (`pip install -U yt-dlp`), then `bookmarkai "
        "shares retry`.",
    ),
    Outcome.UNREACHABLE: FailureKind(is_transient=True, next_step="The site did not answer; it is tried again later."),
    Outcome.TIMED_OUT: FailureKind(
        is_transient=True,
        next_step="The download hung, or took longer than it may; it is tried again later. If videos do take so long, "
        "raise DOWNLOAD_TIMEOUT_SECONDS.",
    ),
    Outcome.DOWNLOAD_FAILED: FailureKind(
        is_transient=True, next_step="The downloader stopped; its message says why. It is tried again later."
    ),
    Outcome.MEDIA_MISSING: FailureKind(
        is_transient=True, next_step="The bytes are nowhere to be found; materialize raw_video to fetch them again."
    ),
    Outcome.EXPIRED: FailureKind(
        is_transient=False,
        next_step="Its bytes have passed their retention and were removed; materialize raw_video to fetch them again.",
    ),
    Outcome.STORAGE_FAILED: FailureKind(
        is_transient=True,
        next_step="The store refused or lost the transfer; the reason begins with its class, and "
        "`bookmarkai storage check` finds the cause.",
    ),
    Outcome.TRANSCRIPTION_FAILED: FailureKind(
        is_transient=True, next_step="The speech engine failed; its message says why. It is tried again later."
    ),
    Outcome.CATALOG_UNAVAILABLE: FailureKind(
        is_transient=True,
        next_step="The catalog's database did not answer; it is tried again once its lease has ended.",
    ),
    Outcome.MISCONFIGURED: FailureKind(
        is_transient=True,
        next_step="The installation lacks something; its message says what. Mend it, then `bookmarkai shares retry`.",
    ),
    Outcome.INTERNAL_ERROR: FailureKind(
        is_transient=True,
        next_step="A fault in the pipeline itself; the run's log has the traceback. Please report it.",
    ),
    Outcome.CRASHED: FailureKind(
        is_transient=True,
        next_step="The worker died while it had this share; look at the run's log, and at `bookmarkai doctor`.",
    ),
    Outcome.SUPERSEDED: FailureKind(
        is_transient=True, next_step="Another run has this share; look there for its result."
    ),
    Outcome.POSTPONED: FailureKind(
        is_transient=True,
        next_step="It waits for what its reason names, and is taken up by itself. `bookmarkai platforms list` shows "
        "the sites and stores that are paused, `bookmarkai doctor` whether a disk is full.",
    ),
}


@dataclass(frozen=True)
class Failure:
    """Why one attempt at a share failed: its outcome, the evidence in words, and the step at which it did.

    `step` is the asset that the step makes, None until the step has ended and where nobody knows any more.
    """

    outcome: Outcome
    reason: str
    step: str | None = None

    @property
    def is_transient(self) -> bool:
        """Whether another attempt, unchanged, can succeed."""
        return FAILURES[self.outcome].is_transient

    @property
    def next_step(self) -> str:
        """What a person can do about it."""
        return FAILURES[self.outcome].next_step
