"""Every error of the door as a problem (RFC 9457): what was expected, what was found, what to do."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from bookmarkai_assets.core.errors import (
    BookmarkAIError,
    CatalogUnavailableError,
    IdempotencyKeyError,
    SearchQueryError,
    StoreError,
    UnknownShareError,
)
from bookmarkai_assets.door.models import Problem

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:bookmarkai:problem:"
"""What the type of each problem begins with; docs/http.md has a line for each."""

_MAX_ERRORS = 20
"""How many faults of one request are named."""

_MAX_NAME_CHARACTERS = 60
_RETRY_SECONDS = 5

_BY_ERROR: Sequence[tuple[type[BookmarkAIError], int, str]] = (
    (UnknownShareError, 404, "unknown-share"),
    (IdempotencyKeyError, 422, "idempotency-key-reused"),
    (SearchQueryError, 422, "unreadable-query"),
    (CatalogUnavailableError, 503, "catalog-unavailable"),
    (StoreError, 503, "store-unavailable"),
)
_TOLD = (UnknownShareError, IdempotencyKeyError, SearchQueryError)
"""Errors whose words are meant for the caller. Others name hosts and files of this machine."""

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

_BY_STATUS = {
    400: ("unreadable-request", "expected a body that is JSON in UTF-8, found something else"),
    404: ("unknown-path", "expected a path of this API, found another; /api/v1/openapi.json lists them"),
    405: ("unknown-method", "expected one of the methods in Allow, found another"),
}


class ProblemError(Exception):
    """Ends a request with a problem. `name` is the last part of its type."""

    def __init__(self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.headers = dict(headers or {})


def make_response(
    scope: Scope,
    status: int,
    name: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Response:
    """Make the answer to a request that ends with a problem."""
    content: dict[str, Any] = {
        "type": TYPES + name,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": scope.get("state", {}).get("request_id"),
    }
    if errors:
        content["errors"] = list(errors)
    return JSONResponse(content, status, dict(headers or {}), media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route may end with, as OpenAPI has them."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def add_handlers(app: FastAPI) -> None:
    """Turn every exception of a route into a problem. What nobody expects is left to `request_ids`."""

    @app.exception_handler(ProblemError)
    async def of_problem(request: Request, error: ProblemError) -> Response:
        return make_response(request.scope, error.status, error.name, error.detail, headers=error.headers)

    @app.exception_handler(BookmarkAIError)
    async def of_ours(request: Request, error: BookmarkAIError) -> Response:
        for kind, status, name in _BY_ERROR:
            if isinstance(error, kind):
                return _of_known(request, error, status, name)
        raise error

    @app.exception_handler(HTTPException)
    async def of_framework(request: Request, error: HTTPException) -> Response:
        name, detail = _BY_STATUS.get(error.status_code, ("refused", "expected another request"))
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_allowed_methods(app, request.scope))
        return make_response(request.scope, error.status_code, name, detail, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        if any(one["type"] == "json_invalid" for one in found):
            return make_response(request.scope, 400, *_BY_STATUS[400])
        return make_response(
            request.scope,
            422,
            "invalid-request",
            "expected the parameters and the body that /api/v1/openapi.json describes; `errors` says what was found",
            errors=[{"at": _pointer(one["loc"]), "message": str(one["msg"])} for one in found[:_MAX_ERRORS]],
        )


def _of_known(request: Request, error: BookmarkAIError, status: int, name: str) -> Response:
    if isinstance(error, _TOLD):
        return make_response(request.scope, status, name, str(error))
    return make_response(
        request.scope,
        status,
        name,
        "expected the catalog and the stores to serve the request, found that one did not; try again later",
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )


def _allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Return the methods of all routes with this path. The router itself names those of the first one only."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def _pointer(location: Sequence[str | int]) -> str:
    """Return where a fault is, as a JSON pointer. Names that the caller made up are cut."""
    return "".join(f"/{str(part)[:_MAX_NAME_CHARACTERS]}" for part in location)
