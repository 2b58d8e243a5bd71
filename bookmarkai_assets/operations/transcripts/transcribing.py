"""transcript: read the audio track from wherever it is, transcribe it, record what was said, finish the share.

Its files are put beside the media on the way.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.core.errors import ObjectNotFoundError, ShareFailedError
from bookmarkai_assets.core.media.media import Blob, Media, MediaState
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.quality import judged
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.operations.media.holding import MediaWork
from bookmarkai_assets.operations.media.stores import Stores, backend_of_url, is_stored, store_of_url
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.shares.share_work import LeasedShare, ShareWork
from bookmarkai_assets.operations.transcripts.files import put_transcript_files
from bookmarkai_assets.operations.transcripts.long_sounds import forget_parts, require_lease, transcribe_sound
from bookmarkai_assets.operations.transcripts.reuse import transcript_to_take_over

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TranscribedShare:
    """A finished share; `is_reused` when another share of the same video had been transcribed before."""

    share: Share
    media: Media
    transcript: Transcript
    is_reused: bool

    @property
    def outcome(self) -> Outcome:
        """How it ended: without a segment, nobody speaks in the video."""
        return Outcome.DONE if self.transcript.segments else Outcome.NO_SPEECH


def transcribe_share(
    leased: LeasedShare, media: Media, *, work: ShareWork, engine: SpeechEngine, stores: Stores
) -> TranscribedShare:
    """Give the share its transcript, with what is to be doubted in it, and mark it done: `no_speech` when it is empty.

    Only the audio track is read, and the transcript's files are put beside it. A share takes over what another share of
    the same video got by the same recipe (`transcript_reuse`), unless that is what it has: then it is transcribed anew.
    Raises `ShareFailedError` (no_audio, media_missing), `StoreError`, `TranscriptionError`, `LeaseLostError`.
    """
    # Read again, under the lease: since the handle was made, somebody may have moved what it names.
    media = work.catalog.media.get(leased.media_id) or media
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
    share_id, transcripts = leased.share.share_id, work.catalog.transcripts
    earlier = transcript_to_take_over(leased, work=work, engine=engine)
    transcript, language = earlier, work.rules.language
    if transcript is None:
        language = language or _hinted_language(share_id, work=work, engine=engine)
        with _sound_of(leased, media, media.audio, work=work, stores=stores) as (path, blob):
            transcript = transcribe_sound(
                leased, path, audio_sha256=blob.digest.sha256, language=language, work=work, engine=engine
            )
    # One that is taken over was judged when it was made.
    if earlier is None:
        transcript = judged(transcript, hinted_language=language)
    require_lease(leased, work)
    # Those of another share's transcript serve this one too. A store that fails fails the share before it has one.
    is_to_have_files = earlier is None or not media.transcript_files
    if is_to_have_files:
        holder = MediaWork(work.catalog, work.rules, stores, work.owner, work.clock)
        media = put_transcript_files(holder, media, _shared(leased.share, media, transcript))
    transcripts.put(share_id, transcript, now=work.clock())
    if is_to_have_files:
        work.catalog.media.record_transcript_files(media, owner=work.owner, now=work.clock())
    transcribed = TranscribedShare(leased.share, media, transcript, is_reused=earlier is not None)
    work.catalog.work.finish(
        share_id, media_url=media.video.url, owner=work.owner, now=work.clock(), outcome=transcribed.outcome
    )
    forget_parts(leased, work)
    return transcribed


def _shared(share: Share, media: Media, transcript: Transcript) -> SharedTranscript:
    return SharedTranscript(share.share_id, share.url, media.info.title, media.info.duration_seconds, transcript)


def _hinted_language(share_id: str, *, work: ShareWork, engine: SpeechEngine) -> str | None:
    """Give the language that the gateway has for the share, if the model knows it."""
    hint = work.catalog.shares.hinted_language(share_id)
    return hint if hint is not None and engine.supports(hint) else None


@contextmanager
def _sound_of(
    leased: LeasedShare, media: Media, audio: Blob, *, work: ShareWork, stores: Stores
) -> Iterator[tuple[Path, Blob]]:
    """Give a local file with the sound, and what it is: the audio track, or the whole video where that is missing."""
    with ExitStack() as stack:
        blob = audio
        try:
            path = stack.enter_context(_local_file(leased, media, audio, "audio", work=work, stores=stores))
        except ObjectNotFoundError:
            logger.warning("the audio track %s is missing; reading the whole video instead", audio.url)
            blob = media.video
            try:
                path = stack.enter_context(_local_file(leased, media, media.video, "video", work=work, stores=stores))
            except ObjectNotFoundError as error:
                raise ShareFailedError(Failure(Outcome.MEDIA_MISSING, str(error))) from error
        yield path, blob


@contextmanager
def _local_file(
    leased: LeasedShare, media: Media, blob: Blob, kind: str, *, work: ShareWork, stores: Stores
) -> Iterator[Path]:
    if backend_of_url(blob.url) is Backend.LOCAL:
        if not is_stored(stores, blob):
            raise ObjectNotFoundError(f"expected the recorded bytes at {blob.url}, found none or others")
        yield Path(blob.url)
        return
    work.rules.staging_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work.rules.staging_dir, prefix="transcribe-") as directory:
        path = Path(directory) / Path(blob.url).name
        transfers = MediaTransfers(work.catalog, work.clock, leased.share.share_id, media, Purpose.TRANSCRIBE)
        transfers.get(kind, blob.url, store_of_url(stores, blob.url), path)
        yield path
