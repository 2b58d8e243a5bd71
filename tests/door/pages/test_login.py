"""Who may see the pages: readers with a token, each what the token allows."""

import re
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import quote

import httpx2
import pytest
from itsdangerous import URLSafeSerializer
from pydantic import SecretStr
from starlette.testclient import TestClient

from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.door.pages.sessions import COOKIE, LIFETIME
from tests.support.door_pages import HOST, House, spoken_transcript

OWN = {"Origin": HOST}
ANA, BEN = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
BLOCKED = Failure(Outcome.BLOCKED, "the site turned us away")


def sign_in(client: TestClient, token: str, *, next_path: str = "/") -> httpx2.Response:
    """Send the form of the page to sign in."""
    return client.post("/login", data={"token": token, "next": next_path}, headers=OWN)


def test_an_open_door_asks_nobody(house: House) -> None:
    """Without a token set, the pages are open, and nobody can sign out."""
    client = house.client()
    page = client.get("/")
    assert page.status_code == HTTPStatus.OK
    assert "Sign out" not in page.text
    assert client.get("/login").headers["location"] == "/"


@pytest.mark.parametrize("path", ["/", "/?q=a&since=7d", "/rollout", "/failures", "/shares/x", "/media/x"])
def test_a_reader_signs_in_and_is_led_back(house: House, path: str) -> None:
    """Without a session every page leads to the one to sign in, and from there back to where the reader was going."""
    token = house.add_token()
    client = house.client()
    turned = client.get(path)
    assert turned.status_code == HTTPStatus.SEE_OTHER
    login = client.get(turned.headers["location"])
    (next_path,) = re.findall(r'name="next" value="([^"]*)"', login.text)
    answer = sign_in(client, token, next_path=next_path.replace("&amp;", "&"))
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert client.get("/").status_code == HTTPStatus.OK


def test_a_wrong_token_opens_nothing(house: House) -> None:
    """The page says so, no cookie is set, and the token is not repeated."""
    house.add_token()
    client = house.client()
    for wrong in ("", "bmk_wrong", "x" * 5000, "\N{GRINNING FACE}\x00"):
        answer = sign_in(client, wrong)
        assert answer.status_code == HTTPStatus.UNAUTHORIZED
        assert "set-cookie" not in answer.headers
        assert "wrong" not in answer.text
    assert client.get("/").status_code == HTTPStatus.SEE_OTHER


def test_the_cookie_has_no_token_and_is_for_this_door_alone(house: House) -> None:
    """It is HttpOnly and SameSite=Strict, over https also Secure, and has the token in no form."""
    token = house.add_token()
    # The last one comes by a proxy, which has taken the TLS off.
    for base_url, origin in ((HOST, HOST), ("https://door.test",) * 2, (HOST, "https://door.test")):
        client = house.client(base_url=base_url)
        answer = client.post("/login", data={"token": token}, headers={"Origin": origin})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert ("Secure" in cookie) is origin.startswith("https")
        assert token not in cookie
        assert house.stored[0].digest.hex() not in cookie


def test_removing_a_token_ends_its_sessions(house: House) -> None:
    """Also when another token of the same name follows."""
    token = house.add_token()
    client = house.client()
    sign_in(client, token)
    assert client.get("/").status_code == HTTPStatus.OK
    house.stored.append(house.stored[0])
    house.add_token()
    del house.stored[:2]
    assert client.get("/").status_code == HTTPStatus.SEE_OTHER


def test_two_tokens_of_a_name_both_sign_in(house: House) -> None:
    """While callers change over, the old token and the new one open the door."""
    for token in (house.add_token(), house.add_token()):
        client = house.client()
        sign_in(client, token)
        assert client.get("/").status_code == HTTPStatus.OK


def test_a_session_ends_by_itself(house: House) -> None:
    """After its lifetime the reader signs in again, whatever the browser still sends."""
    token = house.add_token()
    client = house.client()
    sign_in(client, token)
    house.now += LIFETIME - timedelta(seconds=1)
    cookie = client.cookies[COOKIE]
    assert house.client().get("/", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == HTTPStatus.OK
    house.now += timedelta(seconds=1)
    assert house.client().get("/", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == HTTPStatus.SEE_OTHER


def test_a_changed_cookie_opens_nothing(house: House) -> None:
    """Neither a cookie with one character changed, nor one that another key signed, nor nonsense."""
    token = house.add_token()
    client = house.client()
    sign_in(client, token)
    cookie = client.cookies[COOKIE]
    payload, _, signature = cookie.partition(".")
    forged = URLSafeSerializer(b"another key", salt="bookmarkai.session").dumps(
        {"name": "ana", "mark": "", "until": 4_000_000_000}
    )
    changed = [payload[:-1] + "A." + signature, f"{payload}.{signature[:-2]}AA", payload, f".{signature}", str(forged)]
    for wrong in [*changed, "", "x", "." * 50, "e30.e30"]:
        answer = house.client().get("/", headers={"Cookie": f"{COOKIE}={wrong}"})
        assert answer.status_code == HTTPStatus.SEE_OTHER, wrong


def test_signing_out_takes_the_cookie_back(house: House) -> None:
    """It is a form, not a link: no picture on another page can sign anybody out."""
    token = house.add_token()
    client = house.client()
    sign_in(client, token)
    assert client.get("/logout").status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert client.post("/logout", headers=OWN).status_code == HTTPStatus.SEE_OTHER
    assert client.get("/").status_code == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    "next_path",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/%0d%0aX: y\n",
        "evil.example",
        "",
        "/logout",
        "/login?next=//evil.example",
        "/#@evil.example",
    ],
)
def test_signing_in_leads_nowhere_else(house: House, next_path: str) -> None:
    """Anything but a path of this door leads to the library, in the form and after it."""
    token = house.add_token()
    client = house.client()
    page = client.get(f"/login?next={quote(next_path)}")
    assert 'name="next" value="/"' in page.text
    answer = sign_in(client, token, next_path=next_path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://door.test.evil.example"},
        {"Origin": "http://door.test:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": HOST},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
def test_another_sites_form_does_nothing(house: House, headers: dict[str, str]) -> None:
    """Signing in, signing out and trying again are refused, also where the door stands open."""
    share = house.add_failure(BLOCKED)
    client = house.client()
    for path in ("/login", "/logout", f"/shares/{share}/retry"):
        answer = client.post(path, data={"token": "x"}, headers=headers)
        assert answer.status_code == HTTPStatus.FORBIDDEN, path
    assert house.catalog.shares.get(share).status == "error"


@pytest.mark.parametrize("headers", [OWN, {"Sec-Fetch-Site": "same-origin"}, {**OWN, "Sec-Fetch-Site": "same-origin"}])
def test_an_operator_tries_a_share_again(house: House, headers: dict[str, str]) -> None:
    """The share is due again, and its page is shown."""
    share = house.add_failure(BLOCKED)
    client = house.client()
    assert "Try again" in client.get(f"/shares/{share}").text
    answer = client.post(f"/shares/{share}/retry", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/shares/{share}")
    assert house.catalog.shares.get(share).status == "pending"


def test_a_reader_may_not_try_again(house: House) -> None:
    """Without the scope operate there is no button, and the form is refused."""
    share = house.add_failure(BLOCKED, user_id=house.settings.door_user_id)
    token = house.add_token()
    client = house.client()
    sign_in(client, token)
    assert "Try again" not in client.get(f"/shares/{share}").text
    assert client.post(f"/shares/{share}/retry", headers=OWN).status_code == HTTPStatus.FORBIDDEN
    assert house.catalog.shares.get(share).status == "error"


def test_a_token_without_a_user_that_may_not_operate_sees_the_doors_own_user(house: House) -> None:
    """As by the API, it sees the shares of DOOR_USER_ID alone."""
    own = house.add_video(user_id=house.settings.door_user_id)
    theirs = house.add_video(user_id=BEN)
    token = house.add_token()
    client = house.client()
    sign_in(client, token)
    assert own in client.get("/").text
    assert theirs not in client.get("/").text
    assert client.get(f"/media/{theirs}").status_code == HTTPStatus.NOT_FOUND
    assert client.get("/rollout").status_code == HTTPStatus.NOT_FOUND


def test_guessing_tokens_is_slowed_down(house: House) -> None:
    """After some wrong tokens an address is told to wait, on a page."""
    house.add_token()
    client = house.client(door_requests_per_minute=30)
    found = [sign_in(client, f"bmk_{number}") for number in range(5)]
    assert [answer.status_code for answer in found] == [401, 401, 401, 429, 429]
    assert found[-1].headers["retry-after"] == "60"
    assert "Too many requests" in found[-1].text


def test_a_session_survives_a_restart_if_the_settings_have_its_key(house: House) -> None:
    """Another process with the same key knows the cookie, and one with another key does not."""
    token = house.add_token()
    client = house.client(door_session_key=SecretStr("k" * 32))
    sign_in(client, token)
    cookie = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    for key, status in (("k" * 32, 200), ("l" * 32, 303), (None, 303)):
        other = house.client(door_session_key=SecretStr(key) if key else None)
        assert other.get("/", headers=cookie).status_code == status


def test_a_token_that_may_not_read_sees_nothing(house: House) -> None:
    """A token with the scope share alone is told so."""
    token = house.add_token(scopes=[Scope.SHARE])
    client = house.client()
    sign_in(client, token)
    assert client.get("/").status_code == HTTPStatus.FORBIDDEN


def test_a_users_token_sees_only_that_users_shares(house: House) -> None:
    """Another user's share is nowhere: in no list, search, link or id. Neither are the figures of all users."""
    ours = house.add_video(user_id=ANA, transcript=spoken_transcript("a cake of mine"), url="https://v.example/1")
    theirs = house.add_video(user_id=BEN, transcript=spoken_transcript("a cake of theirs"), url="https://v.example/2")
    token = house.add_token(user_id=ANA)
    client = house.client()
    sign_in(client, token)
    for path in ("/", "/?q=cake", f"/?q={quote('https://v.example/2', safe='')}", f"/?q={theirs}", "/?q=v.example"):
        text = client.get(path).text
        assert f"/shares/{theirs}" not in text, path
        assert "theirs" not in text, path
    assert ours in client.get("/?q=cake").text
    for path in (f"/shares/{theirs}", f"/media/{theirs}", f"/media/{theirs}/subtitles.vtt", f"/?after={theirs}"):
        assert client.get(path).status_code == HTTPStatus.NOT_FOUND, path
    for path in ("/rollout", "/failures"):
        assert client.get(path).status_code == HTTPStatus.NOT_FOUND, path
        assert f'href="{path}"' not in client.get("/").text
    assert client.get(f"/media/{ours}").status_code == HTTPStatus.OK
    unknown = client.get("/shares/00000000-0000-4000-8000-000000000000")
    assert client.get(f"/shares/{theirs}").text == unknown.text
