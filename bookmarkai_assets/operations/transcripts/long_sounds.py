"""A long sound: what is transcribed of it already, each part kept as it is done, how far it is, and when to stop.

A short one passes through here as well; it is done before any of this matters.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bookmarkai_assets.core.errors import CatalogUnavailableError, LeaseLostError
from bookmarkai_assets.core.search.moments_in_videos import as_clock
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk, contiguous
from bookmarkai_assets.core.transcripts.ports import ChunkKey, SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare

logger = logging.getLogger(__name__)

TOLD_EVERY = timedelta(seconds=30)
"""How often the log is told how far a transcription is, and the lease is looked at."""


def transcribe_sound(
    hold: Hold,
    leased: LeasedShare,
    audio: Path,
    *,
    audio_sha256: str,
    language: str | None,
    engine: SpeechEngine,
) -> Transcript:
    """Transcribe a file, but for those parts of it that work which was cut short has kept.

    It ends soon when the run is told to end, with `PostponedError`, or has lost the media's lease, with
    `LeaseLostError`: what is done by then is kept. Raises also what the engine does.
    """
    key = ChunkKey(leased.media_id, engine.prepare().fingerprint, audio_sha256, language)
    kept = contiguous(hold.catalog.chunks.kept(key))
    if kept:
        logger.info("share %s: goes on at %s, done before", leased.share.share_id, as_clock(kept[-1].end))

    def keep(part: TranscriptChunk) -> None:
        require_lease(hold, leased)
        hold.catalog.chunks.keep(key, part, now=hold.clock())

    watch = _Watch(hold, leased, hold.clock())
    return engine.transcribe(audio, language=language, on_progress=watch, kept=kept, on_chunk=keep)


def drop_chunks(hold: Hold, leased: LeasedShare) -> None:
    """Drop the parts of a media whose transcript is recorded. Where that fails, the nightly clean-up does it."""
    try:
        hold.catalog.chunks.drop(leased.media_id)
    except CatalogUnavailableError:
        logger.warning("could not drop the parts that were kept of media %s", leased.media_id, exc_info=True)


def require_lease(hold: Hold, leased: LeasedShare) -> None:
    """Raise `LeaseLostError` when another run may have the media by now."""
    if not hold.has_lease(leased.media_id):
        raise LeaseLostError(f"run {hold.owner} has lost the lease on media {leased.media_id} while it transcribed")


@dataclass
class _Watch:
    """Told how far a transcription is, it tells the log now and then, and ends what is not to go on."""

    hold: Hold
    leased: LeasedShare
    told_at: datetime = field(compare=False)

    def __call__(self, done_seconds: float, all_seconds: float) -> None:
        self.hold.wait(0)
        now = self.hold.clock()
        if now - self.told_at < TOLD_EVERY:
            return
        self.told_at = now
        require_lease(self.hold, self.leased)
        logger.info(
            "share %s: transcribed %s of %s (%.0f%%)",
            self.leased.share.share_id,
            as_clock(done_seconds),
            as_clock(all_seconds),
            100 * done_seconds / all_seconds if all_seconds else 100,
        )
