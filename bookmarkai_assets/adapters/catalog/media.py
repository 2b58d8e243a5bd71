"""`MediaLedger` over `media`: one row per video, its record flattened into columns."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, or_, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import leases
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables import insert_into
from bookmarkai_assets.adapters.catalog.tables import media as table
from bookmarkai_assets.core.media import Blob, Digest, Media, MediaState, VideoInfo
from bookmarkai_assets.core.placement import Backend, Placement, StorageMode
from bookmarkai_assets.core.ports import MediaLedger


class SqlMediaLedger(MediaLedger):
    """The pointers to bytes. A write and the check that its owner holds the lease are one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def get(self, media_id: str) -> Media | None:
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.media_id == media_id)).first()
        return _media(row) if row else None

    @override
    def record_staged(self, media: Media, *, owner: str, now: datetime) -> None:
        values = {**_values(media), "state": MediaState.STAGED, "created_at": now, "stored_at": None, "updated_at": now}
        self._record(values, replaced=values, owner=owner)

    @override
    def record_stored(self, media: Media, *, owner: str, now: datetime) -> None:
        replaced = {**_values(media), "state": MediaState.STORED, "stored_at": now, "updated_at": now}
        self._record({**replaced, "created_at": now}, replaced=replaced, owner=owner)

    @override
    def acknowledges(self, url: str) -> bool:
        # Two look-ups by index; as one condition with OR, PostgreSQL may scan the table.
        at_url = or_(
            *(exists().where(column == url, table.c.state == MediaState.STORED) for column in _URL_COLUMNS),
        )
        with self._database.reading() as connection:
            return bool(connection.execute(select(at_url)).scalar_one())

    def _record(self, values: dict[str, Any], *, replaced: dict[str, Any], owner: str) -> None:
        statement = insert_into(table, is_sqlite=self._database.is_sqlite).values(values)
        with self._database.writing() as connection:
            leases.require(connection, values["media_id"], owner)
            connection.execute(statement.on_conflict_do_update(index_elements=[table.c.media_id], set_=replaced))


_URL_COLUMNS = (table.c.video_url, table.c.audio_url)


def _values(media: Media) -> dict[str, Any]:
    info, audio, placement = media.info, media.audio, media.placement
    return {
        "media_id": media.media_id,
        "canonical_url": media.canonical_url,
        "platform": media.platform,
        "share_id": media.share_id,
        "object_key": media.object_key,
        "title": info.title,
        "author": info.author,
        "description": info.description,
        "thumbnail_url": info.thumbnail_url,
        "extractor": info.extractor,
        "duration_seconds": info.duration_seconds,
        "width": info.width,
        "height": info.height,
        "video_url": media.video.url,
        "size_bytes": media.video.digest.size_bytes,
        "sha256": media.video.digest.sha256,
        "content_type": media.video.content_type,
        "audio_url": audio.url if audio else None,
        "audio_size_bytes": audio.digest.size_bytes if audio else None,
        "audio_sha256": audio.digest.sha256 if audio else None,
        "audio_content_type": audio.content_type if audio else None,
        "download_seconds": media.download_seconds,
        "upload_seconds": media.upload_seconds,
        "placement_backend": placement.backend if placement else None,
        "placement_mode": placement.mode if placement else None,
        "placement_percentage": placement.percentage if placement else None,
        "placement_bucket": placement.bucket if placement else None,
    }


def _media(row: Row[*tuple[Any, ...]]) -> Media:
    return Media(
        media_id=row.media_id,
        canonical_url=row.canonical_url,
        platform=row.platform,
        share_id=row.share_id,
        object_key=row.object_key,
        state=MediaState(row.state),
        info=VideoInfo(
            title=row.title,
            author=row.author,
            description=row.description,
            thumbnail_url=row.thumbnail_url,
            extractor=row.extractor,
            duration_seconds=row.duration_seconds,
            width=row.width,
            height=row.height,
        ),
        video=Blob(row.video_url, Digest(row.size_bytes, row.sha256), row.content_type),
        audio=(
            Blob(row.audio_url, Digest(row.audio_size_bytes, row.audio_sha256), row.audio_content_type)
            if row.audio_url is not None
            else None
        ),
        download_seconds=row.download_seconds,
        upload_seconds=row.upload_seconds,
        placement=(
            Placement(
                backend=Backend(row.placement_backend),
                mode=StorageMode(row.placement_mode),
                percentage=row.placement_percentage,
                bucket=row.placement_bucket,
            )
            if row.placement_backend is not None
            else None
        ),
    )
