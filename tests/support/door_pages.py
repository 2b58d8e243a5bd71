"""Made-up shares behind the door's pages: a real catalog, files in a real directory, objects in a fake S3."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from starlette.testclient import TestClient

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.door.tokens import SALT_BYTES, SECRET_BYTES, Caller, Scope, StoredToken, make_token
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Media, MediaState, Part, VideoInfo, media_id_of
from bookmarkai_assets.core.media.placement import Backend, StorageMode, StoragePolicy, place
from bookmarkai_assets.core.media.ports import MediaStore
from bookmarkai_assets.core.media.storage_events import Operation, Purpose, StorageEvent
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.door.app import make_app
from bookmarkai_assets.door.doorway import Doorway
from bookmarkai_assets.door.limits import Rates
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.settings.settings import Settings, load_settings
from tests.fakes.stores import FakeMediaStore
from tests.support.catalog import USER, at, put_transcript
from tests.support.transcripts import segment
from tests.support.transcripts import transcript as transcript_of_segments

HOST = "http://door.test"
DAGSTER = "http://dagster.test:3000"
VIDEO = bytes(range(256)) * 40
"""A stored file of 10,240 bytes. Only a browser minds that it is no video."""

SENTENCES = ("Today we bake a chocolate cake.", "First, melt the butter.", "Then wait for an hour.")


def spoken_transcript(*texts: str, seconds: float = 2.0) -> Transcript:
    """Return a transcript with a segment of some seconds for each text."""
    return transcript_of_segments(*(segment(i * seconds, (i + 1) * seconds, text) for i, text in enumerate(texts)))


@dataclass
class House:
    """The door over a catalog, and ways to fill that. `now` is what its clock says, `stored` are its tokens."""

    catalog: OpenCatalog
    settings: Settings
    local: LocalStore
    s3: MediaStore = field(default_factory=lambda: FakeMediaStore(Backend.S3))
    stored: list[StoredToken] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: at(3600))

    def app(self, **changes: Any) -> FastAPI:
        """Return the whole application, with other settings if they are given."""
        settings = self.settings.model_copy(update=changes)
        app = make_app(settings)
        doorway = Doorway(
            settings, self.catalog, self.stored, Rates(settings.door_requests_per_minute), lambda: self.now
        )
        # In the place of what the settings would make.
        doorway.__dict__["stores"] = Stores({Backend.LOCAL: self.local, Backend.S3: self.s3})
        app.state.doorway = doorway
        return app

    def client(self, *, base_url: str = HOST, **changes: Any) -> TestClient:
        """Return a browser without a picture. It follows no redirect."""
        return TestClient(self.app(**changes), base_url=base_url, follow_redirects=False)

    def add_token(
        self, name: str = "ana", *, scopes: Sequence[Scope] = (Scope.READ,), user_id: str | None = None
    ) -> str:
        """Store a token, which closes the door to everybody without one, and return it."""
        seed = hashlib.sha256(f"{name}{len(self.stored)}".encode()).digest()
        token, stored = make_token(
            Caller(name, frozenset(scopes), user_id), secret=seed[:SECRET_BYTES], salt=seed[:SALT_BYTES]
        )
        self.stored.append(stored)
        return token

    def add_share(self, *, url: str | None = None, user_id: str = USER, seconds: float = 0) -> str:
        """Add a share that nothing has been done about."""
        link = url or f"https://videos.example/{uuid4()}"
        return self.catalog.shares.add(url=link, user_id=user_id, platform="generic", now=at(seconds)).share.share_id

    def add_video(
        self,
        *,
        backend: Backend = Backend.LOCAL,
        transcript: Transcript | None = None,
        data: bytes = VIDEO,
        content_type: str = "video/mp4",
        seconds: float = 0,
        url: str | None = None,
        user_id: str = USER,
        **info: Any,
    ) -> str:
        """Add a share whose video is stored and transcribed, and return its id."""
        share_id = self.add_share(url=url, user_id=user_id, seconds=seconds)
        link = self.catalog.shares.get(share_id).url
        media_id, run = media_id_of(link), f"run of {share_id}"
        self.begin(share_id, media_id, run, seconds)
        media = self._media(share_id, link, backend, data, content_type, info)
        self.catalog.media.record_staged(
            replace(media, state=MediaState.STAGED, placement=None), owner=run, now=at(seconds)
        )
        self.catalog.media.record_stored(media, owner=run, now=at(seconds))
        self.catalog.events.record(
            StorageEvent(
                occurred_at=at(seconds + 1),
                operation=Operation.PUT,
                backend=backend.value,
                share_id=share_id,
                media_id=media_id,
                kind=PartKind.VIDEO,
                size_bytes=len(data),
                seconds=0.75,
                error_class=None,
                error=None,
                purpose=Purpose.PLACE,
            )
        )
        if transcript is not None:
            put_transcript(self.catalog, share_id, transcript, now=at(seconds + 2))
        self.catalog.work.finish(share_id, media_url=media.video.url, owner=run, now=at(seconds + 2))
        return share_id

    def add_failure(self, failure: Failure, *, url: str | None = None, user_id: str = USER, seconds: float = 0) -> str:
        """Add a share that failed and is parked."""
        share_id = self.add_share(url=url, user_id=user_id, seconds=seconds)
        run = f"run of {share_id}"
        self.begin(share_id, media_id_of(self.catalog.shares.get(share_id).url), run, seconds)
        self.catalog.work.fail(share_id, failure, owner=run, now=at(seconds), retry_at=None)
        return share_id

    def begin(self, share_id: str, media_id: str, run: str, seconds: float) -> None:
        """Take a share for a run."""
        self.catalog.work.begin(share_id, media_id, owner=run, claim_id=None, now=at(seconds), until=at(seconds + 600))

    def video_of(self, share_id: str) -> Part:
        """Return the stored video of a share."""
        media_id = self.catalog.work.progress(share_id).media_id
        media = self.catalog.media.get(media_id or "")
        assert media is not None
        return media.video

    def _media(
        self, share_id: str, link: str, backend: Backend, data: bytes, content_type: str, info: dict[str, Any]
    ) -> Media:
        digest = Digest(len(data), hashlib.sha256(data).hexdigest())
        key = f"temp/videos/2026/01/31/{digest.sha256[:8]}{share_id[:8]}_1.mp4"
        store = self.s3 if backend is Backend.S3 else self.local
        source = self.settings.ytdlp_download_dir / share_id
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(data)
        url = store.put(
            source, key, expected=digest, content_type=content_type, tags={}, may_replace=False, may_consume=True
        ).url
        known = {
            "title": "A chocolate cake",
            "author": "someone",
            "description": None,
            "thumbnail_url": "https://pictures.example/thumbnail.jpg",
            "extractor": "Generic",
            "duration_seconds": 6.0,
            "width": 640,
            "height": 360,
        }
        return Media(
            media_id=media_id_of(link),
            canonical_url=link,
            platform="generic",
            share_id=share_id,
            state=MediaState.STORED,
            info=VideoInfo(**{**known, **info}),
            video=Part(PartKind.VIDEO, key, url, digest, content_type),
            audio=None,
            download_seconds=1.25,
            upload_seconds=0.75,
            placement=place(StoragePolicy(StorageMode.HYBRID, 100 if backend is Backend.S3 else 0), share_id),
            stored_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
        )


def make_house(catalog: OpenCatalog, directory: Path, **changes: Any) -> House:
    """Return a house without shares, whose files are in a directory, and whose door stands open."""
    settings = load_settings(
        env_file=None,
        ytdlp_download_dir=directory / "media",
        dagster_home=directory / "dagster",
        dagster_ui_url=DAGSTER,
        door_allowed_hosts="door.test",
        **changes,
    )
    return House(catalog, settings, LocalStore(settings.ytdlp_download_dir))
