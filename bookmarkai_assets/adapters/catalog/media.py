"""`MediaLedger` over `media`, with one row per video and its record as columns, and over `transcript_files`."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, or_, select, update
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import leases, media_shares
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.media import media as table
from bookmarkai_assets.adapters.catalog.tables.media import media_totals
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcript_files as files
from bookmarkai_assets.adapters.catalog.tombstones import write as write_tombstones
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Digest, Media, MediaState, Part, VideoInfo
from bookmarkai_assets.core.media.object_keys import audio_key, transcript_key
from bookmarkai_assets.core.media.placement import Backend, Decider, Placement, StorageMode
from bookmarkai_assets.core.media.ports import InventoryLine, MediaLedger, PlacedMedia, StoredMedia, Tombstone


class SqlMediaLedger(MediaLedger):
    """Where media's bytes are. A write, and the check that its owner has the lease, are one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def get(self, media_id: str) -> Media | None:
        with self._database.reading() as connection:
            rows = connection.execute(select(table).where(table.c.media_id == media_id)).all()
            return next(iter(_read_media(connection, rows, files.c.media_id == media_id)), None)

    @override
    def get_all(self, media_ids: Collection[str]) -> Mapping[str, Media]:
        if not media_ids:
            return {}
        with self._database.reading() as connection:
            rows = connection.execute(select(table).where(table.c.media_id.in_(media_ids))).all()
            read = _read_media(connection, rows, files.c.media_id.in_(media_ids))
            return {media.media_id: media for media in read}

    @override
    def stored_with(self, digest: Digest) -> Media | None:
        statement = (
            select(table)
            .where(
                table.c.sha256 == digest.sha256,
                table.c.size_bytes == digest.size_bytes,
                table.c.state == MediaState.STORED,
            )
            .order_by(table.c.media_id)
            .limit(1)
        )
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
            return next(iter(_read_media(connection, rows, files.c.media_id.in_([row.media_id for row in rows]))), None)

    @override
    def record_staged(self, media: Media, *, owner: str, now: datetime) -> None:
        values = {
            **_values(media),
            "state": MediaState.STAGED,
            "created_at": now,
            "stored_at": None,
            "expires_at": None,
            "updated_at": now,
        }
        with self._database.writing() as connection:
            leases.require(connection, media.media_id, owner)
            self._put(connection, values, replaced=values)
            _put_files(connection, media.media_id, {})

    @override
    def record_stored(self, media: Media, *, owner: str, now: datetime) -> None:
        """Record where the stored bytes are. `stored_at` is `now` if the media does not say when it was stored."""
        replaced = _stored_values(media, now)
        with self._database.writing() as connection:
            leases.require(connection, media.media_id, owner)
            media_shares.point_done_shares(connection, media.media_id, media.video.url, now=now)
            self._put(connection, {**replaced, "created_at": now}, replaced=replaced)
            _put_files(connection, media.media_id, media.transcript_files)

    @override
    def record_transcript_files(self, media: Media, *, owner: str, now: datetime) -> None:
        is_stored = (table.c.media_id == media.media_id, table.c.state == MediaState.STORED)
        values = {"expires_at": media.expires_at, "updated_at": now}
        with self._database.writing() as connection:
            leases.require(connection, media.media_id, owner)
            if connection.execute(update(table).where(*is_stored).values(values)).rowcount != 1:
                raise ValueError(
                    f"expected media {media.media_id} to be stored, found that it is not; read it again under the "
                    "lease before its transcript's files are put"
                )
            _put_files(connection, media.media_id, media.transcript_files)

    @override
    def record_expired(self, media_id: str, tombstones: Sequence[Tombstone], *, owner: str, now: datetime) -> None:
        """Record that the bytes go. The row keeps their last location. A second call only writes tombstones.

        Raises ValueError for a media that is neither stored nor expired, because its bytes are needed or not on record.
        """
        is_media = table.c.media_id == media_id
        with self._database.writing() as connection:
            leases.require(connection, media_id, owner)
            state = connection.execute(select(table.c.state).where(is_media)).scalar()
            if state not in (MediaState.STORED, MediaState.EXPIRED):
                raise ValueError(
                    f"expected media {media_id} to be stored, or expired before, found {state or 'no record of it'}; "
                    "read it again under the lease before its bytes are removed"
                )
            if state == MediaState.STORED:
                media_shares.point_done_shares(connection, media_id, None, now=now)
                connection.execute(update(table).where(is_media).values(state=MediaState.EXPIRED, updated_at=now))
            write_tombstones(connection, tombstones)

    @override
    def restore(self, media: Media, *, now: datetime) -> bool:
        """Record a media that was found in a store. It needs no lease, because it never changes an existing row."""
        statement = insert_into(table, is_sqlite=self._database.is_sqlite).values(
            {**_stored_values(media, now), "created_at": now}
        )
        with self._database.writing() as connection:
            is_new = (
                connection.execute(statement.on_conflict_do_nothing(index_elements=[table.c.media_id])).rowcount == 1
            )
            if is_new:
                _put_files(connection, media.media_id, media.transcript_files)
        return is_new

    @override
    def page(self, *, after: str = "", limit: int) -> Sequence[Media]:
        statement = select(table).where(table.c.media_id > after).order_by(table.c.media_id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
            if not rows:
                return []
            return _read_media(connection, rows, files.c.media_id.between(rows[0].media_id, rows[-1].media_id))

    @override
    def is_settled(self, media_id: str) -> bool:
        """Whether nobody needs the bytes. The media's shares are those that a claim or a run has recorded with it."""
        with self._database.reading() as connection:
            return bool(connection.execute(select(media_shares.is_settled(media_id))).scalar_one())

    @override
    def stored_count(self, backend: Backend, *, unexpired_at: datetime) -> int:
        statement = (
            select(func.count())
            .select_from(table)
            .where(
                table.c.state == MediaState.STORED,
                table.c.placement_backend == backend,
                or_(table.c.expires_at.is_(None), table.c.expires_at > unexpired_at),
            )
        )
        with self._database.reading() as connection:
            return connection.execute(statement).scalar_one()

    @override
    def placed_since(self, moment: datetime) -> Sequence[PlacedMedia]:
        policy = (table.c.placement_mode, table.c.placement_percentage, table.c.placement_decision_id)
        statement = (
            select(*policy, func.count())
            .where(
                table.c.stored_at >= moment,
                table.c.placement_mode.is_not(None),
                func.coalesce(table.c.placement_decided_by, Decider.POLICY) == Decider.POLICY,
            )
            .group_by(*policy)
            .order_by(func.count().desc(), *policy)
        )
        with self._database.reading() as connection:
            return [PlacedMedia(StorageMode(mode), *rest) for mode, *rest in connection.execute(statement)]

    @override
    def inventory(self) -> Sequence[InventoryLine]:
        # Grouped in the order of `ix_media_inventory`. If null were turned into policy in SQL, SQLite would have to
        # sort all media first.
        line = (table.c.placement_backend, table.c.placement_bucket, table.c.placement_decided_by)
        size_bytes = func.sum(table.c.size_bytes + func.coalesce(table.c.audio_size_bytes, 0))
        statement = (
            select(*line, func.count(), size_bytes)
            .where(table.c.state == MediaState.STORED, table.c.placement_backend.is_not(None))
            .group_by(*line)
        )
        found: dict[tuple[Backend, int | None, Decider], tuple[int, int]] = {}
        with self._database.reading() as connection:
            for backend, bucket, decider, media, size in connection.execute(statement):
                key = (Backend(backend), bucket, Decider(decider or Decider.POLICY))
                media_before, size_before = found.get(key, (0, 0))
                found[key] = (media_before + media, size_before + int(size))
        return [InventoryLine(*key, *amounts) for key, amounts in found.items()]

    @override
    def stored_totals(self) -> Mapping[Backend, StoredMedia]:
        with self._database.reading() as connection:
            found = {row.backend: row for row in connection.execute(select(media_totals))}
        return {
            backend: StoredMedia(found[backend].media, found[backend].size_bytes)
            if backend in found
            else StoredMedia(0, 0)
            for backend in Backend
        }

    @override
    def acknowledges(self, url: str) -> bool:
        # One index lookup each. As one condition with OR, PostgreSQL may scan the table.
        at_url = or_(
            *(exists().where(column == url, table.c.state == MediaState.STORED) for column in _URL_COLUMNS),
            exists().where(
                files.c.url == url, table.c.media_id == files.c.media_id, table.c.state == MediaState.STORED
            ),
        )
        with self._database.reading() as connection:
            return bool(connection.execute(select(at_url)).scalar_one())

    def _put(self, connection: Connection, values: dict[str, Any], *, replaced: dict[str, Any]) -> None:
        statement = insert_into(table, is_sqlite=self._database.is_sqlite).values(values)
        connection.execute(statement.on_conflict_do_update(index_elements=[table.c.media_id], set_=replaced))


_URL_COLUMNS = (table.c.video_url, table.c.audio_url)


def _put_files(connection: Connection, media_id: str, found: Mapping[PartKind, Part]) -> None:
    """Replace the media's transcript's files by these. The media's lease is locked already, or its row is new."""
    connection.execute(delete(files).where(files.c.media_id == media_id))
    rows = [
        {
            "media_id": media_id,
            "kind": kind,
            "url": part.url,
            "size_bytes": part.size_bytes,
            "sha256": part.digest.sha256,
            "content_type": part.content_type,
        }
        for kind, part in found.items()
    ]
    if rows:
        connection.execute(insert(files), rows)


def _read_media(
    connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]], wanted: ColumnElement[bool]
) -> list[Media]:
    """Turn rows into media. One more statement reads the files of them all, which are those that are `wanted`."""
    if not rows:
        return []
    keys = {row.media_id: row.object_key for row in rows}
    found: dict[str, dict[PartKind, Part]] = defaultdict(dict)
    for row in connection.execute(select(files).where(wanted).order_by(files.c.media_id, files.c.kind)):
        if row.media_id in keys:
            kind, digest = PartKind(row.kind), Digest(row.size_bytes, row.sha256)
            key = transcript_key(keys[row.media_id], kind)
            found[row.media_id][kind] = Part(kind, key, row.url, digest, row.content_type)
    return [_media(row, found.get(row.media_id, {})) for row in rows]


def _stored_values(media: Media, now: datetime) -> dict[str, Any]:
    return {
        **_values(media),
        "state": MediaState.STORED,
        "stored_at": media.stored_at or now,
        "expires_at": media.expires_at,
        "updated_at": now,
    }


def _values(media: Media) -> dict[str, Any]:
    info, audio, placement = media.info, media.audio, media.placement
    return {
        "media_id": media.media_id,
        "canonical_url": media.canonical_url,
        "platform": media.platform,
        "share_id": media.share_id,
        "object_key": media.video.key,
        "title": info.title,
        "author": info.author,
        "description": info.description,
        "thumbnail_url": info.thumbnail_url,
        "extractor": info.extractor,
        "duration_seconds": info.duration_seconds,
        "width": info.width,
        "height": info.height,
        "posted_at": info.posted_at,
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
        "placement_decided_by": placement.decided_by if placement else None,
        "placement_decision_id": placement.decision_id if placement else None,
    }


def _media(row: Row[*tuple[Any, ...]], transcript_files: Mapping[PartKind, Part]) -> Media:
    return Media(
        media_id=row.media_id,
        canonical_url=row.canonical_url,
        platform=row.platform,
        share_id=row.share_id,
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
            posted_at=row.posted_at,
        ),
        video=Part(PartKind.VIDEO, row.object_key, row.video_url, Digest(row.size_bytes, row.sha256), row.content_type),
        audio=_audio(row) if row.audio_url is not None else None,
        download_seconds=row.download_seconds,
        upload_seconds=row.upload_seconds,
        placement=(
            Placement(
                backend=Backend(row.placement_backend),
                mode=StorageMode(row.placement_mode),
                percentage=row.placement_percentage,
                bucket=row.placement_bucket,
                decided_by=Decider(row.placement_decided_by or Decider.POLICY),
                decision_id=row.placement_decision_id,
            )
            if row.placement_backend is not None
            else None
        ),
        stored_at=row.stored_at,
        expires_at=row.expires_at,
        transcript_files=transcript_files,
    )


def _audio(row: Row[*tuple[Any, ...]]) -> Part:
    return Part(
        kind=PartKind.AUDIO,
        key=audio_key(row.object_key, row.audio_url.rpartition(".")[2]),
        url=row.audio_url,
        digest=Digest(row.audio_size_bytes, row.audio_sha256),
        content_type=row.audio_content_type,
    )
