"""Post alerts to a webhook as signed JSON, with a few retries. Defines the body's schema (docs/alerts.md).

The URL may contain a token, so neither this module nor a library below may write it to a log or a message.
"""

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3.util.retry import Retry

from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.alerts.messages import Message, incident_id, public_details
from bookmarkai_assets.core.alerts.ports import AlertReceiver, Receipt, Reply

SCHEMA_VERSION = 1
SIGNATURE_VERSION = "v1"

CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 8.0
RETRIES = 2
_BACKOFF_SECONDS = 0.5
_MAX_RETRY_AFTER_SECONDS = 2
"""All tries of one message take at most half a minute together. Dagster gives a sensor's tick a whole minute."""

_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_SERVER_ERRORS = frozenset(range(500, 600))
_LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry", "urllib3.connection")
"""The loggers of libraries that log the URL: at WARNING if a try fails, at DEBUG always."""

_REMEDIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the token in ALERT_WEBHOOK_URL, and ALERT_WEBHOOK_SECRET on both sides",
    HTTPStatus.FORBIDDEN: "check the token in ALERT_WEBHOOK_URL, and ALERT_WEBHOOK_SECRET on both sides",
    HTTPStatus.NOT_FOUND: "check ALERT_WEBHOOK_URL: the receiver knows no such path",
    HTTPStatus.GONE: "check ALERT_WEBHOOK_URL: the receiver has removed this path",
}


class WebhookReceiver(AlertReceiver):
    """Posts to one URL. Without a secret nothing is signed. `clock` returns seconds since 1970.

    Only tests set the timeouts.
    """

    def __init__(
        self,
        url: str,
        secret: str | None,
        *,
        clock: Callable[[], float],
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
        backoff_seconds: float = _BACKOFF_SECONDS,
    ) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        self._timeouts = (connect_timeout_seconds, read_timeout_seconds)
        self._retry = Retry(
            total=RETRIES,
            status_forcelist=_PASSING | _SERVER_ERRORS,
            allowed_methods={"POST"},
            backoff_factor=backoff_seconds,
            retry_after_max=_MAX_RETRY_AFTER_SECONDS,
            raise_on_status=False,
        )

    @property
    @override
    def name(self) -> str:
        return "webhook"

    @override
    def send(self, message: Message) -> Reply:
        body = body_of(message)
        timestamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "bookmarkai-assets",
            "Idempotency-Key": message.message_id,
            "X-BookmarkAI-Timestamp": timestamp,
        }
        if self._secret:
            headers["X-BookmarkAI-Signature"] = signature(self._secret, timestamp, body)
        try:
            with requests.Session() as session, _unlogged():
                for scheme in ("http://", "https://"):
                    session.mount(scheme, HTTPAdapter(max_retries=self._retry))
                # The answer's body is not read. Nobody needs it, and it could be endless.
                with session.post(
                    self._url, data=body, headers=headers, timeout=self._timeouts, allow_redirects=False, stream=True
                ) as answer:
                    status = answer.status_code
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            # Its text contains the URL. Its type says enough.
            return Reply(
                Receipt.UNREACHABLE,
                f"expected an answer, found {type(error).__name__} after {1 + RETRIES} tries; check the network and "
                "the receiver. It is tried again at the next tick",
            )
        except (requests.RequestException, ValueError) as error:
            return Reply(
                Receipt.REFUSED,
                f"expected ALERT_WEBHOOK_URL to be a URL that can be posted to, found {type(error).__name__}; correct "
                "it. The message is in the log",
            )
        return _reply_for(status)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return `v1=` and the hex HMAC-SHA256, with the secret as key, of the timestamp, a full stop and the body."""
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"{SIGNATURE_VERSION}={signed.hexdigest()}"


def body_of(message: Message) -> bytes:
    """Return the body: a JSON object of schema `SCHEMA_VERSION`. The same message always gives the same bytes."""
    document = {
        "version": SCHEMA_VERSION,
        "id": message.message_id,
        "kind": message.incidents[0].kind,
        "text": message.text,
        "incidents": [_incident(incident) for incident in message.incidents],
    }
    return json.dumps(document, allow_nan=False, default=str).encode()


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident_id(incident),
        "key": incident.key,
        "kind": incident.kind,
        "summary": incident.summary,
        "next_step": incident.next_step,
        "details": public_details(incident),
        "opened_at": incident.opened_at.isoformat(),
    }


def _reply_for(status: int) -> Reply:
    answered = f"expected an answer 2xx, found {status}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Reply(Receipt.DELIVERED)
    if status in _PASSING or status in _SERVER_ERRORS:
        return Reply(
            Receipt.UNREACHABLE,
            f"{answered} after {1 + RETRIES} tries; check the receiver. It is tried again at the next tick",
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        remedy = "redirects are not followed: set ALERT_WEBHOOK_URL to where it leads"
    else:
        remedy = _REMEDIES.get(status, "check ALERT_WEBHOOK_URL and that the receiver takes this schema")
    return Reply(Receipt.REFUSED, f"{answered}; {remedy}. It is not tried again; the message is in the log")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep the libraries below from logging on this thread, while the block runs."""
    thread = threading.get_ident()

    def is_of_another_thread(record: logging.LogRecord) -> bool:
        return record.thread != thread

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(is_of_another_thread)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_of_another_thread)
