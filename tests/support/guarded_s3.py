"""An S3 server that enforces IAM policies: moto's, in this process. Its storage is a toy; its refusals are AWS's."""

import json
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from bookmarkai_assets.adapters.s3_store.client import Connection, connect
from tests.support.deadlines import HANG_SECONDS

REGION = "eu-west-1"

_ENFORCED, _LIFTED = "0", "inf"


class GuardedS3:
    """Listens on a free loopback port while entered. While it is enforcing, it has one bucket in `REGION`."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second to import

        self.bucket = ""
        self.region = REGION
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)

    @property
    def endpoint(self) -> str:
        """The URL of its S3 API, path-style."""
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop()

    @contextmanager
    def enforcing(self) -> Iterator[None]:
        """Make a bucket, and refuse whoever lacks permission, until left.

        Both are for one test: moto enforces for everything mocked in this process, and the next mock empties it.
        """
        self.bucket = f"guarded-{uuid.uuid4().hex}"
        connect(Connection(REGION, self.endpoint, "root", "root", use_path_style=True, max_attempts=1)).create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self._guard(_ENFORCED)
        try:
            yield
        finally:
            self._guard(_LIFTED)

    def connection_of(self, *actions: str) -> dict[str, Any]:
        """Make a user who may do only these actions, and return connection options for stores and inspectors."""
        from boto3.session import Session

        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
        }
        name = uuid.uuid4().hex
        self._guard(_LIFTED)
        iam = Session().client(
            "iam",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="root",
            aws_secret_access_key="root",
        )
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self._guard(_ENFORCED)
        return {
            "region": REGION,
            "endpoint": self.endpoint,
            "access_key": key["AccessKeyId"],
            "secret_key": key["SecretAccessKey"],
            "use_path_style": True,
            "max_attempts": 1,
        }

    def _guard(self, after_requests: str) -> None:
        request = urllib.request.Request(
            f"{self.endpoint}/moto-api/reset-auth",
            data=after_requests.encode(),
            headers={"Content-Type": "text/plain"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=HANG_SECONDS):
            pass
