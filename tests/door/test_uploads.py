"""`/api/v1/uploads`: the whole way of a file by form and by parts, over a real S3 server, and who may do what."""

import hashlib
import os
from typing import Any
from uuid import uuid4

import pytest
import urllib3
from starlette.testclient import TestClient

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.door.conftest import OTHER_USER, USER, OpenDoor, key_of

UPLOADS = "/api/v1/uploads"
DATA = b"the bytes of a video"
MEBIBYTE = 1 << 20
IN_PARTS = os.urandom(16 * MEBIBYTE + 5)

OWNER, STRANGER = key_of("owner", Scope.SHARE, user_id=USER), key_of("stranger", Scope.SHARE, user_id=OTHER_USER)
READER, OPERATOR = key_of("reader", Scope.READ), key_of("operator", Scope.OPERATE)

http = urllib3.PoolManager(retries=False)


def declared(data: bytes = DATA, **changes: Any) -> dict[str, Any]:
    """Return what is said of a file before it is sent."""
    sha256 = hashlib.sha256(data).hexdigest()
    return {
        "name": "holiday.mp4",
        "content_type": "video/mp4",
        "size_bytes": len(data),
        "sha256": sha256,
    } | changes


@pytest.fixture
def bucket(seaweed: SeaweedServer, object_prefix: str) -> dict[str, Any]:
    """Return the settings of a bucket, with a prefix of the test's own."""
    return {
        "s3_media_bucket": seaweed.bucket,
        "s3_endpoint": seaweed.endpoint,
        "s3_access_key": seaweed.access_key,
        "s3_secret_key": seaweed.secret_key,
        "aws_region": seaweed.region,
        "s3_use_path_style": True,
        "s3_upload_prefix": f"uploads-{object_prefix}",
    }


@pytest.fixture
def door(open_door: OpenDoor, bucket: dict[str, Any]) -> TestClient:
    """Return a door with a bucket and tokens, before which the owner stands."""
    client = open_door(**bucket, door_tokens=",".join(key.line for key in (OWNER, STRANGER, READER, OPERATOR)))
    client.headers.update(OWNER.headers)
    return client


def send_form(form: dict[str, Any], data: bytes = DATA) -> int:
    """Send a file by its form."""
    return http.request("POST", form["url"], fields={**form["fields"], "file": ("f", data)}).status


def test_a_file_by_form_becomes_a_share(door: TestClient) -> None:
    """Declared, sent straight to the bucket, completed: the share has the file's name and the upload's URN."""
    begun = door.post(UPLOADS, json=declared())
    assert begun.status_code == 201, begun.text
    upload = begun.json()["upload"]
    where = f"{UPLOADS}/{upload['id']}"
    assert begun.headers["Location"] == where
    assert (upload["status"], upload["method"], upload["part_count"]) == ("awaiting", "form", None)
    early = door.post(f"{where}/complete")
    assert (early.status_code, early.json()["type"]) == (409, "urn:bookmarkai:problem:upload-incomplete")

    assert send_form(begun.json()["form"]) == 201
    done = door.post(f"{where}/complete")

    share = done.json()["share"]
    assert (done.status_code, done.json()["new"]) == (201, True)
    assert done.headers["Location"] == f"/api/v1/shares/{share['id']}"
    assert (share["url"], share["title"], share["user_id"], share["platform"], share["status"]) == (
        f"urn:bookmarkai:upload:{upload['id']}",
        "holiday.mp4",
        USER,
        "generic",
        "pending",
    )
    again = door.post(f"{where}/complete")
    assert (again.status_code, again.json()) == (200, {"new": False, "share": share})
    state = door.get(where).json()
    assert (state["status"], state["share_id"]) == ("taken_in", share["id"])


def test_a_file_in_parts_goes_on_after_a_break(door: TestClient) -> None:
    """Beginning again with the same file returns the same upload and says which parts are there."""
    upload = door.post(UPLOADS, json=declared(IN_PARTS, method="parts")).json()["upload"]
    where = f"{UPLOADS}/{upload['id']}"
    assert (upload["part_bytes"], upload["part_count"], upload["parts"]) == (16 * MEBIBYTE, 2, [])
    [link] = door.post(f"{where}/parts", json={"numbers": [2]}).json()["links"]
    assert http.request("PUT", link["url"], body=IN_PARTS[-5:]).status == 200

    again = door.post(UPLOADS, json=declared(IN_PARTS, method="parts"))

    assert (again.status_code, again.json()["new"], again.json()["form"]) == (200, False, None)
    assert again.json()["upload"] == {**upload, "parts": [{"number": 2, "size_bytes": 5}]}
    early = door.post(f"{where}/complete")
    assert early.status_code == 409
    assert early.json()["detail"] == "expected all parts in the bucket, found 1 missing: 1"
    [link] = door.post(f"{where}/parts", json={"numbers": [1]}).json()["links"]
    assert link["size_bytes"] == 16 * MEBIBYTE
    assert http.request("PUT", link["url"], body=IN_PARTS[: 16 * MEBIBYTE]).status == 200
    assert door.post(f"{where}/complete").status_code == 201


def test_a_new_form_is_made_each_time(door: TestClient) -> None:
    """An upload by form goes on with a form of its own, also after the first one has expired."""
    first = door.post(UPLOADS, json=declared()).json()
    again = door.post(UPLOADS, json=declared()).json()
    assert (first["new"], again["new"]) == (True, False)
    assert again["upload"] == first["upload"]
    assert again["form"]["fields"]["key"] == first["form"]["fields"]["key"]


@pytest.mark.parametrize(
    "changes",
    [
        {"content_type": "text/html"},
        {"size_bytes": 10**13},
        {"name": "\u202e"},
    ],
)
def test_what_cannot_be_uploaded_is_refused_before_a_byte_is_sent(door: TestClient, changes: dict[str, Any]) -> None:
    """With 422 and the reason."""
    answer = door.post(UPLOADS, json=declared(**changes))
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:bookmarkai:problem:refused-upload"
    assert answer.json()["detail"].startswith("expected ")


@pytest.mark.parametrize(
    "changes",
    [{"sha256": "x"}, {"size_bytes": 0}, {"size_bytes": "many"}, {"name": ""}, {"more": 1}, {"method": "ftp"}],
)
def test_a_malformed_request_is_a_problem(door: TestClient, changes: dict[str, Any]) -> None:
    """As for every other route."""
    answer = door.post(UPLOADS, json=declared(**changes))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:bookmarkai:problem:invalid-request")


def test_an_upload_exists_only_for_its_owner(door: TestClient) -> None:
    """For another user every route answers as for an upload that there is not. An operator sees all."""
    upload = door.post(UPLOADS, json=declared(method="parts")).json()["upload"]
    where, nowhere = f"{UPLOADS}/{upload['id']}", f"{UPLOADS}/{uuid4()}"
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/parts", {"numbers": [1]}),
        ("POST", "/complete", None),
        ("DELETE", "", None),
    ):
        answers = [
            door.request(method, place + path, json=body, headers=STRANGER.headers) for place in (where, nowhere)
        ]
        assert [answer.status_code for answer in answers] == [404, 404], (method, path)
        assert {answer.json()["type"] for answer in answers} == {"urn:bookmarkai:problem:unknown-upload"}
    assert door.get(where, headers=OPERATOR.headers).json() == upload
    assert door.get(where).json()["status"] == "awaiting"


def test_the_same_file_of_another_user_is_another_upload(door: TestClient) -> None:
    """Nobody learns from an answer that somebody else has sent a file."""
    first = door.post(UPLOADS, json=declared())
    other = door.post(UPLOADS, json=declared(), headers=STRANGER.headers)
    assert (first.status_code, other.status_code) == (201, 201)
    assert first.json()["upload"]["id"] != other.json()["upload"]["id"]


def test_uploads_need_the_scope_share(door: TestClient) -> None:
    """A reader may not begin one, and nobody may without a token."""
    assert door.post(UPLOADS, json=declared(), headers=READER.headers).status_code == 403
    assert door.post(UPLOADS, json=declared(), headers={"Authorization": ""}).status_code == 401
    assert door.post(UPLOADS, json=declared(user_id=OTHER_USER)).status_code == 403
    assert door.post(UPLOADS, json=declared(user_id=OTHER_USER), headers=OPERATOR.headers).status_code == 201


def test_an_upload_that_is_given_up_is_over(door: TestClient) -> None:
    """Its parts are dropped, its links and `complete` do nothing, and giving it up again is no error."""
    upload = door.post(UPLOADS, json=declared(method="parts")).json()["upload"]
    where = f"{UPLOADS}/{upload['id']}"
    [link] = door.post(f"{where}/parts", json={"numbers": [1]}).json()["links"]

    assert [door.delete(where).status_code for _ in range(2)] == [204, 204]

    assert http.request("PUT", link["url"], body=DATA).status == 404
    late = door.post(f"{where}/complete")
    assert (late.status_code, late.json()["type"]) == (409, "urn:bookmarkai:problem:upload-abandoned")
    assert door.post(f"{where}/parts", json={"numbers": [1]}).status_code == 409
    assert door.post(UPLOADS, json=declared(method="parts")).json()["upload"]["id"] != upload["id"]


def test_what_has_a_share_is_not_given_up(door: TestClient) -> None:
    """The share stays, and the answer says why."""
    begun = door.post(UPLOADS, json=declared()).json()
    send_form(begun["form"])
    where = f"{UPLOADS}/{begun['upload']['id']}"
    door.post(f"{where}/complete")
    answer = door.delete(where)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:bookmarkai:problem:upload-taken-in")


def test_an_object_that_came_another_way_is_refused(door: TestClient, bucket: dict[str, Any], s3_client: Any) -> None:
    """Whoever writes to the bucket cannot stand in for the owner's link."""
    upload = door.post(UPLOADS, json=declared()).json()["upload"]
    key = f"{bucket['s3_upload_prefix']}{upload['id']}/file"
    s3_client.put_object(Bucket=bucket["s3_media_bucket"], Key=key, Body=DATA)
    answer = door.post(f"{UPLOADS}/{upload['id']}/complete")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:bookmarkai:problem:upload-refused")


@pytest.mark.parametrize("numbers", [[3], [0], [], list(range(1, 102))])
def test_only_parts_that_there_are_get_links(door: TestClient, numbers: list[int]) -> None:
    """And not too many in one request."""
    upload = door.post(UPLOADS, json=declared(IN_PARTS, method="parts")).json()["upload"]
    answer = door.post(f"{UPLOADS}/{upload['id']}/parts", json={"numbers": numbers})
    assert answer.status_code == 422


def test_a_form_has_no_parts(door: TestClient) -> None:
    """An upload in one request has no links to parts."""
    upload = door.post(UPLOADS, json=declared()).json()["upload"]
    answer = door.post(f"{UPLOADS}/{upload['id']}/parts", json={"numbers": [1]})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:bookmarkai:problem:upload-not-in-parts")


def test_a_deleted_share_is_said(door: TestClient, sqlite_url: str) -> None:
    """Completing again after the share was deleted makes no other one."""
    begun = door.post(UPLOADS, json=declared()).json()
    send_form(begun["form"])
    where = f"{UPLOADS}/{begun['upload']['id']}"
    door.post(f"{where}/complete")
    with open_catalog(sqlite_url) as catalog, catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM shares")
    answer = door.post(f"{where}/complete")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:bookmarkai:problem:share-deleted")


def test_without_a_bucket_there_is_a_clear_problem(open_door: OpenDoor) -> None:
    """It names the setting."""
    answer = open_door().post(UPLOADS, json=declared())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:bookmarkai:problem:no-bucket")
    assert "S3_MEDIA_BUCKET" in answer.json()["detail"]


def test_a_bucket_that_does_not_answer_is_a_problem_without_its_address(open_door: OpenDoor) -> None:
    """What fails behind the door is not told to callers."""
    closed = open_door(
        s3_media_bucket="media",
        s3_endpoint="http://127.0.0.1:9",
        s3_access_key="a",
        s3_secret_key="b",
        s3_use_path_style=True,
    )
    upload = closed.post(UPLOADS, json=declared()).json()["upload"]
    answer = closed.post(f"{UPLOADS}/{upload['id']}/complete")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:bookmarkai:problem:store-unavailable")
    assert "127.0.0.1" not in answer.text
