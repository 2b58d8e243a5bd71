"""One id for each request, one line in the log, and the answer to what nobody expected."""

import logging
import re
import time
import traceback
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bookmarkai_assets.core.log_ids import work_on
from bookmarkai_assets.door.problems import make_response

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_MS_PER_SECOND = 1000

logger = logging.getLogger("bookmarkai.door")


class RequestIds:
    """The layer in which every other error ends.

    Its log line has the route and not the path, and nothing that a caller wrote but the id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.monotonic()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with work_on(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                # The message may hold a link or a title, so the log has the kind of error and where it came from.
                frames = "".join(traceback.format_tb(error.__traceback__))
                logger.error("%s %s\n%s", request_id, type(error).__name__, frames)  # noqa: TRY400 - as above
                if status is not None:
                    raise
                response = make_response(
                    scope, 500, "unexpected", f"expected an answer, found an error; the log has it under {request_id}"
                )
                await response(scope, receive, send_with_id)
            finally:
                self._log(scope, request_id, status, time.monotonic() - began)

    @staticmethod
    def _log(scope: Scope, request_id: str, status: int | None, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "?"
        route = getattr(scope.get("route"), "path", "?")
        caller = scope["state"].get("caller_name", "-")
        milliseconds = seconds * _MS_PER_SECOND
        logger.info("%s %s %s %s %.0f ms, caller %s", request_id, method, route, status or "-", milliseconds, caller)


def _request_id(headers: Headers) -> str:
    given = headers.getlist(HEADER)
    return given[0] if len(given) == 1 and _WELL_FORMED.fullmatch(given[0]) else uuid4().hex
