"""The connection to an S3 server: timeouts, retries, addressing and credentials. Only this module makes a client."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bookmarkai_assets.adapters.s3_store.errors import vendor_errors
from bookmarkai_assets.adapters.s3_store.patience import DEFAULT_PATIENCE, Patience, be_patient, before_try
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass

S3Client: TypeAlias = Any
"""boto3's client. boto3 ships no types. Several threads may use one client."""

MAX_ATTEMPTS = 5
"""Tries of a request. Botocore's standard mode pauses up to 1, 2, 4 and 8 seconds between them. Nobody is asked then
whether to go on, so there are no longer pauses. Adaptive mode was 3 times slower, and no better."""

CONNECT_TIMEOUT_SECONDS = 5

_USER_AGENT = "bookmarkai-assets"
"""What the server's access log shows."""

_POOL_CONNECTIONS = 32
"""Four per transfer, for eight transfers at a time. More transfers open new connections, with a warning in the log."""


@dataclass(frozen=True)
class Connection:
    """Where the server is, and the credentials. None means Amazon S3 and AWS's own variables, profiles and roles.

    `use_accelerate` sends requests to the edge locations of S3 Transfer Acceleration, which only Amazon S3 has.
    `max_attempts` limits the tries of each request, and `patience` their silence. `before_try` is called before each
    try with the operation's name, such as `UploadPart`. What it raises ends the operation.
    """

    region: str | None
    endpoint: str | None
    access_key: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)
    use_path_style: bool
    max_attempts: int
    before_try: Callable[[str], None] | None = field(default=None, repr=False, compare=False)
    patience: Patience = DEFAULT_PATIENCE
    use_accelerate: bool = False


def connect(connection: Connection) -> S3Client:
    """Make a client. Sends no request yet. Raises `StoreError` (configuration, access_denied)."""
    from boto3.session import Session
    from botocore.config import Config

    config = Config(
        # For links. By default boto3 signs them in a way that newer regions reject and that has no limit of time.
        signature_version="s3v4",
        retries={"mode": "standard", "total_max_attempts": connection.max_attempts},
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=connection.patience.silent_seconds,
        max_pool_connections=_POOL_CONNECTIONS,
        # A fixed text. Botocore would build its own again for every request, a tenth of the cost of a small one.
        user_agent=_USER_AGENT,
        # Uploads have their own CRC64NVME, and downloads are checked as a whole, so the client need not add checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if connection.use_path_style else "virtual",
            "use_accelerate_endpoint": connection.use_accelerate,
        },
    )
    with vendor_errors("connecting to S3"):
        try:
            client = Session().client(
                "s3",
                region_name=connection.region,
                endpoint_url=connection.endpoint,
                aws_access_key_id=connection.access_key,
                aws_secret_access_key=connection.secret_key,
                config=config,
            )
        except ValueError as error:
            raise StoreError(
                StoreErrorClass.CONFIGURATION,
                "expected S3_ENDPOINT to be an http(s) URL of an S3-compatible server, or to be unset for AWS",
            ) from error
    be_patient(client, connection.patience)

    def before_request(operation_name: str, request: object, **_: object) -> None:
        if connection.before_try is not None:
            connection.before_try(operation_name)
        before_try(request, connection.patience)

    client.meta.events.register("request-created.s3", before_request)
    return client


class LazyClient:
    """Makes a client of a connection at its first call, and returns the same one ever after, to any thread."""

    def __init__(self, connection: Connection, connector: Callable[[Connection], S3Client] = connect) -> None:
        self._connection = connection
        self._connector = connector
        self._lock = threading.Lock()
        self._connected: S3Client | None = None

    def __call__(self) -> S3Client:
        """Return the client. Raises as `connect`."""
        with self._lock:
            if self._connected is None:
                self._connected = self._connector(self._connection)
            return self._connected
