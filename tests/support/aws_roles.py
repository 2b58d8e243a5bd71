"""The roles of tasks on AWS as the stacks have them, and what a task does with one, through the real adapters.

`infra/synthesized.json` has the roles. `make infra-check` compares it with the synthesized stacks.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from bookmarkai_assets.adapters.cloudwatch import CloudWatchSink
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.adapters.s3_store.inspector import S3Inspector
from bookmarkai_assets.adapters.s3_store.uploads import S3Uploads
from bookmarkai_assets.adapters.sqs_queue import SqsQueue
from bookmarkai_assets.adapters.sqs_queue.client import Connection
from tests.support.event_server import Ministack
from tests.support.project import PROJECT
from tests.support.uploads import PREFIX

SYNTHESIZED = PROJECT / "infra" / "synthesized.json"
SAMPLE_ACCOUNT = "111122223333"
REGION = "us-east-1"
"""Of the sample that is synthesized, and so of its ARNs."""
NAMESPACE = "BookmarkAI/Media"

_OF_SEVERAL = {
    "sqs:DeleteMessage": ["sqs:DeleteMessageBatch"],
    "sqs:ChangeMessageVisibility": ["sqs:ChangeMessageVisibilityBatch"],
}

Statement = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Grant:
    """One action that a role may do to one resource."""

    action: str
    resource: str


def read_stage(stage: str) -> Mapping[str, Any]:
    """Return what was synthesized for a stage: `roles`, by name, and `bucket`."""
    stages: dict[str, Any] = json.loads(SYNTHESIZED.read_text(encoding="utf-8"))
    found: Mapping[str, Any] = stages[stage]
    return found


def grants_of(statements: Sequence[Statement]) -> list[Grant]:
    """Return what the statements of a role allow, each action and resource by itself. None of them denies."""
    assert {statement["Effect"] for statement in statements} <= {"Allow"}
    return sorted(
        {
            Grant(action, resource)
            for statement in statements
            for action in _many(statement["Action"])
            for resource in _many(statement["Resource"])
        }
    )


def policy_of(grants: Sequence[Grant]) -> str:
    """Return a policy that allows this, without conditions: the server does not know those of these actions.

    It also takes an action on several messages for one of its own, where AWS asks for that on one message.
    """
    statements = [
        {"Effect": "Allow", "Action": [one.action, *_OF_SEVERAL.get(one.action, ())], "Resource": one.resource}
        for one in grants
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _many(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


class Actor:
    """A task with a role: its credentials are in the environment, as ECS would hand them over, while it acts."""

    def __init__(self, account: "Account", name: str) -> None:
        self._account = account
        self._name = name
        self._environment = account.assume(name)
        endpoint = account.server.endpoint
        connection: dict[str, Any] = {
            "region": REGION,
            "endpoint": endpoint,
            "access_key": None,
            "secret_key": None,
            "use_path_style": True,
        }
        self.store = S3Store(account.bucket, max_attempts=1, **connection)
        self.uploads = S3Uploads(account.bucket, PREFIX, max_attempts=1, **connection)
        self.inspector = S3Inspector(
            account.bucket, video_prefix="temp/videos/", expiry_days=7, max_attempts=1, **connection
        )
        self.queue_connection = Connection(account.queue, REGION, max_attempts=1)
        self.queue = SqsQueue(self.queue_connection)
        self.metrics = CloudWatchSink(NAMESPACE, region=REGION)
        self._s3: Any = None

    def allow(self, grants: Sequence[Grant]) -> None:
        """Replace what the role may do."""
        self._account.write_policy(self._name, grants)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Have the role's credentials in the environment within the block."""
        with mock.patch.dict(os.environ, self._environment):
            yield

    @property
    def s3(self) -> Any:
        """boto3's own client, as Dagster uses it for the logs of runs."""
        from boto3.session import Session

        if self._s3 is None:
            self._s3 = Session().client("s3", endpoint_url=self._account.server.endpoint, region_name=REGION)
        return self._s3


class Account:
    """An account in ministack with the bucket and the queues of a stage, and its roles without any permission."""

    def __init__(self, server: Ministack, stage: str) -> None:
        from boto3.session import Session

        self.server = server
        self.clients: dict[str, Any] = {
            service: Session().client(
                service,
                endpoint_url=server.endpoint,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            for service in ("s3", "sqs", "iam", "sts")
        }
        self.id = str(self.clients["sts"].get_caller_identity()["Account"])
        synthesized = json.loads(json.dumps(read_stage(stage)).replace(SAMPLE_ACCOUNT, self.id))
        self.roles: Mapping[str, Sequence[Grant]] = {
            name.removeprefix(f"bookmarkai-{stage}-"): grants_of(statements)
            for name, statements in synthesized["roles"].items()
        }
        self.bucket = str(synthesized["bucket"]["name"])
        self.clients["s3"].create_bucket(Bucket=self.bucket)
        self.dead = self._make_queue(f"bookmarkai-{stage}-upload-events-dead")
        self.queue = self._make_queue(
            f"bookmarkai-{stage}-upload-events",
            RedrivePolicy=json.dumps({"deadLetterTargetArn": self._arn_of(self.dead), "maxReceiveCount": 5}),
        )

    def write_policy(self, role: str, grants: Sequence[Grant]) -> None:
        """Replace what a role may do. One that may do nothing has no policy: IAM refuses an empty one."""
        if grants:
            self.clients["iam"].put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=policy_of(grants))

    def assume(self, role: str) -> Mapping[str, str]:
        """Make a role that may do nothing yet, and return its credentials as AWS's variables."""
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.id}:root"}, "Action": "sts:AssumeRole"}
        made = self.clients["iam"].create_role(
            RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        found = self.clients["sts"].assume_role(RoleArn=made["Role"]["Arn"], RoleSessionName=role)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
            "AWS_ENDPOINT_URL_CLOUDWATCH": self.server.endpoint,
        }

    def put(self, key: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Put an object as root."""
        self.clients["s3"].put_object(Bucket=self.bucket, Key=key, Body=data, Metadata=dict(metadata or {}))

    def begin_parts(self, key: str) -> str:
        """Begin a multipart upload as root, and return its id."""
        return str(self.clients["s3"].create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"])

    def send(self, queue: str, body: str) -> None:
        """Send a message as root."""
        self.clients["sqs"].send_message(QueueUrl=queue, MessageBody=body)

    def _make_queue(self, name: str, **attributes: str) -> str:
        url = self.clients["sqs"].create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return f"{self.server.endpoint}/{str(url).split('/', 3)[3]}"

    def _arn_of(self, queue: str) -> str:
        answer = self.clients["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])


Deed = Callable[[Account, Actor, Path], object]
"""What a task does, given files of its own. Raises, or returns False, if it is refused."""
