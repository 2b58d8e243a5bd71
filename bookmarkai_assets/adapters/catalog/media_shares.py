"""All shares of one media, as statements within a caller's transaction.

They set the video's URL in the gateway's rows, and check whether any of the shares still needs the video's bytes.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, not_, or_, select, update

from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcripts
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.adapters.catalog.work_rows import WorkState
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import ShareStatus


def point_done_shares(connection: Connection, media_id: str, url: str | None, *, now: datetime) -> None:
    """Set `shares.media_url` of the media's done shares. The caller has locked the media's lease.

    A share that has this URL already is not changed, and neither is its `updated_at`.
    """
    is_share = and_(share_work.c.share_id == shares.c.id, share_work.c.media_id == media_id)
    # This locks all of them, not only the done ones. The next statement reads which are done, when nobody can change
    # that any more. Locking another share there could be out of order.
    connection.execute(
        select(shares.c.id).join(share_work, is_share).order_by(shares.c.id).with_for_update(key_share=True, of=shares)
    ).all()
    connection.execute(
        update(shares)
        .where(
            is_share,
            or_(share_work.c.state == WorkState.DONE, shares.c.status == ShareStatus.DONE),
            shares.c.media_url.is_distinct_from(url),
        )
        .values(media_url=url, updated_at=now)
    )


def is_settled(media_id: str) -> ColumnElement[bool]:
    """Return the SQL condition that one of the media's shares has all it will ever have, and none needs more work.

    A share that the gateway has deleted needs nothing. A parked one that it has set back to pending needs work.
    """
    of_media = share_work.c.media_id == media_id
    is_served = or_(
        exists().where(of_media, share_work.c.state == WorkState.DONE, transcripts.c.share_id == share_work.c.share_id),
        exists().where(of_media, share_work.c.state == WorkState.PARKED, share_work.c.outcome == Outcome.NO_AUDIO),
    )
    is_wanted = exists().where(
        of_media,
        shares.c.id == share_work.c.share_id,
        or_(
            share_work.c.state.not_in([WorkState.DONE, WorkState.PARKED]),
            and_(share_work.c.state == WorkState.PARKED, shares.c.status == ShareStatus.PENDING),
        ),
    )
    return and_(is_served, not_(is_wanted))
