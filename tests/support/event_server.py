"""S3 and SQS in one server: moto's, in this process, or ministack, which is installed in an environment of its own."""

import json
import os
import shutil
import signal
import subprocess
import urllib.request
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from typing_extensions import override

from bookmarkai_assets.adapters.s3_store.uploads import S3Uploads
from bookmarkai_assets.adapters.sqs_queue import SqsQueue
from bookmarkai_assets.adapters.sqs_queue.client import Connection
from bookmarkai_assets.core.uploads.upload import Upload
from bookmarkai_assets.demo.dagster_dev import free_port
from tests.support.processes import wait_until
from tests.support.project import PROJECT
from tests.support.uploads import PREFIX

REGION = "eu-central-1"
ACCESS_KEY = SECRET_KEY = "test"  # the root user of both servers
_HOST = "127.0.0.1"
_PLACES = (PROJECT / ".venv-ministack" / "bin" / "ministack",)


def ministack_program() -> Path | None:
    """Return the program of ministack: that of `make ministack`, or one on the path; None without any."""
    found = shutil.which("ministack")
    return next((place for place in _PLACES if place.is_file()), Path(found) if found else None)


class EventServer(ABC):
    """Listens on a free loopback port while entered. `make_bucket` makes buckets that send their events to queues."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """The URL of both APIs."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def client(self, service: str) -> Any:
        """Return the client of boto3 for a service. Making one takes a while, so each is made once."""
        from boto3.session import Session

        if service not in self._clients:
            self._clients[service] = Session().client(
                service,
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id=ACCESS_KEY,
                aws_secret_access_key=SECRET_KEY,
            )
        return self._clients[service]

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
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.arn_of(queue_url),
            "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{name}"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("sqs").set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
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

    def left_in(self, queue_url: str) -> int:
        """Count the messages in a queue, hidden or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())


class MotoServer(EventServer):
    """moto's server. It accepts whatever is signed in whatever way, and any receipt."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second to import

        super().__init__()
        self._server = ThreadedMotoServer(ip_address=_HOST, port=0, verbose=False)

    @property
    @override
    def endpoint(self) -> str:
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    @override
    def __enter__(self) -> Self:
        self._server.start()
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop()


class Ministack(EventServer):
    """ministack. It checks signatures, links, receipts and the policies of queues, as AWS does.

    `program` is from `ministack_program`, `directory` is for its files, and `services` are those that it runs.
    """

    def __init__(self, program: Path, directory: Path, *, services: str = "s3,sqs,iam,sts") -> None:
        super().__init__()
        self._services = services
        self._program = program
        self._directory = directory
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @override
    def endpoint(self) -> str:
        return f"http://{_HOST}:{self._port}"

    @override
    def __enter__(self) -> Self:
        environment = {
            "PATH": os.defpath,
            "TMPDIR": str(self._directory),
            "BIND_HOST": _HOST,
            "GATEWAY_PORT": str(self._port),
            "AUTH": "true",
            "SERVICES": self._services,
            "LOG_LEVEL": "WARNING",
        }
        log = (self._directory / "ministack.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [self._program], env=environment, stdout=log, stderr=log, cwd=self._directory, start_new_session=True
            )
        try:
            wait_until(self._answers)
        except BaseException:
            self._stop()
            raise
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "ministack.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=5):
                return True
        except OSError:
            return False

    def _stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def open_queue(queue_url: str, **options: Any) -> SqsQueue:
    """Open a queue of the server."""
    return SqsQueue(connection_of(queue_url, **options))


def connection_of(queue_url: str, **options: Any) -> Connection:
    """Return the connection to a queue of the server."""
    return Connection(queue_url, REGION, ACCESS_KEY, SECRET_KEY, **options)


def open_bucket(endpoint: str, bucket: str) -> S3Uploads:
    """Open a bucket of the server."""
    return S3Uploads(
        bucket,
        PREFIX,
        region=REGION,
        endpoint=endpoint,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        use_path_style=True,
    )


def redrive_policy(arn: str, receives: int) -> str:
    """Return the attribute that puts messages aside after so many receives."""
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": receives})
