"""The sensor that makes shares of uploads that have arrived. Their runs are started by `new_shares`, as all are."""

from datetime import UTC, datetime

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.uploads.inbox import UploadInbox
from bookmarkai_assets.defs.common import AutomationTag

QUEUE_INTERVAL_SECONDS = 1
"""With a queue, as `new_shares`: each tick waits for a message for most of the time until the daemon's next round."""


def make_uploaded_media_sensor(*, is_on: bool, interval_seconds: int) -> dg.SensorDefinition:
    """Make the sensor. It is off until there is a bucket to upload to."""

    @dg.sensor(
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED,
        tags=AutomationTag.TAKE_IN.tags,
        description="Makes a share of each upload that has arrived in the bucket: by its events, or by asking for what "
        "is awaited. Launches nothing: new_shares does. Idle by design while nobody uploads, and off without "
        "S3_MEDIA_BUCKET",
    )
    def uploaded_media(
        context: dg.SensorEvaluationContext,
        catalog: dg.ResourceParam[Catalog],
        rules: dg.ResourceParam[PipelineRules],
        upload_inbox: dg.ResourceParam[UploadInbox | None],
    ) -> dg.SkipReason:
        from bookmarkai_assets.operations.uploads.inbox import look_for_uploads  # noqa: PLC0415 - only its own ticks need it

        if upload_inbox is None:
            return dg.SkipReason("S3_MEDIA_BUCKET is not set: there is no place to upload to")
        look = look_for_uploads(
            catalog,
            upload_inbox,
            cursor=context.cursor,
            clock=lambda: datetime.now(UTC),
            wait_seconds=rules.watch_seconds,
        )
        context.update_cursor(look.cursor)
        if look.problem is not None:
            context.log.warning(look.problem)
        return dg.SkipReason(look.words)

    return uploaded_media
