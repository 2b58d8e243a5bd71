"""Messages as S3, SNS and EventBridge put them into a queue."""

import json
from typing import Any
from urllib.parse import quote_plus

BUCKET = "media"
TEST_EVENT = json.dumps(
    {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-01-31T12:00:00.000Z",
        "Bucket": BUCKET,
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    }
)


def s3_record(
    key: str, *, bucket: str = BUCKET, event: str = "ObjectCreated:Post", sequencer: str | None = None, size: int = 20
) -> dict[str, Any]:
    """Return a record of S3 for a key, which is encoded here."""
    described: dict[str, Any] = {"key": quote_plus(key), "size": size, "eTag": "d41d8cd98f00b204e9800998ecf8427e"}
    if sequencer is not None:
        described["sequencer"] = sequencer
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-01-31T12:00:00.000Z",
        "eventName": event,
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": described},
    }


def s3_event(*keys: str, **fields: Any) -> str:
    """Return the body of a message with a record for each key."""
    return json.dumps({"Records": [s3_record(key, **fields) for key in keys]})


def in_sns(body: str) -> str:
    """Return a body as SNS passes it on."""
    return json.dumps({"Type": "Notification", "MessageId": "22b80b92", "TopicArn": "arn:aws:sns:::t", "Message": body})


def bridge_event(key: str, *, kind: str = "Object Created", bucket: str = BUCKET, sequencer: str = "0A") -> str:
    """Return the body of an event of EventBridge, whose keys are not encoded."""
    described = {"key": key, "size": 20, "etag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": sequencer}
    return json.dumps(
        {
            "version": "0",
            "source": "aws.s3",
            "detail-type": kind,
            "detail": {"version": "0", "bucket": {"name": bucket}, "object": described},
        }
    )
