"""The uploaded_media sensor: it makes shares of what has arrived, and new_shares starts their runs."""

import json

import dagster as dg
import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.uploads.inbox import NoticeLimits, UploadInbox
from bookmarkai_assets.defs.uploaded_media import make_uploaded_media_sensor
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.fakes.queue import FakeQueue
from tests.fakes.uploads import FakeUploads
from tests.support.catalog import at
from tests.support.s3_events import BUCKET, s3_event
from tests.support.uploads import DATA, add_upload


def tick(
    catalog: OpenCatalog, inbox: UploadInbox | None, *, cursor: str | None = None
) -> tuple[str, dg.SensorEvaluationContext]:
    """Tick once, and return why nothing was launched, and the context."""
    sensor = make_uploaded_media_sensor(is_on=True, interval_seconds=1)
    resources = {
        "catalog": catalog,
        "rules": make_rules(load_settings(env_file=None, sensor_watch_seconds=0)),
        "upload_inbox": inbox,
    }
    context = dg.build_sensor_context(resources=resources, cursor=cursor)
    reason = sensor(context)
    assert isinstance(reason, dg.SkipReason)
    return reason.skip_message or "", context


@pytest.fixture
def inbox() -> UploadInbox:
    """Return an inbox without anything in it."""
    return UploadInbox(FakeUploads(), FakeQueue(clock=lambda: at(0)), NoticeLimits(BUCKET, 60, 3))


def test_an_event_becomes_a_share(sqlite_catalog: OpenCatalog, inbox: UploadInbox) -> None:
    """The tick says so and keeps when it asked the bucket."""
    upload = add_upload(sqlite_catalog)
    assert isinstance(inbox.objects, FakeUploads)
    assert isinstance(inbox.queue, FakeQueue)
    inbox.objects.arrive(upload, DATA)
    inbox.queue.send(s3_event(upload.key))
    words, context = tick(sqlite_catalog, inbox)
    assert words == "1 shares were made; 1 messages, 0 uploads asked for"
    assert json.loads(context.cursor or "")["asked_at"] > 0
    words, _ = tick(sqlite_catalog, inbox, cursor=context.cursor)
    assert words == "0 shares were made; 0 messages"


def test_a_problem_is_in_the_ticks_words(sqlite_catalog: OpenCatalog, inbox: UploadInbox) -> None:
    """A bucket that fails does not fail the tick: what has arrived waits."""
    assert isinstance(inbox.objects, FakeUploads)
    add_upload(sqlite_catalog)
    inbox.objects.failure = StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
    words, _ = tick(sqlite_catalog, inbox)
    assert words == "0 shares were made; 0 messages; not all could be looked at"


def test_without_a_bucket_the_tick_says_why_it_is_idle(sqlite_catalog: OpenCatalog) -> None:
    """If somebody switches it on all the same."""
    assert tick(sqlite_catalog, None)[0] == "S3_MEDIA_BUCKET is not set: there is no place to upload to"
