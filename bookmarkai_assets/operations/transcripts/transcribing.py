"""transcript: read the audio track from wherever it is, transcribe it, record what was said, finish the share.

The transcript's files are put beside the media on the way.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bookmarkai_assets.core.errors import ObjectNotFoundError, ShareFailedError
from bookmarkai_assets.core.media.media import Media, MediaState, Part
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript
from bookmarkai_assets.core.transcripts.names import names_in_post
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.quality import assess, is_mostly_heard
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare
from bookmarkai_assets.operations.transcripts.files import put_transcript_files
from bookmarkai_assets.operations.transcripts.long_sounds import drop_chunks, require_lease, transcribe_sound
from bookmarkai_assets.operations.transcripts.reuse import reusable_transcript
from bookmarkai_assets.operations.transcripts.transcribed_share import TranscribedShare

logger = logging.getLogger(__name__)


def transcribe_share(hold: Hold, leased: LeasedShare, media: Media, *, engine: SpeechEngine) -> TranscribedShare:
    """Record the share's transcript, with the doubts about it, and mark it done: `no_speech` if it is empty.

    Only the audio track is read, and the transcript's files are put beside it. A share reuses the transcript that
    another share of the same video got by the same recipe (see `reuse`). If it has such a transcript itself, it is
    transcribed again.

    Raises `ShareFailedError` (no_audio, media_missing, expired, corrupt), `StoreError`, `TranscriptionError` and
    `LeaseLostError`.
    """
    # Read again, under the lease: somebody may have moved the media since the step before.
    media = hold.catalog.media.get(leased.media_id) or media
    audio = _audio_of(media)
    share_id, transcripts = leased.share.share_id, hold.catalog.transcripts
    earlier = reusable_transcript(hold, leased, engine=engine)
    # A reused transcript was checked for doubts when it was made.
    transcript = earlier or _transcribe(hold, leased, media, audio, engine=engine)
    require_lease(hold, leased)
    # A reused transcript's files serve this share too. If the store fails, the share fails before it has a transcript.
    needs_files = earlier is None or not media.transcript_files
    if needs_files:
        media = put_transcript_files(hold, media, _shared(leased.share, media, transcript))
    transcripts.put(share_id, transcript, media_id=leased.media_id, owner=hold.owner, now=hold.clock())
    if needs_files:
        hold.catalog.media.record_transcript_files(media, owner=hold.owner, now=hold.clock())
    transcribed = TranscribedShare(leased.share, media, transcript, is_reused=earlier is not None)
    hold.catalog.work.finish(
        share_id, media_url=media.video.url, owner=hold.owner, now=hold.clock(), outcome=transcribed.outcome
    )
    drop_chunks(hold, leased)
    return transcribed


def _audio_of(media: Media) -> Part:
    """Return the audio track of a stored media. Raises `ShareFailedError` for one that cannot be transcribed now."""
    if media.state is MediaState.EXPIRED:
        raise ShareFailedError(
            Failure(Outcome.EXPIRED, f"expected sound to read, found that {media.video.url} was removed by rule")
        )
    if media.state is not MediaState.STORED:
        # A share must not be done while the only copy of its media is in staging.
        raise ShareFailedError(
            Failure(Outcome.MEDIA_MISSING, "expected stored media, found a staged file; materialize stored_media first")
        )
    if media.audio is None:
        raise ShareFailedError(Failure(Outcome.NO_AUDIO, "expected a sound track in the video, found none"))
    return media.audio


def _transcribe(hold: Hold, leased: LeasedShare, media: Media, audio: Part, *, engine: SpeechEngine) -> Transcript:
    language = hold.rules.language or _hinted_language(hold, leased.share.share_id, engine=engine)
    with _local_sound(hold, leased, media, audio) as (path, part):
        transcript = transcribe_sound(
            hold,
            leased,
            path,
            audio_sha256=part.digest.sha256,
            language=language,
            names=names_in_post(media.info),
            engine=engine,
        )
    if not is_mostly_heard(transcript):
        reason = (
            f"expected sound that decodes in {part.url}, found that {transcript.left_out_seconds:.1f} of its "
            f"{transcript.duration_seconds:.1f} seconds do not"
        )
        raise ShareFailedError(Failure(Outcome.CORRUPT, reason))
    return assess(transcript, hinted_language=language, video_seconds=media.info.duration_seconds)


def _shared(share: Share, media: Media, transcript: Transcript) -> SharedTranscript:
    return SharedTranscript(share.share_id, share.url, media.info.title, media.info.duration_seconds, transcript)


def _hinted_language(hold: Hold, share_id: str, *, engine: SpeechEngine) -> str | None:
    """Return the language that the gateway has for the share, if the model knows it."""
    hint = hold.catalog.shares.hinted_language(share_id)
    return hint if hint is not None and engine.supports(hint) else None


@contextmanager
def _local_sound(hold: Hold, leased: LeasedShare, media: Media, audio: Part) -> Iterator[tuple[Path, Part]]:
    """Yield a local file with the sound, and the part that it is: the audio track, or the video if that is missing."""
    with ExitStack() as stack:
        part = audio
        try:
            path = stack.enter_context(_local_file(hold, leased, media, audio))
        except ObjectNotFoundError:
            logger.warning("the audio track %s is missing; reading the whole video instead", audio.url)
            part = media.video
            try:
                path = stack.enter_context(_local_file(hold, leased, media, part))
            except ObjectNotFoundError as error:
                raise ShareFailedError(Failure(Outcome.MEDIA_MISSING, str(error))) from error
        yield path, part


@contextmanager
def _local_file(hold: Hold, leased: LeasedShare, media: Media, part: Part) -> Iterator[Path]:
    if Backend.of_url(part.url) is Backend.LOCAL:
        if not hold.stores.has(part):
            raise ObjectNotFoundError(f"expected the recorded bytes at {part.url}, found none or others")
        yield Path(part.url)
        return
    hold.rules.staging_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=hold.rules.staging_dir, prefix="transcribe-") as directory:
        path = Path(directory) / Path(part.url).name
        MediaTransfers(hold, media, leased.share.share_id, Purpose.TRANSCRIBE).get(part, path)
        yield path
