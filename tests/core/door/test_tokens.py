"""Tokens of the HTTP door: what is stored, what is valid, and what is compared."""

import hmac
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.door.tokens import (
    Caller,
    Scope,
    StoredToken,
    caller_of,
    make_token,
    parse_line,
    parse_lines,
)

SECRET, SALT = bytes(range(32)), bytes(range(16))
USER = "11111111-1111-4111-8111-111111111111"

_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
_callers = st.builds(
    Caller,
    _names,
    st.frozensets(st.sampled_from(Scope), min_size=1),
    st.one_of(st.none(), st.builds(lambda: str(uuid4()))),
)


def _made(name: str = "ops", *, secret: bytes = SECRET, salt: bytes = SALT) -> tuple[str, StoredToken]:
    return make_token(Caller(name, frozenset({Scope.READ})), secret=secret, salt=salt)


@given(_callers, st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_what_is_stored_knows_the_token_and_its_caller(caller: Caller, secret: bytes, salt: bytes) -> None:
    """From the stored line alone, the token that was made is known as its caller's."""
    token, stored = make_token(caller, secret=secret, salt=salt)

    assert parse_line(stored.line) == stored
    assert caller_of(token, parse_lines([stored.line])) == caller


@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    """No text but the token itself is valid, and none is an error."""
    token, stored = _made()

    assert caller_of(text, [stored]) == (stored.caller if text == token else None)


def test_the_line_does_not_hold_the_token() -> None:
    """The line has neither the token nor a hash that is the same under another salt."""
    token, stored = _made()
    _, other = _made(salt=bytes(16))

    assert token.removeprefix("bmk_") not in stored.line
    assert SECRET.hex() not in stored.line
    assert stored.digest != other.digest


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_stored_token_is_compared(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """Wherever the right token is stored, each is compared once, in constant time."""
    made = [_made(f"name-{n}", secret=bytes([n]) * 32) for n in range(3)]
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)

    found = caller_of(made[place][0], [stored for _, stored in made])

    assert found == made[place][1].caller
    assert [other for _, other in compared] == [stored.digest for _, stored in made]


def test_both_tokens_of_a_name_are_valid_and_no_third() -> None:
    """A name may have its old and its new token at the same time."""
    old, new, third = (_made(secret=bytes([n]) * 32) for n in range(3))

    stored = parse_lines([old[1].line, "# a comment", "", new[1].line])

    assert [caller_of(token, stored) for token, _ in (old, new, third)] == [old[1].caller, new[1].caller, None]
    with pytest.raises(ValueError, match="at most 2 tokens of the name ops"):
        parse_lines([old[1].line, new[1].line, third[1].line])


def test_operate_includes_the_other_scopes() -> None:
    """Whoever may operate may read and share; whoever may share may not read."""
    operator, sharer = (Caller("x", frozenset({scope})) for scope in (Scope.OPERATE, Scope.SHARE))

    assert [operator.may(scope) for scope in Scope] == [True, True, True]
    assert [sharer.may(scope) for scope in Scope] == [False, True, False]


@pytest.mark.parametrize(
    ("scope", "user_id", "seen"),
    [
        (Scope.READ, None, "default"),
        (Scope.READ, USER, USER),
        (Scope.OPERATE, None, None),
        (Scope.OPERATE, USER, USER),
    ],
)
def test_a_user_that_is_named_always_counts(scope: Scope, user_id: str | None, seen: str | None) -> None:
    """A token of a user sees that user's shares; one of none sees all with operate, and else the default user's."""
    assert Caller("x", frozenset({scope}), user_id).sees_only("default") == seen


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (0, "", "expected a name"),
        (0, "-x", "expected a name"),
        (0, "x" * 65, "expected a name"),
        (0, "a b", "expected a name"),
        (1, "", "expected scopes of read, share, operate"),
        (1, "read+admin", "expected scopes"),
        (2, "", "expected a user's UUID"),
        (2, "bert", "expected a user's UUID"),
        (3, "zz", "hexadecimal"),
        (3, "00", "other lengths"),
        (4, "00", "other lengths"),
        (4, "", "other lengths"),
    ],
)
def test_a_line_that_is_no_token_is_refused_without_its_hash(field: int, value: str, said: str) -> None:
    """A bad line says which of its fields is wrong, and repeats neither salt nor hash."""
    fields = _made()[1].line.split(":")
    good = fields[3:]
    fields[field] = value

    with pytest.raises(ValueError, match=said) as refused:
        parse_line(":".join(fields))
    assert not any(secret in str(refused.value) for secret in good)


@pytest.mark.parametrize("line", ["", "x", "a:b:c:d", "a:b:c:d:e:f"])
def test_a_line_of_another_form_is_refused(line: str) -> None:
    """A line has five fields."""
    with pytest.raises(ValueError, match="expected NAME:SCOPES:USER:SALT:HASH"):
        parse_line(line)


@pytest.mark.parametrize(("secret", "salt"), [(bytes(31), SALT), (SECRET, bytes(15))])
def test_too_little_randomness_makes_no_token(secret: bytes, salt: bytes) -> None:
    """A token needs 32 random bytes, and its salt 16."""
    with pytest.raises(ValueError, match="random bytes"):
        _made(secret=secret, salt=salt)


@pytest.mark.parametrize("name", ["", "a:b", "ä", "a\nb"])
def test_a_caller_that_no_line_can_have_gets_no_token(name: str) -> None:
    """A name that could not be read again is refused when the token is made."""
    with pytest.raises(ValueError, match="expected"):
        _made(name)
