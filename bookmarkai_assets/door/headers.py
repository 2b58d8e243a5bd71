"""What headers a request may have, and which the answers get: hosts, origins, and what browsers are told."""

import re
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from bookmarkai_assets.door.problems import make_response

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""What every answer has, unless its route says otherwise."""

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
"""Probes name the machine by an address that nobody knows beforehand, and learn nothing."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{1,5})?")
_READING = frozenset({"GET", "HEAD"})


class SecurityHeaders:
    """Adds `SECURITY_HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class TrustedSources:
    """Refuses requests to other hosts and, where they change something, from other sites' pages.

    A page anywhere can have a browser send requests to this machine: under a name that its DNS points here (so the
    name counts), or straight to the address (so the origin counts). Without a token nothing else would stop it.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host for host in hosts if not host.startswith("*."))
        self._domains = tuple(host[1:] for host in hosts if host.startswith("*."))
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] in HEALTH_PATHS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        response = self._refusal(scope, headers)
        await (response or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        named = headers.getlist("host")
        match = _HOST.fullmatch(named[0]) if len(named) == 1 else None
        host = match[1].strip("[]").lower() if match else ""
        if host not in self._hosts and not host.endswith(self._domains):
            return make_response(
                scope,
                400,
                "untrusted-host",
                "expected a Host that this door is known by, found another; DOOR_ALLOWED_HOSTS lists them",
            )
        origins = headers.getlist("origin")
        # A proxy may have taken the TLS off, so that the browser came by https and the request by http.
        is_own = origins in ([f"http://{named[0]}"], [f"https://{named[0]}"])
        if origins and not is_own and scope["method"] not in _READING and not self._origins.issuperset(origins):
            return make_response(
                scope,
                403,
                "foreign-origin",
                "expected a request of this door's own pages or of an origin in DOOR_CORS_ORIGINS, found another page",
            )
        return None


class CrossOrigin(CORSMiddleware):
    """Starlette's CORS, with its refusals as problems."""

    @override
    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == 400:  # noqa: PLR2004 - what Starlette answers
            refusal = make_response(
                {}, 400, "refused-preflight", "expected a method and headers that pages may use, found others"
            )
            refusal.headers["Vary"] = response.headers.get("vary", "Origin")
            return refusal
        return response
