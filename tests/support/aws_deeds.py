"""Everything that tasks do on AWS with media, uploads, events, metrics and logs, each as one deed."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import requests

from bookmarkai_assets.adapters.sqs_queue.health import check_queue
from bookmarkai_assets.core.alerts.ports import MetricSinkError
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.rollout.published_metrics import Datum, MetricName
from bookmarkai_assets.core.uploads.parts import plan_parts
from bookmarkai_assets.core.uploads.queue import QueueError
from tests.support.aws_roles import Account, Actor, Deed
from tests.support.deadlines import HANG_SECONDS
from tests.support.uploads import DATA, new_upload

MEDIA, LOGS = "temp/videos/", "dagster-logs/"
_DIGEST = Digest(len(DATA), hashlib.sha256(DATA).hexdigest())
_DENIED = "AccessDenied"
_LINK_SECONDS = 600


def is_allowed(deed: Deed, account: Account, actor: Actor, folder: Path) -> bool:
    """Whether the server lets the actor do it. Raises what is no refusal."""
    from botocore.exceptions import ClientError

    with actor.acting():
        try:
            return deed(account, actor, folder) is not False
        except StoreError as error:
            if error.error_class is not StoreErrorClass.ACCESS_DENIED:
                raise
        except (QueueError, MetricSinkError) as error:
            if _DENIED not in str(error):
                raise
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.FORBIDDEN:
                raise
        return False


def read_media(account: Account, actor: Actor, folder: Path) -> None:
    """Fetch a video."""
    actor.store.get(actor.store.url_of(_new_media(account)), folder / uuid.uuid4().hex, expected=_DIGEST)


def link_media(account: Account, actor: Actor, folder: Path) -> bool:
    """Sign a link to a video that a stranger then opens."""
    del folder
    link = actor.store.presign(actor.store.url_of(_new_media(account)), expires_seconds=_LINK_SECONDS)
    return _is_accepted(requests.get(link, timeout=HANG_SECONDS))


def write_media(account: Account, actor: Actor, folder: Path) -> None:
    """Store a video."""
    del account
    source = folder / uuid.uuid4().hex
    source.write_bytes(DATA)
    actor.store.put(
        source,
        f"{MEDIA}{source.name}.mp4",
        expected=_DIGEST,
        content_type="video/mp4",
        tags={},
        may_replace=True,
        may_consume=False,
    )


def delete_media(account: Account, actor: Actor, folder: Path) -> None:
    """Delete a stored video."""
    del folder
    actor.store.delete(actor.store.url_of(_new_media(account)))


def list_media(account: Account, actor: Actor, folder: Path) -> None:
    """List what is stored."""
    del account, folder
    list(actor.store.list(MEDIA))


def drop_leftovers(account: Account, actor: Actor, folder: Path) -> None:
    """Find and abort uploads of media that a killed process left."""
    del folder
    account.begin_parts(f"{MEDIA}{uuid.uuid4().hex}.mp4")
    for leftover in actor.store.leftovers(MEDIA, begun_before=datetime.now(UTC) + timedelta(days=1)):
        actor.store.remove_leftover(leftover)


def read_upload(account: Account, actor: Actor, folder: Path) -> None:
    """Look at an object that was uploaded."""
    del folder
    assert actor.uploads.head(_new_upload(account)) is not None


def send_form(account: Account, actor: Actor, folder: Path) -> bool:
    """Sign a form with which a stranger then sends a file."""
    del account, folder
    form = actor.uploads.make_form(new_upload(), now=datetime.now(UTC), seconds=_LINK_SECONDS)
    return _is_accepted(requests.post(form.url, data=dict(form.fields), files={"file": DATA}, timeout=HANG_SECONDS))


def send_parts(account: Account, actor: Actor, folder: Path) -> bool:
    """Sign links with which a stranger then sends a file in parts, and put it together."""
    del account, folder
    plan = plan_parts(len(DATA))
    upload = replace(new_upload(), part_bytes=plan.part_bytes)
    upload = replace(upload, multipart_id=actor.uploads.begin_parts(upload))
    (link,) = actor.uploads.make_part_links(upload, list(plan), now=datetime.now(UTC), seconds=_LINK_SECONDS)
    if not _is_accepted(requests.put(link.url, data=DATA, headers=dict(link.headers), timeout=HANG_SECONDS)):
        return False
    arrived = actor.uploads.arrived_parts(upload)
    assert arrived is not None
    return actor.uploads.complete_parts(upload, arrived)


def drop_upload_parts(account: Account, actor: Actor, folder: Path) -> None:
    """Abort an upload that its owner gave up."""
    del folder
    upload = new_upload()
    actor.uploads.abort_parts(upload, account.begin_parts(upload.key))


def delete_upload(account: Account, actor: Actor, folder: Path) -> None:
    """Delete an upload whose media is stored."""
    del folder
    actor.uploads.delete(_new_upload(account))


def take_events(account: Account, actor: Actor, folder: Path) -> None:
    """Receive an event, keep it hidden, and delete it."""
    del folder
    account.send(account.queue, "{}")
    messages = actor.queue.receive(wait_seconds=0, hidden_seconds=1)
    assert messages
    assert actor.queue.keep_hidden(messages, hidden_seconds=2) == []
    assert actor.queue.delete(messages) == []


def check_events(account: Account, actor: Actor, folder: Path) -> bool:
    """Look at the queue, as the doctor does."""
    del account, folder
    return _is_answered(check_queue(actor.queue_connection, max_receives=5))


def count_dead_events(account: Account, actor: Actor, folder: Path) -> bool:
    """Count the messages that were put aside, as the doctor does."""
    del folder
    account.send(account.dead, "{}")
    found = check_queue(actor.queue_connection, max_receives=5)
    return _is_answered(found) and "in its dead-letter queue" in found.found


def check_rules(account: Account, actor: Actor, folder: Path) -> bool:
    """Read the bucket's lifecycle rules, as `storage check` does."""
    del account, folder
    return _is_answered(actor.inspector.checks["lifecycle"]())


def check_encryption(account: Account, actor: Actor, folder: Path) -> bool:
    """Read the bucket's encryption, as `storage check` does."""
    del account, folder
    return _is_answered(actor.inspector.checks["encryption"]())


def publish_metrics(account: Account, actor: Actor, folder: Path) -> None:
    """Publish a metric."""
    del account, folder
    actor.metrics.put([Datum(MetricName.DUE_SHARES, datetime.now(UTC), {1.0: 1})])


def write_run_log(account: Account, actor: Actor, folder: Path) -> None:
    """Store what a run printed."""
    del folder
    actor.s3.put_object(Bucket=account.bucket, Key=f"{LOGS}storage/run/compute_logs/step.out", Body=DATA)


def read_run_log(account: Account, actor: Actor, folder: Path) -> None:
    """Show what a run printed."""
    del folder
    key = f"{LOGS}storage/another/compute_logs/step.out"
    account.put(key, DATA)
    actor.s3.get_object(Bucket=account.bucket, Key=key)["Body"].read()


def _new_media(account: Account) -> str:
    key = f"{MEDIA}{uuid.uuid4().hex}.mp4"
    account.put(key, DATA, {"sha256": _DIGEST.sha256, "size": str(_DIGEST.size_bytes)})
    return key


def _new_upload(account: Account) -> str:
    upload = new_upload()
    account.put(upload.key, DATA, {"sha256": upload.digest.sha256, "upload-id": upload.upload_id})
    return upload.key


def _is_accepted(answer: requests.Response) -> bool:
    if answer.status_code == HTTPStatus.FORBIDDEN:
        return False
    answer.raise_for_status()
    return True


def _is_answered(found: CheckResult) -> bool:
    """Whether a check got its answer, whatever that was. A refusal may be a failure or a doubt."""
    if _DENIED in found.found:
        return False
    assert found.status is not CheckStatus.FAIL, found
    return True


DEEDS: Mapping[str, Deed] = {
    deed.__name__: deed
    for deed in (
        read_media,
        link_media,
        write_media,
        delete_media,
        list_media,
        drop_leftovers,
        read_upload,
        send_form,
        send_parts,
        drop_upload_parts,
        delete_upload,
        take_events,
        check_events,
        count_dead_events,
        check_rules,
        check_encryption,
        publish_metrics,
        write_run_log,
        read_run_log,
    )
}
