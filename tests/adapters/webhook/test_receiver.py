"""Alerts posted to a real server on loopback: what it gets, and how its answers are handled."""

import json
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from bookmarkai_assets.adapters.webhook.receiver import RETRIES, WebhookReceiver, signature
from bookmarkai_assets.core.alerts.conditions import AlertKind
from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.alerts.messages import Message, incident_id, messages
from bookmarkai_assets.core.alerts.ports import Receipt
from bookmarkai_assets.core.rollout.published_metrics import MetricName
from tests.support.deadlines import HANG_SECONDS
from tests.support.http_stub import unanswered_url
from tests.support.project import PROJECT
from tests.support.webhook_server import CLOSE, HANG, WebhookServer

SECRET = "a secret of sixteen or more"
TOKEN = "T0K3N"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DETAILS: dict[str, Any] = {"count": 3, "last_error": "🙁 denied", "all_parked": [["id", "at"]]}
INCIDENT = Incident("access_denied", "access_denied", "S3 denied access", "`bookmarkai storage check`", DETAILS, NOW)
[MESSAGE] = messages([INCIDENT])
GROUP: Message = messages([Incident(f"run_failed/{n}", "run_failed", f"run {n}", "x", {}, NOW) for n in range(3)])[0]


@pytest.fixture
def server() -> Iterator[WebhookServer]:
    """Return a receiver."""
    with WebhookServer() as server:
        yield server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach loopback directly, whatever proxy this machine's environment names."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def receiver(url: str, *, secret: str | None = SECRET, read_timeout_seconds: float = HANG_SECONDS) -> WebhookReceiver:
    """Return a webhook that hardly waits between tries."""
    return WebhookReceiver(
        url, secret, clock=lambda: 1_772_366_400.9, read_timeout_seconds=read_timeout_seconds, backoff_seconds=0.001
    )


def test_a_message_is_posted_as_json(server: WebhookServer) -> None:
    """The body has schema version 1: the message's id, kind and text, and each incident, but no bookkeeping."""
    assert receiver(server.url()).send(MESSAGE).receipt is Receipt.DELIVERED
    [request] = server.received
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "version": 1,
        "id": MESSAGE.message_id,
        "kind": "access_denied",
        "text": "S3 denied access. Next: `bookmarkai storage check`",
        "incidents": [
            {
                "id": incident_id(INCIDENT),
                "key": "access_denied",
                "kind": "access_denied",
                "summary": "S3 denied access",
                "next_step": "`bookmarkai storage check`",
                "details": {"count": 3, "last_error": "🙁 denied"},
                "opened_at": "2026-03-01T12:00:00+00:00",
            }
        ],
    }


def test_incidents_grouped_together_are_one_request(server: WebhookServer) -> None:
    """A group of incidents has an id of its own, as each incident does."""
    receiver(server.url()).send(GROUP)
    body = json.loads(server.received[0].body)
    assert body["id"] == GROUP.message_id == server.received[0].headers["Idempotency-Key"]
    assert len({incident["id"] for incident in body["incidents"]} | {body["id"]}) == 4


def test_a_post_is_signed(server: WebhookServer) -> None:
    """HMAC-SHA256 of timestamp, full stop and the exact bytes: changing any of the three changes the signature."""
    receiver(server.url()).send(MESSAGE)
    [request] = server.received
    timestamp = request.headers["X-BookmarkAI-Timestamp"]
    assert timestamp == "1772366400"
    given = request.headers["X-BookmarkAI-Signature"]
    assert given == signature(SECRET, timestamp, request.body)
    assert given.startswith("v1=")
    others = [
        signature("another", timestamp, request.body),
        signature(SECRET, "1772366401", request.body),
        signature(SECRET, timestamp, request.body + b" "),
    ]
    assert given not in others


def test_a_known_signature() -> None:
    """The signature is the one that OpenSSL computes, so that receivers in any language can check it.

    `printf '1700000000.{}' | openssl dgst -sha256 -hmac key`
    """
    assert signature("key", "1700000000", b"{}") == (
        "v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
    )


def test_without_a_secret_nothing_is_signed(server: WebhookServer) -> None:
    """Without a secret there is no signature header at all."""
    receiver(server.url(), secret=None).send(MESSAGE)
    assert "X-BookmarkAI-Signature" not in server.received[0].headers


@pytest.mark.parametrize("first", [500, 502, 503, 429, 408, CLOSE])
def test_a_passing_failure_is_retried_at_once(server: WebhookServer, first: int) -> None:
    """After a server error, throttling or a closed connection, the same bytes are sent again under the same id."""
    server.answers = [first]
    assert receiver(server.url()).send(MESSAGE).receipt is Receipt.DELIVERED
    assert len(server.received) == 2
    assert server.received[0].body == server.received[1].body
    assert server.received[0].headers["Idempotency-Key"] == server.received[1].headers["Idempotency-Key"]


@pytest.mark.parametrize("answer", [500, 429, CLOSE])
def test_a_lasting_failure_is_left_for_the_next_check(server: WebhookServer, answer: int) -> None:
    """After a bounded number of tries the message is left for the next check; it is not refused."""
    server.answers = [answer] * 10
    reply = receiver(server.url()).send(MESSAGE)
    assert reply.receipt is Receipt.UNREACHABLE
    assert "tried again" in reply.reason
    assert len(server.received) == 1 + RETRIES


def test_a_silent_server_is_given_up(server: WebhookServer) -> None:
    """Every try has its timeout."""
    server.answers = [HANG] * 10
    reply = receiver(server.url(), read_timeout_seconds=0.1).send(MESSAGE)
    assert reply.receipt is Receipt.UNREACHABLE
    assert len(server.received) == 1 + RETRIES


def test_a_server_that_is_not_there_may_come_back() -> None:
    """A refused connection does not count as a refusal of the message."""
    with unanswered_url() as url:
        reply = receiver(f"{url}/{TOKEN}").send(MESSAGE)
    assert reply.receipt is Receipt.UNREACHABLE
    assert TOKEN not in reply.reason


@pytest.mark.parametrize(
    ("answer", "hint"), [(400, "schema"), (401, "ALERT_WEBHOOK_SECRET"), (404, "no such path"), (410, "removed")]
)
def test_a_refusal_is_not_repeated(server: WebhookServer, answer: int, hint: str) -> None:
    """A 4xx that would be repeated is asked for once, and the error has the status and what to do."""
    server.answers = [answer]
    reply = receiver(server.url()).send(MESSAGE)
    assert reply.receipt is Receipt.REFUSED
    assert str(answer) in reply.reason
    assert hint in reply.reason
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(server: WebhookServer, status: int) -> None:
    """A message signed for one address is not sent to another."""
    server.answers = [status]
    server.headers = {"Location": server.url(f"/elsewhere/{TOKEN}")}
    reply = receiver(server.url()).send(MESSAGE)
    assert reply.receipt is Receipt.REFUSED
    assert "redirect" in reply.reason
    assert TOKEN not in reply.reason
    assert [request.path for request in server.received] == ["/hook"]


def test_a_receiver_cannot_make_a_tick_wait(server: WebhookServer) -> None:
    """Retry-After is respected up to a few seconds; one of an hour does not delay the other alerts."""
    server.answers = [503]
    server.headers = {"Retry-After": "3600"}
    began = datetime.now(UTC)
    assert receiver(server.url()).send(MESSAGE).receipt is Receipt.DELIVERED
    assert (datetime.now(UTC) - began).total_seconds() < HANG_SECONDS


@pytest.mark.parametrize("answers", [[], [500], [CLOSE, CLOSE, CLOSE], [404], [HANG, HANG, HANG], [302]])
def test_the_url_is_in_no_log(server: WebhookServer, answers: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """The URL, which contains a token, is in no log at any level, by any library, and in no reason."""
    server.answers = list(answers)
    with caplog.at_level(logging.DEBUG):
        reply = receiver(server.url(f"/hooks/{TOKEN}?key={TOKEN}"), read_timeout_seconds=0.1).send(MESSAGE)
    assert TOKEN in server.received[0].path
    assert TOKEN not in caplog.text
    assert TOKEN not in reply.reason


def test_other_requests_are_logged_as_ever(
    server: WebhookServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only this request is kept out of the log, not everything that the library logs."""
    receiver(server.url()).send(MESSAGE)
    # Whatever another test's library has set on this logger before.
    monkeypatch.setattr(logging.getLogger("urllib3.connectionpool"), "disabled", False)
    with caplog.at_level(logging.DEBUG, logger="urllib3.connectionpool"):
        requests.post(server.url("/other"), timeout=HANG_SECONDS)
    assert "/other" in caplog.text


def test_a_malformed_url_is_refused() -> None:
    """For a port that is no number, the reason names the setting and not the value."""
    reply = receiver(f"http://127.0.0.1:{TOKEN}/x").send(MESSAGE)
    assert reply.receipt is Receipt.REFUSED
    assert "ALERT_WEBHOOK_URL" in reply.reason
    assert TOKEN not in reply.reason


DOCUMENTATION = (PROJECT / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_the_documented_check_of_a_signature_works(server: WebhookServer) -> None:
    """The page's own lines accept what is posted, and refuse another body, an old request and a wrong secret."""
    [program] = re.findall(r"```python\n(.*?)```", DOCUMENTATION, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - it is the page's own text
    is_genuine = names["is_genuine"]
    receiver(server.url()).send(MESSAGE)
    [request] = server.received
    given = (request.headers["X-BookmarkAI-Timestamp"], request.headers["X-BookmarkAI-Signature"])
    now = int(given[0]) + 10

    assert is_genuine(SECRET, *given, request.body, now=now)
    assert not is_genuine(SECRET, *given, request.body + b" ", now=now)
    assert not is_genuine(SECRET, *given, request.body, now=now + 3600)
    assert not is_genuine("another secret of sixteen", *given, request.body, now=now)


def test_the_documented_body_is_the_posted_one(server: WebhookServer) -> None:
    """The page's example has exactly the fields of the body and of an incident."""
    [example] = re.findall(r"```json\n(.*?)```", DOCUMENTATION, re.DOTALL)
    receiver(server.url()).send(MESSAGE)
    documented, posted = json.loads(example), json.loads(server.received[0].body)
    assert list(documented) == list(posted)
    assert list(documented["incidents"][0]) == list(posted["incidents"][0])


def test_every_alert_and_metric_is_documented() -> None:
    """The page names each kind of alert and each metric."""
    for name in (*AlertKind, *MetricName):
        assert f"| `{name}` |" in DOCUMENTATION
