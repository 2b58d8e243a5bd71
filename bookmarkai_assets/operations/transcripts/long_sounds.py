"""Transcribe a long sound: keep each chunk as it is done, log the progress, and stop when told to.

Short sounds are transcribed here too. They are done before any of this matters.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bookmarkai_assets.core.errors import CatalogUnavailableError, LeaseLostError
from bookmarkai_assets.core.search.moments_in_videos import as_clock
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk, contiguous_chunks
from bookmarkai_assets.core.transcripts.ports import ChunkKey, SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare

logger = logging.getLogger(__name__)

LOG_EVERY = timedelta(seconds=30)
"""How often the progress of a transcription is logged and its lease is checked."""


def transcribe_sound(
    hold: Hold,
    leased: LeasedShare,
    audio: Path,
    *,
    audio_sha256: str,
    language: str | None,
    names: Sequence[str],
    engine: SpeechEngine,
) -> Transcript:
    """Transcribe a file, without the chunks that an interrupted attempt has kept.

    Raises `PostponedError` soon after the run is told to end, and `LeaseLostError` when it has lost the media's lease.
    The chunks that are done by then are kept. Also raises what the engine raises.
    """
    key = ChunkKey(leased.media_id, engine.prepare().fingerprint, audio_sha256, language)
    kept = contiguous_chunks(hold.catalog.chunks.kept(key))
    if kept:
        logger.info("share %s: goes on at %s, done before", leased.share.share_id, as_clock(kept[-1].end))

    def keep(chunk: TranscriptChunk) -> None:
        hold.catalog.chunks.keep(key, chunk, owner=hold.owner, now=hold.clock())

    watch = _Watch(hold, leased, hold.clock())
    return engine.transcribe(audio, language=language, names=names, on_progress=watch, kept=kept, on_chunk=keep)


def drop_chunks(hold: Hold, leased: LeasedShare) -> None:
    """Drop the kept chunks of a media whose transcript is recorded. If that fails, the nightly clean-up does it."""
    try:
        hold.catalog.chunks.drop(leased.media_id)
    except CatalogUnavailableError:
        logger.warning("could not drop the kept transcript chunks of media %s", leased.media_id, exc_info=True)


def require_lease(hold: Hold, leased: LeasedShare) -> None:
    """Raise `LeaseLostError` if another run may have the media by now."""
    if not hold.has_lease(leased.media_id):
        raise LeaseLostError(f"run {hold.owner} has lost the lease on media {leased.media_id} while it transcribed")


@dataclass
class _Watch:
    """Logs the progress of a transcription, and ends it when the run is told to end or has lost the lease."""

    hold: Hold
    leased: LeasedShare
    logged_at: datetime = field(compare=False)

    def __call__(self, done_seconds: float, all_seconds: float) -> None:
        self.hold.wait(0)
        now = self.hold.clock()
        if now - self.logged_at < LOG_EVERY:
            return
        self.logged_at = now
        require_lease(self.hold, self.leased)
        logger.info(
            "share %s: transcribed %s of %s (%.0f%%)",
            self.leased.share.share_id,
            as_clock(done_seconds),
            as_clock(all_seconds),
            100 * done_seconds / all_seconds if all_seconds else 100,
        )
