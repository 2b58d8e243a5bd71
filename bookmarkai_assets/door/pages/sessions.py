"""The cookie of a reader who signed in: the token's name and an end, signed. Never the token.

With them goes a mark of the stored token, which says nothing about the token itself. A token that is removed or
replaced ends its sessions, because it is looked up each time.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from bookmarkai_assets.core.door.tokens import Caller, StoredToken, stored_token_of
from bookmarkai_assets.door.doorway import Doorway

COOKIE = "bookmarkai_session"

LIFETIME = timedelta(hours=12)
"""How long a reader stays signed in: a working day."""


_OWN_KEY = secrets.token_bytes(32)
"""Signs the cookies of a process whose settings have no key. A restart signs its readers out."""


def begin_session(response: Response, request: Request, door: Doorway, token: str) -> Caller | None:
    """Sign in whose token this is, and return who that is; None, and no cookie, if it is nobody's.

    The cookie goes over https alone if that is how the reader came, to this door or to a proxy before it.
    """
    stored = stored_token_of(token, door.tokens)
    if stored is None:
        return None
    until = int((door.clock() + LIFETIME).timestamp())
    response.set_cookie(
        COOKIE,
        str(_serializer(door).dumps({"name": stored.caller.name, "mark": _mark_of(stored), "until": until})),
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=_is_secure(request),
    )
    return stored.caller


def end_session(response: Response, request: Request) -> None:
    """Sign a reader out."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_is_secure(request))


def caller_of_session(request: Request, door: Doorway) -> Caller | None:
    """Return who sent a request; None for an absent, changed or old cookie, or one of a token that is gone."""
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        return None
    try:
        value: Any = _serializer(door).loads(cookie)
        name, mark, until = str(value["name"]), str(value["mark"]), int(value["until"])
    except (BadData, KeyError, TypeError, ValueError):
        return None
    if door.clock().timestamp() >= until:
        return None
    found = (one for one in door.tokens if one.caller.name == name)
    return next((one.caller for one in found if hmac.compare_digest(_mark_of(one), mark)), None)


def see_other(path: str) -> Response:
    """Send a browser to a path of this door, with a GET."""
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={"Location": path, "Cache-Control": "no-store"})


def _is_secure(request: Request) -> bool:
    """Whether a form came by https. A browser says so in its origin, also where a proxy has taken the TLS off."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")


def _mark_of(stored: StoredToken) -> str:
    """Return what tells a stored token from every other, and changes if the name gets another token or other rights."""
    return hashlib.sha256(stored.line.encode()).hexdigest()[:32]


def _serializer(door: Doorway) -> URLSafeSerializer:
    key = door.settings.door_session_key
    return URLSafeSerializer(
        key.get_secret_value() if key else _OWN_KEY,
        salt="bookmarkai.session",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
