"""How much one request, one caller and all callers together may ask of the door."""

import asyncio
from collections.abc import Awaitable, Callable

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bookmarkai_assets.door.headers import HEALTH_PATHS
from bookmarkai_assets.door.problems import ProblemError, make_response

FAILED_PART = 10
"""Of how many requests one may be without a right token, per address."""

_WINDOW_SECONDS = 60


class Rates:
    """Requests per minute, of each caller, and of each address that presents no right token.

    They are counted apart, so that whoever guesses tokens behind a proxy locks nobody out. The counts are this
    process's own.
    """

    def __init__(self, per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._of_caller = RateLimitItemPerMinute(per_minute)
        self._of_failures = RateLimitItemPerMinute(max(1, per_minute // FAILED_PART))

    def count(self, caller: str) -> None:
        """Count a request. Raises `ProblemError` for one too many."""
        self._hit(self._of_caller, "caller", caller)

    def count_failure(self, address: str) -> None:
        """Count a request without a right token. Raises `ProblemError` for one too many."""
        self._hit(self._of_failures, "address", address)

    def _hit(self, item: RateLimitItemPerMinute, kind: str, who: str) -> None:
        if not self._limiter.hit(item, kind, who):
            raise ProblemError(
                429,
                "too-many-requests",
                f"expected at most {item.amount} requests in a minute, found more; wait as Retry-After says",
                {"Retry-After": str(_WINDOW_SECONDS)},
            )


class BodyLimit:
    """Reads the body before anything else happens: not too large, not too slow, and never half of one."""

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._body(scope, receive)
        except ConnectionError:
            return
        except TimeoutError:
            refused = (
                408,
                "slow-body",
                f"expected the body within {self._seconds:g} s, found that it was not complete by then",
            )
        else:
            if body is not None:
                await self._app(scope, _replay(body, receive), send)
                return
            refused = (
                413,
                "large-body",
                f"expected a body of at most {self._max_bytes:,} bytes, found a larger one; send fewer links",
            )
        await make_response(scope, *refused, headers={"Connection": "close"})(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the whole body; None if it is too large. Raises `TimeoutError`, and as `_read` does."""
        announced = Headers(scope=scope).get("content-length", "0")
        if len(announced) > len(str(self._max_bytes)) or int(announced) > self._max_bytes:
            return None
        async with asyncio.timeout(self._seconds):
            return await self._read(receive)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the whole body; None if it is too large. Raises `ConnectionError` if the caller is gone."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the caller is gone")
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def _replay(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    is_read = False

    async def replay() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class ConcurrencyLimit:
    """Answers 503 at once to what would only wait. Health checks are always answered."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] in HEALTH_PATHS:
            await self._app(scope, receive, send)
            return
        if self._working >= self._most:
            response = make_response(
                scope,
                503,
                "too-busy",
                f"expected fewer than {self._most} requests at the same time, found as many; try again",
                headers={"Retry-After": "1"},
            )
            await response(scope, receive, send)
            return
        self._working += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._working -= 1
