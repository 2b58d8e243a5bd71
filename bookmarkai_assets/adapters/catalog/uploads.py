"""`UploadLedger` over `uploads`."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, insert, not_, select, update
from typing_extensions import override

from bookmarkai_assets.adapters.catalog.columns import id_text, is_uuid
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.uploads import IS_IN_BUCKET, IS_UNFINISHED
from bookmarkai_assets.adapters.catalog.tables.uploads import uploads as table
from bookmarkai_assets.core.links.upload_urls import upload_url
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.core.uploads.ports import MadeShare, UploadLedger
from bookmarkai_assets.core.uploads.upload import Declaration, Upload, UploadStatus


class SqlUploadLedger(UploadLedger):
    """Uploads by their ids. `new_id` returns the id of a new share."""

    def __init__(self, database: Database, new_id: Callable[[], str]) -> None:
        self._database = database
        self._new_id = new_id

    @override
    def add(self, upload: Upload) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(table).values(_values(upload)))

    @override
    def get(self, upload_id: str) -> Upload | None:
        if not is_uuid(upload_id):
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.id == upload_id)).first()
        return None if row is None else _upload(row)

    @override
    def of_content(self, sha256: str, *, user_id: str, statuses: Collection[UploadStatus]) -> Sequence[Upload]:
        statement = (
            select(table)
            .where(table.c.sha256 == sha256, table.c.user_id == user_id, table.c.status.in_(statuses))
            .order_by(table.c.created_at.desc(), table.c.id)
        )
        with self._database.reading() as connection:
            return [_upload(row) for row in connection.execute(statement)]

    @override
    def begin_parts(self, upload_id: str, multipart_id: str, *, part_bytes: int) -> Upload | None:
        is_awaited = and_(table.c.id == upload_id, table.c.status == UploadStatus.AWAITING)
        has_none = table.c.multipart_id.is_(None)
        with self._database.writing() as connection:
            connection.execute(
                update(table).where(is_awaited, has_none).values(multipart_id=multipart_id, part_bytes=part_bytes)
            )
            row = connection.execute(select(table).where(is_awaited)).first()
        return None if row is None else _upload(row)

    @override
    def record_arrived(self, upload_id: str, *, now: datetime) -> bool:
        is_awaited = and_(table.c.id == upload_id, table.c.status == UploadStatus.AWAITING)
        with self._database.writing() as connection:
            changed = connection.execute(
                update(table).where(is_awaited).values(status=UploadStatus.ARRIVED, arrived_at=now)
            )
            return changed.rowcount == 1

    @override
    def take_in(self, upload_id: str, *, platform: str, now: datetime) -> MadeShare | None:
        with self._database.writing() as connection:
            # The row is locked first, so that others wait here, and then find it taken in.
            row = connection.execute(select(table).where(table.c.id == upload_id).with_for_update()).first()
            if row is None or row.status not in {UploadStatus.ARRIVED, UploadStatus.TAKEN_IN}:
                return None
            if row.status == UploadStatus.TAKEN_IN:
                return MadeShare(row.share_id, is_new=False)
            url = upload_url(upload_id)
            made = connection.execute(
                insert_into(shares, is_sqlite=self._database.is_sqlite)
                .values(
                    id=self._new_id(),
                    user_id=row.user_id,
                    url=url,
                    platform=platform,
                    status=ShareStatus.PENDING,
                    title=row.name,
                    created_at=now,
                    updated_at=now,
                )
                .on_conflict_do_nothing()
            )
            is_share = and_(shares.c.url == url, shares.c.user_id == row.user_id)
            share_id = id_text(connection.execute(select(shares.c.id).where(is_share)).scalar_one())
            connection.execute(
                update(table)
                .where(table.c.id == upload_id)
                .values(status=UploadStatus.TAKEN_IN, share_id=share_id, ended_at=now)
            )
            return MadeShare(share_id, is_new=made.rowcount == 1)

    @override
    def end(
        self,
        upload_id: str,
        status: UploadStatus,
        *,
        reason: str,
        from_statuses: Collection[UploadStatus],
        now: datetime,
    ) -> bool:
        is_open = and_(table.c.id == upload_id, table.c.status.in_(from_statuses))
        with self._database.writing() as connection:
            changed = connection.execute(
                update(table).where(is_open).values(status=status, reason=reason, ended_at=now)
            )
            return changed.rowcount == 1

    @override
    def record_removed(self, upload_id: str, *, now: datetime) -> None:
        is_ended = and_(table.c.id == upload_id, not_(IS_UNFINISHED), IS_IN_BUCKET)
        with self._database.writing() as connection:
            connection.execute(update(table).where(is_ended).values(removed_at=now))

    @override
    def unfinished(self, *, created_before: datetime, after: str = "", limit: int) -> Sequence[Upload]:
        statement = select(table).where(IS_IN_BUCKET, IS_UNFINISHED, table.c.created_at < created_before)
        return self._page(statement, after, limit)

    @override
    def unremoved(self, *, after: str = "", limit: int) -> Sequence[Upload]:
        return self._page(select(table).where(IS_IN_BUCKET, not_(IS_UNFINISHED)), after, limit)

    def _page(self, statement: Any, after: str, limit: int) -> Sequence[Upload]:  # noqa: ANN401 - SQLAlchemy's own type is as long as the table
        if after:
            statement = statement.where(table.c.id > after)
        with self._database.reading() as connection:
            return [_upload(row) for row in connection.execute(statement.order_by(table.c.id).limit(limit))]


def _values(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.upload_id,
        "user_id": upload.user_id,
        "name": upload.declared.name,
        "content_type": upload.declared.content_type,
        "size_bytes": upload.digest.size_bytes,
        "sha256": upload.digest.sha256,
        "object_key": upload.key,
        "status": upload.status,
        "multipart_id": upload.multipart_id,
        "part_bytes": upload.part_bytes,
        "share_id": upload.share_id,
        "reason": upload.reason,
        "created_at": upload.created_at,
        "arrived_at": upload.arrived_at,
        "ended_at": upload.ended_at,
        "removed_at": upload.removed_at,
    }


def _upload(row: Row[*tuple[Any, ...]]) -> Upload:
    return Upload(
        upload_id=row.id,
        user_id=row.user_id,
        declared=Declaration(row.name, row.content_type, Digest(row.size_bytes, row.sha256)),
        key=row.object_key,
        status=UploadStatus(row.status),
        created_at=row.created_at,
        multipart_id=row.multipart_id,
        part_bytes=row.part_bytes,
        share_id=row.share_id,
        reason=row.reason,
        arrived_at=row.arrived_at,
        ended_at=row.ended_at,
        removed_at=row.removed_at,
    )
