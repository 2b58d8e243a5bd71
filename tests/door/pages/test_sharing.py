"""The page on which a reader shares a link."""

from http import HTTPStatus

import pytest

from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.door.pages.forms import MAX_FORM_BYTES
from tests.support.door_pages import HOST, House

OWN = {"Origin": HOST}
ANA = "11111111-1111-4111-8111-111111111111"
LINK = "https://www.tiktok.com/@ana/video/7000000000000000001"


def test_a_link_becomes_a_share_and_its_page_opens(house: House) -> None:
    """The form leads to the share's page. The same link again leads to the same page."""
    client = house.client()
    assert 'action="/share"' in client.get("/share").text
    answers = [client.post("/share", data={"link": f" {LINK}\n"}, headers=OWN) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {HTTPStatus.SEE_OTHER}
    (path,) = {answer.headers["location"] for answer in answers}
    [share] = house.catalog.shares.list(limit=10)
    assert (share.url, path) == (LINK, f"/shares/{share.share_id}")
    assert client.get(path).status_code == HTTPStatus.OK


def test_a_share_is_that_of_the_tokens_user(house: House) -> None:
    """And of the door's user for a token that is bound to none."""
    token = house.add_token(scopes=(Scope.READ, Scope.SHARE), user_id=ANA)
    client = house.client()
    client.post("/login", data={"token": token}, headers=OWN)
    client.post("/share", data={"link": LINK}, headers=OWN)
    assert [share.user_id for share in house.catalog.shares.list(limit=10)] == [ANA]


@pytest.mark.parametrize(
    "link",
    ["", "no link", "http://127.0.0.1/video", "file:///etc/passwd", 'javascript:alert("x")', "https://a.onion/b"],
)
def test_what_cannot_be_shared_is_refused_with_the_reason(house: House, link: str) -> None:
    """The form is shown again with what was sent, as text, and nothing is recorded."""
    answer = house.client().post("/share", data={"link": link}, headers=OWN)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Not shared: " in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert link.replace('"', "&#34;") in answer.text
    assert list(house.catalog.shares.list(limit=10)) == []


def test_a_token_that_may_not_share_is_refused(house: House) -> None:
    """The library has no way to the form either. A reader who is not signed in is led to do so."""
    client = house.client()
    token = house.add_token(scopes=(Scope.READ,))
    assert client.post("/share", data={"link": LINK}, headers=OWN).headers["location"].startswith("/login")
    client.post("/login", data={"token": token}, headers=OWN)
    assert '/share"' not in client.get("/").text
    assert client.get("/share").status_code == HTTPStatus.FORBIDDEN
    assert client.post("/share", data={"link": LINK}, headers=OWN).status_code == HTTPStatus.FORBIDDEN
    assert list(house.catalog.shares.list(limit=10)) == []


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}])
def test_another_sites_form_is_refused(house: House, headers: dict[str, str]) -> None:
    """Also where the door is open."""
    answer = house.client().post("/share", data={"link": LINK}, headers=headers)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert list(house.catalog.shares.list(limit=10)) == []


def test_a_form_that_is_too_long_is_refused(house: House) -> None:
    """Nothing of it is recorded."""
    answer = house.client().post("/share", data={"link": LINK + "x" * MAX_FORM_BYTES}, headers=OWN)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert list(house.catalog.shares.list(limit=10)) == []
