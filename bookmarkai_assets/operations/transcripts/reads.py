"""Read a share's transcript with what is on record of the share, or explain why there is none."""

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ExportError
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript
from bookmarkai_assets.operations.shares.reports import share_summary


def shared_transcript(catalog: Catalog, share_id: str) -> SharedTranscript:
    """Read a share's transcript.

    Raises:
        UnknownShareError: No share has this id.
        ExportError: The share has no transcript; the message says how far it is, why, and what a person can do.
    """
    share = catalog.shares.get(share_id)
    transcript = catalog.transcripts.get(share_id)
    if transcript is None:
        summary = share_summary(catalog, share)
        state = ": ".join(filter(None, (summary.outcome, summary.progress.reason))) or f"its status is {share.status}"
        next_step = summary.next_step or f"`bookmarkai shares show {share_id}` shows how far it is."
        raise ExportError(f"expected a transcript of share {share_id}, found none ({state}). {next_step}")
    media_id = catalog.work.progress(share_id).media_id
    media = catalog.media.get(media_id) if media_id else None
    return SharedTranscript(
        share_id=share_id,
        url=share.url,
        title=media.info.title if media else None,
        video_seconds=media.info.duration_seconds if media else None,
        transcript=transcript,
    )
