"""`bookmarkai token new`: a token for a caller, and the line that is stored."""

import pytest

from bookmarkai_assets.core.door.tokens import Caller, Scope, caller_of, parse_line
from tests.plugins.command_line import BookmarkAI

USER = "11111111-1111-4111-8111-111111111111"


def test_the_line_that_is_printed_lets_the_token_in(bookmarkai: BookmarkAI) -> None:
    """Standard output has the token and the line to store, from which the token is known as its caller's."""
    done = bookmarkai("token", "new", "--name", "gateway", "--scope", "read", "--scope", "share", "--user", USER)

    token, line = done.out.splitlines()
    assert done.code == 0
    assert token.startswith("bmk_")
    assert caller_of(token, [parse_line(line)]) == Caller("gateway", frozenset({Scope.READ, Scope.SHARE}), USER)


def test_no_two_tokens_are_alike(bookmarkai: BookmarkAI) -> None:
    """Two tokens with the same options have another secret, salt and hash."""
    one, other = (bookmarkai("token", "new", "--name", "a", "--scope", "operate", "--json").json for _ in range(2))

    assert one["token"] != other["token"]
    assert set(one["line"].split(":")[3:]).isdisjoint(other["line"].split(":")[3:])


@pytest.mark.parametrize(
    "options",
    [
        ("--scope", "read"),
        ("--name", "a"),
        ("--name", "a", "--scope", "admin"),
        ("--name", "a:b", "--scope", "read"),
        ("--name", "a", "--scope", "read", "--user", "bert"),
    ],
)
def test_options_that_no_line_can_have_are_wrong_usage(bookmarkai: BookmarkAI, options: tuple[str, ...]) -> None:
    """Without a name or scope, or with what is none, no token is made and the exit code is 2."""
    done = bookmarkai("token", "new", *options)

    assert done.code == 2
    assert done.out == ""
