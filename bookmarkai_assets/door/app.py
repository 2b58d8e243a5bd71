"""The application: its layers, its routes, and the catalog that stays open as long as it runs."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.routing import APIRouter

from bookmarkai_assets.door import health, metrics, rollout, scrapes, shares, transcripts, uploads
from bookmarkai_assets.door.access import read_tokens
from bookmarkai_assets.door.doorway import Doorway
from bookmarkai_assets.door.headers import CrossOrigin, SecurityHeaders, TrustedSources
from bookmarkai_assets.door.limits import BodyLimit, ConcurrencyLimit, Rates
from bookmarkai_assets.door.models import Problem
from bookmarkai_assets.door.pages.routes import add_pages
from bookmarkai_assets.door.problems import add_handlers
from bookmarkai_assets.door.request_ids import HEADER, RequestIds
from bookmarkai_assets.settings.door import LOOPBACK_NAMES
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.catalog import open_catalog

PREFIX = "/api/v1"
_VALIDATION_SCHEMAS = ("HTTPValidationError", "ValidationError")


def _now() -> datetime:
    return datetime.now(UTC)


def make_app(settings: Settings, *, clock: Callable[[], datetime] = _now) -> FastAPI:
    """Make the application. It opens the catalog when it starts, and closes it when it ends.

    Raises `ConfigurationError` for tokens that cannot be read, and if there is none although the door can be reached
    from beyond this machine.
    """
    tokens = read_tokens(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.door_concurrency
        with open_catalog(settings) as catalog:
            rates = Rates(settings.door_requests_per_minute)
            app.state.doorway = Doorway(settings, catalog, tokens, rates, clock)
            yield

    # The pages for the documentation would load scripts from another site.
    app = FastAPI(
        title="BookmarkAI assets",
        version=version("bookmarkai-assets"),
        summary="Shares of videos, their media and transcripts",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    add_handlers(app)
    api = APIRouter(prefix=PREFIX)
    # The longer paths first: `shares/metrics/ytdlp` is no share.
    for routes in (metrics, transcripts, shares, uploads, rollout):
        api.include_router(routes.router)
    app.include_router(api)
    app.include_router(health.router)
    app.include_router(scrapes.router)
    add_pages(app)
    _add_layers(app, settings)
    _describe_problems(app)
    return app


def _add_layers(app: FastAPI, settings: Settings) -> None:
    # The last one added is the outermost.
    app.add_middleware(ConcurrencyLimit, most=settings.door_concurrency)
    app.add_middleware(BodyLimit, max_bytes=settings.door_max_body_bytes, seconds=settings.door_body_seconds)
    if settings.door_cors_origins:
        app.add_middleware(
            CrossOrigin,
            allow_origins=sorted(settings.door_cors_origins),
            allow_methods=["DELETE", "GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", HEADER],
            expose_headers=["Location", "Retry-After", HEADER],
        )
    hosts = settings.door_allowed_hosts | LOOPBACK_NAMES | {settings.door_host.lower()}
    app.add_middleware(TrustedSources, hosts=hosts, origins=settings.door_cors_origins)
    app.add_middleware(RequestIds)
    app.add_middleware(SecurityHeaders)


def _describe_problems(app: FastAPI) -> None:
    """Have OpenAPI describe errors as they are. FastAPI would describe its own."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
        for name in _VALIDATION_SCHEMAS:
            schemas.pop(name, None)
        schema: Mapping[str, Any] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.get("$defs", {})
        schemas[Problem.__name__] = {key: value for key, value in schema.items() if key != "$defs"}
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to change the document
