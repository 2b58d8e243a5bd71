"""The tokens of the HTTP door: how one is stored, what it allows, and whether a presented one is among those stored.

A token is 256 random bits, so a salted SHA-256 is enough to store it: there is nothing to guess that a slow hash would
protect. Randomness comes in as a parameter.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

SECRET_BYTES = 32
SALT_BYTES = 16
MAX_PER_NAME = 2
"""A name's old token and its new one, while callers change over."""

PREFIX = "bmk_"
"""What every token begins with, so that scanners of source code know one when they see it."""

ANY_USER = "*"
LINE_FORM = "NAME:SCOPES:USER:SALT:HASH"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Scope(StrEnum):
    """What a token allows. `operate` includes the other two."""

    READ = "read"
    SHARE = "share"
    OPERATE = "operate"


@dataclass(frozen=True)
class Caller:
    """Who makes a request. `user_id` is the user that the token is bound to; None if to none."""

    name: str
    scopes: frozenset[Scope]
    user_id: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller may do what needs this scope."""
        return scope in self.scopes or Scope.OPERATE in self.scopes

    def sees_only(self, default_user: str) -> str | None:
        """Return the one user whose shares exist for the caller; None if all do, which takes the scope `operate`.

        A caller that neither is bound to a user nor may operate sees the shares of `default_user`.
        """
        if self.user_id is not None or self.may(Scope.OPERATE):
            return self.user_id
        return default_user


@dataclass(frozen=True)
class StoredToken:
    """One token as it is stored: whose it is, and the salted hash to know it by."""

    caller: Caller
    salt: bytes
    digest: bytes

    @property
    def line(self) -> str:
        """The token as the line of a file or setting."""
        caller = self.caller
        scopes = "+".join(scope for scope in Scope if scope in caller.scopes)
        return f"{caller.name}:{scopes}:{caller.user_id or ANY_USER}:{self.salt.hex()}:{self.digest.hex()}"


def make_token(caller: Caller, *, secret: bytes, salt: bytes) -> tuple[str, StoredToken]:
    """Make a token of random bytes. Return what the caller presents, and what is stored of it.

    Raises `ValueError` for a name, scopes or a user that no line can have, and for too few random bytes.
    """
    if len(secret) < SECRET_BYTES or len(salt) < SALT_BYTES:
        raise ValueError(f"expected {SECRET_BYTES} random bytes for the token and {SALT_BYTES} for its salt")
    token = PREFIX + urlsafe_b64encode(secret).rstrip(b"=").decode("ascii")
    stored = StoredToken(caller, salt, _digest(salt, token))
    if parse_line(stored.line) != stored:
        raise ValueError("expected a caller that can be written as a line and read again")
    return token, stored


def parse_line(line: str) -> StoredToken:
    """Parse a stored token. Raises a `ValueError` that says what is expected and repeats nothing of the hash."""
    fields = line.strip().split(":")
    if len(fields) != len(LINE_FORM.split(":")):
        raise ValueError(f"expected {LINE_FORM}, found {len(fields)} fields")
    name, scopes, user, salt, digest = fields
    if _NAME.fullmatch(name) is None:
        raise ValueError("expected a name of up to 64 letters, digits, . _ or -, which begins with a letter or digit")
    try:
        found = frozenset(Scope(scope) for scope in scopes.split("+"))
    except ValueError:
        raise ValueError(f"expected scopes of {', '.join(Scope)}, joined by +, in the token {name}") from None
    try:
        user_id = None if user == ANY_USER else str(UUID(user))
    except ValueError:
        raise ValueError(f"expected a user's UUID, or {ANY_USER} for any user, in the token {name}") from None
    try:
        kept = StoredToken(Caller(name, found, user_id), bytes.fromhex(salt), bytes.fromhex(digest))
    except ValueError:
        raise ValueError(f"expected the salt and the hash of the token {name} in hexadecimal") from None
    if len(kept.salt) < SALT_BYTES or len(kept.digest) != sha256().digest_size:
        raise ValueError(
            f"expected a salt of {SALT_BYTES} bytes and a SHA-256 in the token {name}, found other lengths"
        )
    return kept


def parse_lines(lines: Iterable[str]) -> tuple[StoredToken, ...]:
    """Parse stored tokens, one on each line; # begins a comment. Raises `ValueError`."""
    stored = tuple(parse_line(line) for line in lines if line.strip() and not line.lstrip().startswith("#"))
    for name, count in Counter(one.caller.name for one in stored).items():
        if count > MAX_PER_NAME:
            raise ValueError(
                f"expected at most {MAX_PER_NAME} tokens of the name {name}, the old one and the new one, found {count}"
            )
    return stored


def caller_of(token: str, stored: Sequence[StoredToken]) -> Caller | None:
    """Return whose token this is; None if it is nobody's."""
    found = stored_token_of(token, stored)
    return found.caller if found else None


def stored_token_of(token: str, stored: Sequence[StoredToken]) -> StoredToken | None:
    """Return what is stored of a token; None if nothing is.

    Every stored token is compared, each in constant time, so the time says nothing about which one was nearly right.
    """
    found: StoredToken | None = None
    for one in stored:
        if hmac.compare_digest(_digest(one.salt, token), one.digest):
            found = one
    return found


def _digest(salt: bytes, token: str) -> bytes:
    return sha256(salt + token.encode("utf-8", "surrogatepass")).digest()
