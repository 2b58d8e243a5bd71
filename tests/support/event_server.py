"""S3 and SQS in one server: moto's, in this process. It proves nothing about who may do what."""

import json
import uuid
from types import TracebackType
from typing import Any, Self

from bookmarkai_assets.adapters.s3_store.uploads import S3Uploads
from bookmarkai_assets.adapters.sqs_queue import SqsQueue
from bookmarkai_assets.adapters.sqs_queue.client import Connection
from bookmarkai_assets.core.uploads.upload import Upload
from tests.support.uploads import PREFIX

REGION = "eu-central-1"
KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}


class EventServer:
    """Listens on a free loopback port while entered. `make_queue` makes buckets that send their events to queues."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second to import

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def endpoint(self) -> str:
        """The URL of both APIs."""
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def client(self, service: str) -> Any:
        """Return a client of boto3."""
        from boto3.session import Session

        return Session().client(service, endpoint_url=self.endpoint, region_name=REGION, **KEYS)

    def make_queue(self, **attributes: str) -> str:
        """Make a queue, and return its URL."""
        url = self.client("sqs").create_queue(QueueName=f"uploads-{uuid.uuid4().hex}", Attributes=attributes)[
            "QueueUrl"
        ]
        return f"{self.endpoint}/{str(url).split('/', 3)[3]}"

    def make_bucket(self, queue_url: str) -> str:
        """Make a bucket that sends the events of its uploads to a queue, and return its name."""
        name = f"bucket-{uuid.uuid4().hex}"
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_notification_configuration(
            Bucket=name,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": self.arn_of(queue_url),
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": PREFIX}]}},
                    }
                ]
            },
        )
        return name

    def arn_of(self, queue_url: str) -> str:
        """Return a queue's ARN."""
        sqs = self.client("sqs")
        answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def put(self, bucket: str, upload: Upload, data: bytes) -> None:
        """Put an upload's object as its link does."""
        metadata = {"sha256": upload.digest.sha256, "upload-id": upload.upload_id}
        self.client("s3").put_object(Bucket=bucket, Key=upload.key, Body=data, Metadata=metadata)


def open_queue(queue_url: str, **options: Any) -> SqsQueue:
    """Open a queue of the server."""
    return SqsQueue(connection_of(queue_url, **options))


def connection_of(queue_url: str, **options: Any) -> Connection:
    """Return the connection to a queue of the server."""
    return Connection(queue_url, REGION, "key", "secret", **options)


def open_bucket(endpoint: str, bucket: str) -> S3Uploads:
    """Open a bucket of the server."""
    return S3Uploads(
        bucket,
        PREFIX,
        region=REGION,
        endpoint=endpoint,
        access_key="key",
        secret_key="secret",
        use_path_style=True,
    )


def redrive_policy(arn: str, receives: int) -> str:
    """Return the attribute that puts messages aside after so many receives."""
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives})
