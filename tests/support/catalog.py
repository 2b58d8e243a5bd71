"""Rows and times for tests of the catalog."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Connection, text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Media, MediaState, Part, VideoInfo
from bookmarkai_assets.core.media.object_keys import audio_key
from bookmarkai_assets.core.media.placement import Backend, Placement, StorageMode
from bookmarkai_assets.core.media.ports import Tombstone
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.ports import Begun
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk
from bookmarkai_assets.core.transcripts.ports import ChunkKey
from bookmarkai_assets.core.transcripts.transcript import Segment, Transcript

T = TypeVar("T")

USER = "11111111-1111-4111-8111-111111111111"
LEASE_SECONDS = 60
UNREACHABLE = Failure(Outcome.UNREACHABLE, "the site did not answer")
GONE = Failure(Outcome.GONE, "the video no longer exists")
PLACEMENT = Placement(backend=Backend.S3, mode=StorageMode.HYBRID, percentage=50, bucket=7)


def at(seconds: float) -> datetime:
    """Return the time so many seconds into the test; half a second before it is -0.5."""
    return datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(seconds=seconds)


def add_share(catalog: OpenCatalog, *, url: str | None = None, seconds: float = 0, user_id: str = USER) -> str:
    """Add a share that was made at that time, and return its id."""
    link = url or f"https://example.com/video/{uuid4()}"
    return catalog.shares.add(url=link, user_id=user_id, platform="generic", now=at(seconds)).share.share_id


def due_ids(catalog: OpenCatalog, seconds: float = 0, limit: int = 100) -> list[str]:
    """List the ids of the shares that are due at that time."""
    return [due.share_id for due in catalog.work.due(now=at(seconds), limit=limit)]


def claim(catalog: OpenCatalog, share_id: str, media_id: str, claim_id: str, seconds: float = 0) -> bool:
    """Claim for `LEASE_SECONDS` from that time."""
    return catalog.work.claim(share_id, media_id, claim_id=claim_id, now=at(seconds), until=at(seconds + LEASE_SECONDS))


def begin(
    catalog: OpenCatalog, share_id: str, media_id: str, run: str, seconds: float = 0, *, claim_id: str | None = None
) -> int | None:
    """Begin for `LEASE_SECONDS` from that time, and return the attempts, or None if it was refused."""
    result = catalog.work.begin(
        share_id, media_id, owner=run, claim_id=claim_id, now=at(seconds), until=at(seconds + LEASE_SECONDS)
    )
    return result.attempts if isinstance(result, Begun) else None


def finish(
    catalog: OpenCatalog, share_id: str, run: str, seconds: float = 0, *, outcome: Outcome = Outcome.DONE
) -> None:
    """Finish with some stored URL."""
    catalog.work.finish(share_id, media_url="/media/video.mp4", owner=run, now=at(seconds), outcome=outcome)


def fail(catalog: OpenCatalog, share_id: str, run: str, seconds: float = 0, *, retry_in: float | None = None) -> None:
    """Fail at that time, to be retried so many seconds later, or parked."""
    if retry_in is None:
        catalog.work.fail(share_id, GONE, owner=run, now=at(seconds), retry_at=None)
    else:
        catalog.work.fail(share_id, UNREACHABLE, owner=run, now=at(seconds), retry_at=at(seconds + retry_in))


def lease(catalog: OpenCatalog, media_id: str, owner: str, seconds: float = 0) -> bool:
    """Lease a media for `LEASE_SECONDS` from that time, without a share."""
    return catalog.leases.take(media_id, owner=owner, now=at(seconds), until=at(seconds + LEASE_SECONDS))


def store(catalog: OpenCatalog, media: Media, seconds: float = 2) -> None:
    """Record a media as stored at that time, under a lease of its own."""
    assert lease(catalog, media.media_id, "storing", seconds)
    catalog.media.record_stored(media, owner="storing", now=at(seconds))
    catalog.leases.free(media.media_id, owner="storing")


def put_transcript(catalog: OpenCatalog, share_id: str, transcript: Transcript, *, now: datetime) -> None:
    """Record a share's transcript as a run would, under a lease that nobody else asks for."""
    with leased(catalog, f"media {uuid4()}", now) as media_id:
        catalog.transcripts.put(share_id, transcript, media_id=media_id, owner="transcribing", now=now)


def keep_chunk(catalog: OpenCatalog, key: ChunkKey, chunk: TranscriptChunk, *, now: datetime) -> None:
    """Keep a chunk of a transcript as a run would, under the lease on its media."""
    with leased(catalog, key.media_id, now):
        catalog.chunks.keep(key, chunk, owner="transcribing", now=now)


@contextmanager
def leased(catalog: OpenCatalog, media_id: str, now: datetime) -> Iterator[str]:
    """Hold the lease on a media as the owner `transcribing`."""
    assert catalog.leases.take(media_id, owner="transcribing", now=now, until=now + timedelta(seconds=LEASE_SECONDS))
    yield media_id
    catalog.leases.free(media_id, owner="transcribing")


def status_of(catalog: OpenCatalog, share_id: str) -> str:
    """Read the gateway's status of a share."""
    return catalog.shares.get(share_id).status


def columns_of(catalog: OpenCatalog, share_id: str, *columns: str) -> tuple[Any, ...]:
    """Read columns of `shares` as the gateway would."""
    with catalog.database.engine.connect() as connection:
        statement = text(f"SELECT {', '.join(columns)} FROM shares WHERE id = :id")  # noqa: S608 - names from the test
        return tuple(connection.execute(statement, {"id": share_id}).one())


def execute(catalog: OpenCatalog, statement: str, **parameters: Any) -> None:
    """Change the database behind the adapter's back, as the gateway or a person might."""
    with catalog.database.engine.begin() as connection:
        run(connection, statement, **parameters)


def run(connection: Connection, statement: str, **parameters: Any) -> None:
    """Run one statement with named parameters."""
    connection.execute(text(statement), parameters)


VIDEO_KEY = "temp/videos/2026/01/31/0123456789abcdef_1769860800000.mp4"
AUDIO_KEY = audio_key(VIDEO_KEY, "m4a")


def staged_media(media_id: str, share_id: str, *, url: str = "/staging/video.mp4") -> Media:
    """Return a media with every field that a finished download sets."""
    return Media(
        media_id=media_id,
        canonical_url="https://example.com/video/1",
        platform="generic",
        share_id=share_id,
        state=MediaState.STAGED,
        info=VideoInfo(
            title="Kuchen backen 🍰 \u200fעוגה",  # noqa: RUF001 - Hebrew
            author="someone",
            description="line one\nline two",
            thumbnail_url="https://example.com/thumbnail.jpg",
            extractor="Generic",
            duration_seconds=29.97,
            width=720,
            height=1280,
            posted_at=at(-3600),
        ),
        video=Part(PartKind.VIDEO, VIDEO_KEY, url, Digest(5_000_000_000, "a" * 64), "video/mp4"),
        audio=Part(PartKind.AUDIO, AUDIO_KEY, f"{url}.m4a", Digest(480_000, "b" * 64), "audio/mp4"),
        download_seconds=1.25,
    )


def stored_media(media_id: str, share_id: str, *, url: str = "s3://media/video.mp4") -> Media:
    """Return the same media once it is stored, as of second 2 and for a week."""
    return replace(
        staged_media(media_id, share_id, url=url),
        state=MediaState.STORED,
        upload_seconds=0.75,
        placement=PLACEMENT,
        stored_at=at(2),
        expires_at=at(2) + timedelta(days=7),
    )


def tombstone_of(url: str, *, seconds: float = 0, media_id: str | None = "m", kind: str = "video") -> Tombstone:
    """Return a tombstone with every field set except the last, for a deletion decided at that time."""
    return Tombstone(
        url=url,
        kind=kind,
        media_id=media_id,
        share_id="6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11",
        size_bytes=5_000_000_000,
        sha256="a" * 64,
        reason="in_s3",
        proof={"url": "s3://media/video.mp4", "size_bytes": 5_000_000_000, "checked": ["size", "sha256"], "age": 1.5},
        written_at=at(seconds),
    )


def transcript_of(*texts: str, engine: str = "faster-whisper", model: str = "tiny.en") -> Transcript:
    """Return a transcript with a segment of one second for each text."""
    return Transcript(
        engine=engine,
        model=model,
        language="en",
        language_probability=0.98,
        duration_seconds=float(len(texts)),
        segments=tuple(
            Segment(start=float(i), end=i + 1.0, text=spoken, avg_logprob=-0.25, no_speech_prob=0.01)
            for i, spoken in enumerate(texts)
        ),
        transcribe_seconds=0.5,
    )


def together(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Start all tasks at once, each in a thread, and return their results."""
    barrier = threading.Barrier(len(tasks))

    def start(task: Callable[[], T]) -> T:
        barrier.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(start, tasks))
