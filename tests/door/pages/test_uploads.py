"""The page to upload files: who sees it, what its policy allows, and what its script may ask of the door."""

import hashlib
import re
from typing import Any

import pytest
import urllib3
from pydantic import SecretStr
from starlette.testclient import TestClient

from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.catalog import USER
from tests.support.door_pages import HOST, House

DATA = b"the bytes of a video"
DECLARED = {
    "name": "holiday.mp4",
    "content_type": "video/mp4",
    "size_bytes": len(DATA),
    "sha256": hashlib.sha256(DATA).hexdigest(),
}
OURS = {"Sec-Fetch-Site": "same-origin", "Origin": HOST}

http = urllib3.PoolManager(retries=False)


@pytest.fixture
def bucket(seaweed: SeaweedServer, object_prefix: str) -> dict[str, Any]:
    """Return the settings of a bucket."""
    return {
        "s3_media_bucket": seaweed.bucket,
        "s3_endpoint": seaweed.endpoint,
        "s3_access_key": _secret(seaweed.access_key),
        "s3_secret_key": _secret(seaweed.secret_key),
        "aws_region": seaweed.region,
        "s3_use_path_style": True,
        "s3_upload_prefix": f"uploads-{object_prefix}",
    }


def _secret(text: str) -> SecretStr:
    return SecretStr(text)


def signed_in(house: House, token: str, **changes: Any) -> TestClient:
    """Return a browser whose reader has signed in."""
    client = house.client(**changes)
    assert client.post("/login", data={"token": token}, headers=OURS).status_code == 303
    return client


def test_the_page_may_connect_to_the_door_and_the_bucket_alone(
    house: House, bucket: dict[str, Any], seaweed: SeaweedServer
) -> None:
    """Nothing in it is inline, and its scripts are files of the door."""
    page = house.client(**bucket).get("/uploads")
    policy = page.headers["Content-Security-Policy"]
    assert page.status_code == 200
    assert f"connect-src 'self' {seaweed.endpoint};" in policy
    assert "script-src 'self';" in policy
    assert re.findall(r"<script[^>]*>", page.text) == ['<script src="/static/upload.js" defer>']
    assert not re.search(r"\son[a-z]+=|style=", page.text)


def test_no_other_page_may_connect_anywhere(house: House, bucket: dict[str, Any]) -> None:
    """They have no script that asks for anything."""
    assert "connect-src" not in house.client(**bucket).get("/").headers["Content-Security-Policy"]


def test_without_a_bucket_the_page_says_so(house: House) -> None:
    """And has no script."""
    page = house.client().get("/uploads")
    assert "S3_MEDIA_BUCKET" in page.text
    assert "<script" not in page.text
    assert "connect-src" not in page.headers["Content-Security-Policy"]


def test_only_who_may_share_sees_the_page(house: House, bucket: dict[str, Any]) -> None:
    """A reader has no link to it and is told why; who is not signed in is asked to."""
    reader, sharer = house.add_token("reader"), house.add_token("sharer", scopes=(Scope.READ, Scope.SHARE))
    stranger = house.client(**bucket).get("/uploads")
    assert (stranger.status_code, stranger.headers["Location"]) == (303, "/login?next=%2Fuploads")
    reading, sharing = signed_in(house, reader, **bucket), signed_in(house, sharer, **bucket)
    assert reading.get("/uploads").status_code == 403
    assert sharing.get("/uploads").status_code == 200
    assert ['href="/uploads"' in one.get("/").text for one in (reading, sharing)] == [False, True]


def test_a_signed_in_reader_uploads_a_file(house: House, bucket: dict[str, Any]) -> None:
    """By the cookie: begun, sent to the bucket, completed. The share is the reader's."""
    client = signed_in(house, house.add_token("ana", scopes=(Scope.SHARE, Scope.READ), user_id=USER), **bucket)
    begun = client.post("/uploads", json=DECLARED, headers=OURS)
    assert begun.status_code == 201, begun.text
    form = begun.json()["form"]
    assert http.request("POST", form["url"], fields={**form["fields"], "file": ("f", DATA)}).status == 201

    done = client.post(f"/uploads/{begun.json()['upload']['id']}/complete", headers=OURS)

    assert done.status_code == 201
    assert done.json()["share"]["user_id"] == USER
    page = client.get(f"/shares/{done.json()['share']['id']}")
    assert page.status_code == 200
    assert "holiday.mp4" in page.text


def test_another_sites_page_can_do_nothing(house: House, bucket: dict[str, Any]) -> None:
    """The cookie alone is not enough: a request must come from this door's own pages."""
    client = signed_in(house, house.add_token("ana", scopes=(Scope.SHARE,)), **bucket)
    for headers in ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, {}):
        answer = client.post("/uploads", json=DECLARED, headers=headers)
        assert answer.status_code == 403, answer.text
    answer = client.post("/uploads", json=DECLARED, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:bookmarkai:problem:scope-needed")


def test_a_session_that_has_ended_is_a_problem(house: House, bucket: dict[str, Any]) -> None:
    """For the script, and no page."""
    house.add_token("ana", scopes=(Scope.SHARE,))
    answer = house.client(**bucket).post("/uploads", json=DECLARED, headers=OURS)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:bookmarkai:problem:token-needed")


def test_an_upload_is_stopped_and_signed_by_its_owner_alone(house: House, bucket: dict[str, Any]) -> None:
    """Another reader's session does not know it."""
    owner = signed_in(house, house.add_token("ana", scopes=(Scope.SHARE,), user_id=USER), **bucket)
    other = "22222222-2222-4222-8222-222222222222"
    stranger = signed_in(house, house.add_token("bob", scopes=(Scope.SHARE,), user_id=other), **bucket)
    begun = owner.post("/uploads", json=DECLARED | {"method": "parts"}, headers=OURS).json()
    path = f"/uploads/{begun['upload']['id']}"
    assert stranger.post(f"{path}/parts", json={"numbers": [1]}, headers=OURS).status_code == 404
    assert stranger.post(f"{path}/give-up", headers=OURS).status_code == 404
    assert owner.post(f"{path}/parts", json={"numbers": [1]}, headers=OURS).json()["links"][0]["number"] == 1
    assert owner.post(f"{path}/give-up", headers=OURS).status_code == 204
