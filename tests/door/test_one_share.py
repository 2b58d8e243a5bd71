"""`GET /api/v1/shares/{id}` and `POST /api/v1/shares/{id}/retry`."""

from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.door.conftest import OTHER_USER, USER, OpenDoor, key_of
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import at, begin, stored_media, transcript_of

SHARES = "/api/v1/shares"
LINK = "https://youtu.be/jNQXAC9IVRw"
NOBODYS = "99999999-9999-4999-8999-999999999999"

OPERATOR = key_of("ops", Scope.OPERATE)
ANNA = key_of("anna", Scope.READ, Scope.SHARE, user_id=USER)
BERT = key_of("bert", Scope.READ, Scope.SHARE, Scope.OPERATE, user_id=OTHER_USER)
ALL = ",".join(key.line for key in (OPERATOR, ANNA, BERT))


def _added(door: TestClient, key: Any = ANNA) -> str:
    return str(door.post(SHARES, json={"url": LINK}, headers=key.headers).json()["share"]["id"])


def _store(catalog: OpenCatalog, share_id: str) -> None:
    media = stored_media("media-1", share_id)
    begin(catalog, share_id, media.media_id, "run-1")
    catalog.media.record_staged(media, owner="run-1", now=at(1))
    catalog.media.record_stored(media, owner="run-1", now=at(2))
    catalog.transcripts.put(share_id, transcript_of("All right, so here we are."), now=datetime.now(UTC))


def test_an_operator_sees_what_the_command_prints(
    open_door: OpenDoor, bookmarkai: BookmarkAI, sqlite_catalog: OpenCatalog
) -> None:
    """The answer to an operator is what `bookmarkai shares show --json` prints."""
    door = open_door(door_tokens=ALL)
    share_id = _added(door)
    _store(sqlite_catalog, share_id)

    answer = door.get(f"{SHARES}/{share_id}", headers=OPERATOR.headers).json()

    printed = bookmarkai("shares", "show", share_id, "--json").json
    moments = ("created_at", "next_attempt_at", "finished_at")
    assert {name: value for name, value in answer.items() if name not in moments} == {
        name: value for name, value in printed.items() if name not in moments
    }
    assert datetime.fromisoformat(answer["created_at"]) == datetime.fromisoformat(printed["created_at"])
    assert answer["media"]["placement"] is not None


def test_a_user_is_not_told_where_files_are(open_door: OpenDoor, sqlite_catalog: OpenCatalog) -> None:
    """The answer to a user has the transcript and facts of the video, and no file, bucket or transfer."""
    door = open_door(door_tokens=ALL)
    share_id = _added(door)
    _store(sqlite_catalog, share_id)

    answer = door.get(f"{SHARES}/{share_id}", headers=ANNA.headers)

    assert answer.json()["transcript"]["text"] == "All right, so here we are."
    assert answer.json()["media"].keys() == {
        "id", "state", "title", "author", "duration_seconds", "size_bytes", "sha256", "content_type", "stored_at",
        "expires_at",
    }  # fmt: skip
    assert {"transfers", "transfers_under_way", "deletions", "page"}.isdisjoint(answer.json())
    assert "file://" not in answer.text
    assert "s3://" not in answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/retry"), ("GET", "/transcript")])
def test_another_users_share_is_as_unknown_as_none(open_door: OpenDoor, method: str, path: str) -> None:
    """Every route answers another user's share as it answers an id of no share, whatever the token's scopes."""
    door = open_door(door_tokens=ALL)
    share_id = _added(door)

    theirs, nobodys = (
        door.request(method, f"{SHARES}/{one}{path}", headers=BERT.headers) for one in (share_id, NOBODYS)
    )

    assert [theirs.status_code, nobodys.status_code] == [404, 404]
    assert theirs.json()["detail"].replace(share_id, NOBODYS) == nobodys.json()["detail"]


@pytest.mark.parametrize("share_id", ["1", "x" * 36, "%00", "..", "null", LINK])
def test_what_is_no_id_is_refused(door: TestClient, share_id: str) -> None:
    """An id that is no UUID is 422 or no path at all."""
    answer = door.get(f"{SHARES}/{share_id}")

    assert answer.status_code in {404, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_parked_share_is_tried_again(door: TestClient, sqlite_catalog: OpenCatalog) -> None:
    """Retrying a share that failed makes it pending and due, and says that no video was lost."""
    share_id = door.post(SHARES, json={"url": LINK}).json()["share"]["id"]
    now = datetime.now(UTC)
    sqlite_catalog.work.park(share_id, Failure(Outcome.BLOCKED, "the site said no"), now=now)

    failed = door.get(f"{SHARES}/{share_id}").json()
    answer = door.post(f"{SHARES}/{share_id}/retry")

    assert (failed["status"], failed["outcome"], failed["reason"]) == ("error", "blocked", "the site said no")
    assert answer.status_code == 200
    assert answer.json() == {"id": share_id, "lost": False}
    assert door.get(f"{SHARES}/{share_id}").json()["status"] == "pending"


def test_a_share_that_has_not_failed_is_left_alone(door: TestClient) -> None:
    """Retrying a share that waits for its first attempt is 409 and changes nothing."""
    share_id = door.post(SHARES, json={"url": LINK}).json()["share"]["id"]

    answer = door.post(f"{SHARES}/{share_id}/retry")

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:bookmarkai:problem:nothing-to-retry"


def test_retrying_takes_the_scope_operate(open_door: OpenDoor) -> None:
    """A token that may read and share may not retry."""
    door = open_door(door_tokens=ALL)
    share_id = _added(door)

    answer = door.post(f"{SHARES}/{share_id}/retry", headers=ANNA.headers)

    assert answer.status_code == 403
    assert 'scope="operate"' in answer.headers["WWW-Authenticate"]
