"""The connection to SQS, and its errors in words that an operator can act on. Only this module makes a client."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from bookmarkai_assets.core.uploads.queue import QueueError

SqsClient: TypeAlias = Any
"""boto3's client. boto3 ships no types. Several threads may use one client."""

MAX_WAIT_SECONDS = 20
"""The longest that SQS waits for a message."""

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = MAX_WAIT_SECONDS + 10
MAX_ATTEMPTS = 3

_MAX_MESSAGE_CHARACTERS = 200
_REGION = re.compile(r"(?:^|\.)(?:sqs\.)?((?:[a-z]{2,}-)+\d)\.(?:vpce\.)?(?:amazonaws\.com|queue\.amazonaws\.com)")
_ABSENT = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.AccessDenied"})


@dataclass(frozen=True)
class Connection:
    """Which queue, and the credentials. None means what AWS's own variables, profiles and roles say."""

    queue_url: str
    region: str | None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    max_attempts: int = MAX_ATTEMPTS


def connect(connection: Connection) -> SqsClient:
    """Make a client. Sends no request yet. Raises `QueueError`.

    Requests go to the host in the queue's URL, which may be one inside a private network. Unless a region is given, it
    is the one that Amazon's hosts have in their names.
    """
    from boto3.session import Session
    from botocore.config import Config

    parts = urlsplit(connection.queue_url)
    with vendor_errors("connecting to SQS"):
        return Session().client(
            "sqs",
            endpoint_url=f"{parts.scheme}://{parts.netloc}",
            region_name=connection.region or _region_of(parts.hostname or ""),
            aws_access_key_id=connection.access_key,
            aws_secret_access_key=connection.secret_key,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": connection.max_attempts},
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
                user_agent_extra="bookmarkai-assets",
            ),
        )


@contextmanager
def vendor_errors(action: str) -> Iterator[None]:
    """Turn what boto3 raises in the block into `QueueError`. `action` is text such as `receiving from https://…`."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise QueueError(_describe_refusal(action, error.response, error.operation_name)) from error
    except (ResponseParserError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise QueueError(
            f"{action}: expected an answer of SQS, found another; correct UPLOAD_EVENTS_QUEUE_URL"
        ) from error
    except BotoCoreError as error:
        raise QueueError(
            f"{action}: expected an answer, found {type(error).__name__} "
            f"({str(error)[:_MAX_MESSAGE_CHARACTERS]}); check UPLOAD_EVENTS_QUEUE_URL, AWS_REGION, the credentials and "
            "the network"
        ) from error


def _region_of(host: str) -> str | None:
    match = _REGION.search(host)
    return match[1] if match else None


def _describe_refusal(action: str, response: Mapping[str, Any], operation: str) -> str:
    details = response.get("Error", {})
    code = str(details.get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = str(details.get("Message", ""))[:_MAX_MESSAGE_CHARACTERS]
    if code in _ABSENT:
        remedy = "create the queue, or correct UPLOAD_EVENTS_QUEUE_URL"
    elif code in _DENIED:
        remedy = f"allow sqs:{operation.removesuffix('Batch')} on this queue to the credentials"
    else:
        remedy = "check UPLOAD_EVENTS_QUEUE_URL, AWS_REGION, the credentials and this machine's clock"
    return f"{action}: {operation} answered {status} {code} ({message}); {remedy}"
