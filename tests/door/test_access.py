"""Who may come in: tokens, scopes, whose shares, and how often."""

import pytest

from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.shares.share import LOCAL_USER
from bookmarkai_assets.door.app import make_app
from bookmarkai_assets.settings.settings import load_settings
from tests.door.conftest import OTHER_USER, USER, OpenDoor, key_of

SHARES = "/api/v1/shares"
LINK = "https://youtu.be/jNQXAC9IVRw"

OPERATOR = key_of("ops", Scope.OPERATE)
READER = key_of("reader", Scope.READ)
SHARER = key_of("sharer", Scope.SHARE)
ANNA = key_of("anna", Scope.READ, Scope.SHARE, user_id=USER)
BERT = key_of("bert", Scope.READ, Scope.SHARE, user_id=OTHER_USER)
ALL = ",".join(key.line for key in (OPERATOR, READER, SHARER, ANNA, BERT))


def test_without_a_token_set_everybody_on_this_machine_is_an_operator(open_door: OpenDoor) -> None:
    """On loopback and without tokens, requests need none, and shares belong to DOOR_USER_ID."""
    door = open_door(door_user_id=USER)

    assert door.post(SHARES, json={"url": LINK}).json()["share"]["user_id"] == USER
    assert door.post(SHARES, json={"url": LINK, "user_id": OTHER_USER}).json()["share"]["user_id"] == OTHER_USER
    assert len(door.get(SHARES).json()["shares"]) == 2


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        "Bearer ",
        "Bearer",
        f"Basic {READER.token}",
        READER.token,
        f"Bearer {READER.token[:-1]}",
        f"Bearer {READER.token}x",
        f"Bearer {READER.token} {READER.token}",
        "Bearer " + "x" * 5000,
        "Bearer \u00e4".encode("latin-1"),
    ],
)
def test_a_wrong_token_is_refused(open_door: OpenDoor, header: str | bytes) -> None:
    """Anything but a stored token after `Bearer` is 401, with a challenge, and is not repeated."""
    answer = open_door(door_tokens=ALL).get(
        SHARES, headers=[(b"Authorization", header if isinstance(header, bytes) else header.encode())]
    )

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookmarkai", error="invalid_token"'
    assert answer.json()["type"] == "urn:bookmarkai:problem:token-needed"
    assert READER.token[:20] not in answer.text


def test_no_token_is_asked_for_one(open_door: OpenDoor) -> None:
    """A request without a token is 401, and the challenge names no error, as RFC 6750 has it."""
    answer = open_door(door_tokens=ALL).get(SHARES)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookmarkai"'


def test_two_tokens_at_once_are_refused(open_door: OpenDoor) -> None:
    """Two Authorization headers are 401, even if both are right: two programs may read different ones."""
    headers = [("Authorization", f"Bearer {READER.token}"), ("Authorization", f"Bearer {OPERATOR.token}")]

    assert open_door(door_tokens=ALL).get(SHARES, headers=headers).status_code == 401


def test_a_scope_that_is_missing_is_named(open_door: OpenDoor) -> None:
    """A token without the scope of a route is 403, and the challenge names the scope."""
    door = open_door(door_tokens=ALL)

    reads = door.get(SHARES, headers=SHARER.headers)
    shares = door.post(SHARES, json={"url": LINK}, headers=READER.headers)

    assert [reads.status_code, shares.status_code] == [403, 403]
    assert 'error="insufficient_scope", scope="read"' in reads.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope", scope="share"' in shares.headers["WWW-Authenticate"]


def test_operate_includes_the_other_scopes(open_door: OpenDoor) -> None:
    """A token with operate alone reads and shares too."""
    door = open_door(door_tokens=ALL)

    assert door.post(SHARES, json={"url": LINK}, headers=OPERATOR.headers).status_code == 201
    assert door.get(SHARES, headers=OPERATOR.headers).status_code == 200


def test_a_users_token_makes_and_sees_only_that_users_shares(open_door: OpenDoor) -> None:
    """Two users who share one link have a share each, and see one; an operator sees both."""
    door = open_door(door_tokens=ALL)
    made = {key: door.post(SHARES, json={"url": LINK}, headers=key.headers).json()["share"] for key in (ANNA, BERT)}

    seen = {key: door.get(SHARES, headers=key.headers).json()["shares"] for key in (ANNA, BERT, OPERATOR)}

    assert [share["user_id"] for share in made.values()] == [USER, OTHER_USER]
    assert seen[ANNA] == [made[ANNA]]
    assert seen[BERT] == [made[BERT]]
    assert len(seen[OPERATOR]) == 2


def test_a_users_token_shares_for_nobody_else(open_door: OpenDoor) -> None:
    """A token of a user, or without operate, is 403 for another user's share; its own user may be named."""
    door = open_door(door_tokens=ALL)

    others = [
        door.post(SHARES, json={"url": LINK, "user_id": OTHER_USER}, headers=key.headers) for key in (ANNA, SHARER)
    ]
    own = door.post(SHARES, json={"url": LINK, "user_id": USER}, headers=ANNA.headers)

    assert [answer.status_code for answer in others] == [403, 403]
    assert own.status_code == 201


def test_a_token_without_a_user_sees_what_the_doors_user_has(open_door: OpenDoor) -> None:
    """A token that is bound to no user and may not operate sees the shares of DOOR_USER_ID alone."""
    door = open_door(door_tokens=ALL)
    door.post(SHARES, json={"url": LINK}, headers=ANNA.headers)
    door.post(SHARES, json={"url": LINK}, headers=SHARER.headers)

    assert [one["user_id"] for one in door.get(SHARES, headers=READER.headers).json()["shares"]] == [LOCAL_USER]


def test_both_tokens_of_a_rotation_are_valid(open_door: OpenDoor) -> None:
    """While a caller changes over, its old token and its new one are both valid; a third of the name is refused."""
    keys = [key_of("ops", Scope.OPERATE, number=number) for number in (1, 2, 3)]
    door = open_door(door_tokens=f"{keys[0].line},{keys[1].line}")

    assert [door.get(SHARES, headers=key.headers).status_code for key in keys] == [200, 200, 401]
    with pytest.raises(ConfigurationError, match="at most 2 tokens of the name ops"):
        open_door(door_tokens=",".join(key.line for key in keys))


def test_requests_of_one_caller_are_limited(open_door: OpenDoor) -> None:
    """One request too many in a minute is 429 and says how long to wait; other callers go on."""
    door = open_door(door_tokens=ALL, door_requests_per_minute=3)

    answers = [door.get(SHARES, headers=READER.headers) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert answers[-1].json()["type"] == "urn:bookmarkai:problem:too-many-requests"
    assert door.get(SHARES, headers=ANNA.headers).status_code == 200


def test_guessing_tokens_locks_nobody_out(open_door: OpenDoor) -> None:
    """After too many wrong tokens an address gets 429 for wrong ones, but a right one still comes in."""
    door = open_door(door_tokens=ALL, door_requests_per_minute=20)

    answers = [door.get(SHARES, headers={"Authorization": "Bearer wrong"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert door.get(SHARES, headers=READER.headers).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "door.example.com"])  # noqa: S104 - refused here
def test_beyond_loopback_the_door_needs_a_token(host: str) -> None:
    """Without a token no application is made for an address that others can reach."""
    with pytest.raises(ConfigurationError, match=f"expected a token before the HTTP door listens on {host}"):
        make_app(load_settings(env_file=None, door_host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_the_door_needs_none(host: str) -> None:
    """Every form of loopback may be open."""
    assert make_app(load_settings(env_file=None, door_host=host)).routes
