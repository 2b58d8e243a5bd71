"""A share's page, and its stored video with subtitles, which the page plays."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.core.errors import ExportError, StoreError
from bookmarkai_assets.core.media.media import Media, MediaState, Part
from bookmarkai_assets.core.transcripts.formats import TranscriptFormat
from bookmarkai_assets.core.transcripts.formats import render as render_transcript
from bookmarkai_assets.door.doorway import Door, Doorway
from bookmarkai_assets.door.pages.readers import NotAllowedError, NotThereError, Operator, PageReader, PageRoute, Reader
from bookmarkai_assets.door.pages.rendering import render
from bookmarkai_assets.door.pages.sessions import see_other
from bookmarkai_assets.door.pages.views.common import share_path
from bookmarkai_assets.door.pages.views.media import media_view
from bookmarkai_assets.operations.failures.retrying import retry_shares
from bookmarkai_assets.operations.shares.reports import share_report, share_summary
from bookmarkai_assets.operations.stores import is_gone_or_damaged
from bookmarkai_assets.operations.transcripts.reads import shared_transcript

LINK_SECONDS = 900
"""How long a link to S3 works, beside the video's length: a player asks for more while it plays."""

MAX_LINK_SECONDS = 6 * 3600

_PLAYED = re.compile(r"(?:video|audio)/[a-z0-9][a-z0-9.+-]{0,60}")

_SAFE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""What keeps a stranger's file from being more than a file, whatever is in it."""


router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/shares/{share_id}")
def show_share(door: Door, reader: Reader, share_id: str) -> Response:
    """Show a share."""
    share = reader.share(door.catalog, share_id)
    report = share_report(door.catalog, share.share_id, now=door.clock())
    video = _stored_video(report.media)
    view = media_view(report, door.ui, is_playable=video is not None, is_operator=reader.caller.may(Scope.OPERATE))
    return render(
        "media.html",
        reader.frame(None),
        view,
        media_origin=_origin_of(door, video) if video else None,
    )


@router.post("/shares/{share_id}/retry")
def retry_share(door: Door, reader: Operator, share_id: str) -> Response:
    """Make a share due at once."""
    share = reader.share(door.catalog, share_id)
    done = retry_shares(door.catalog, door.stores, door.rules, [share.share_id], now=door.clock())
    for reason in done.unchanged.values():
        raise NotAllowedError(f"The share was left alone: {reason}.")
    return see_other(share_path(share.share_id))


@router.api_route("/media/{share_id}", methods=["GET", "HEAD"])
def send_video(door: Door, reader: Reader, share_id: str) -> Response:
    """Send a stored video, or the way to it in S3."""
    media = _media_for(door, reader, share_id)
    video = _stored_video(media)
    if media is None or video is None:
        raise NotThereError("There is no stored video of this share that a player plays.")
    return _send(door, video, name=share_id, video_seconds=media.info.duration_seconds)


@router.get("/media/{share_id}/subtitles.vtt")
def send_subtitles(door: Door, reader: Reader, share_id: str) -> Response:
    """Send a transcript as subtitles."""
    share = reader.share(door.catalog, share_id)
    try:
        text = render_transcript(shared_transcript(door.catalog, share.share_id), TranscriptFormat.VTT)
    except ExportError:
        raise NotThereError("There are no subtitles of this share.") from None
    return Response(text, media_type="text/vtt; charset=utf-8", headers={**_SAFE, "Cache-Control": "private, no-store"})


def _media_for(door: Doorway, reader: PageReader, share_id: str) -> Media | None:
    summary = share_summary(door.catalog, reader.share(door.catalog, share_id))
    media_id = summary.progress.media_id
    return door.catalog.media.get(media_id) if media_id else None


def _stored_video(media: Media | None) -> Part | None:
    """Return a media's video if its bytes are stored, and of a type that is played and cannot be a page."""
    if media is None or media.state is not MediaState.STORED or not _PLAYED.fullmatch(media.video.content_type):
        return None
    return media.video


def _send(door: Doorway, video: Part, *, name: str, video_seconds: float) -> Response:
    try:
        store = door.stores.of_url(video.url)
        if store.backend.is_remote:
            seconds = min(MAX_LINK_SECONDS, LINK_SECONDS + int(max(0.0, video_seconds)))
            link = store.presign(video.url, expires_seconds=seconds)
            # The link is a secret: it is in no page, no log, and no cache.
            headers = {"Location": link, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
            return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)
        # The store refuses a path that is not below its directory, or is no plain file.
        store.open(video.url, size_bytes=0).close()
        status = Path(video.url).stat()
    except (StoreError, OSError) as error:
        if isinstance(error, OSError) or is_gone_or_damaged(error):
            raise NotThereError("The stored video is not where it is recorded.") from None
        return Response("The store does not answer.", status_code=HTTPStatus.SERVICE_UNAVAILABLE, headers=_SAFE)
    if status.st_size != video.size_bytes:
        raise NotThereError("The stored video is not as it is recorded.")
    extension = video.content_type.partition("/")[2].partition("+")[0]
    return FileResponse(
        video.url,
        stat_result=status,
        media_type=video.content_type,
        filename=f"{name}.{extension}",
        content_disposition_type="inline",
        headers={**_SAFE, "ETag": f'"{video.digest.sha256}"', "Cache-Control": "private, no-cache"},
    )


def _origin_of(door: Doorway, video: Part) -> str | None:
    """Return where the redirect of a video in S3 leads, so that the page may play from there."""
    try:
        store = door.stores.of_url(video.url)
        link = urlsplit(store.presign(video.url, expires_seconds=1)) if store.backend.is_remote else None
    except StoreError:
        return None
    return f"{link.scheme}://{link.netloc}" if link else None
