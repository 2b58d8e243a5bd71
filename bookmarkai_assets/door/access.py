"""Who makes a request, and whether the token allows it."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from bookmarkai_assets.core.door.tokens import Caller, Scope, StoredToken, caller_of, parse_lines
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.problems import ProblemError
from bookmarkai_assets.settings.settings import Settings

OPEN = Caller("open", frozenset({Scope.OPERATE}))
"""Who everybody on this machine is while no token is set."""

_CHALLENGE = 'Bearer realm="bookmarkai"'
_MAX_TOKEN_CHARACTERS = 200

_bearer = HTTPBearer(auto_error=False, description="A token that `bookmarkai token new` has printed")


def read_tokens(settings: Settings) -> tuple[StoredToken, ...]:
    """Read the stored tokens of the setting and of the file.

    Raises `ConfigurationError` if the file cannot be read or a line is no token, and if there is none although the door
    can be reached from beyond this machine.
    """
    lines = settings.door_tokens.get_secret_value().split(",") if settings.door_tokens else []
    if file := settings.door_tokens_file:
        try:
            lines += file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"expected DOOR_TOKENS_FILE to be a readable file of stored tokens, found {type(error).__name__} for "
                f"{file}"
            ) from None
    try:
        tokens = parse_lines(lines)
    except ValueError as error:
        raise ConfigurationError(f"{error}; `bookmarkai token new` prints a line that can be stored") from None
    if not tokens and not settings.is_door_on_loopback:
        raise ConfigurationError(
            f"expected a token before the HTTP door listens on {settings.door_host}, which others can reach, found "
            "none; make one with `bookmarkai token new --name NAME --scope operate` and store its line in DOOR_TOKENS "
            "or DOOR_TOKENS_FILE, or set DOOR_HOST=127.0.0.1"
        )
    return tokens


def needs(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    """Return the dependency of routes that take a token with this scope."""

    async def caller(
        request: Request,
        door: Door,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Caller:
        found = _caller(request, door, credentials)
        request.state.caller_name = found.name
        door.rates.count(found.name)
        if not found.may(scope):
            raise ProblemError(
                403,
                "scope-needed",
                f"expected a token with the scope {scope}, found one without it",
                {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
            )
        return found

    return caller


Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Sharer = Annotated[Caller, Depends(needs(Scope.SHARE))]
Operator = Annotated[Caller, Depends(needs(Scope.OPERATE))]


def _caller(request: Request, door: Door, credentials: HTTPAuthorizationCredentials | None) -> Caller:
    if not door.tokens:
        return OPEN
    presented = request.headers.getlist("authorization")
    token = credentials.credentials if credentials else ""
    if len(presented) == 1 and 0 < len(token) <= _MAX_TOKEN_CHARACTERS:
        found = caller_of(token, door.tokens)
        if found is not None:
            return found
    door.rates.count_failure(request.client.host if request.client else "")
    error = ', error="invalid_token"' if presented else ""
    raise ProblemError(
        401,
        "token-needed",
        "expected a header `Authorization: Bearer TOKEN` with a token of this door, found "
        + ("another one" if presented else "none"),
        {"WWW-Authenticate": _CHALLENGE + error},
    )
