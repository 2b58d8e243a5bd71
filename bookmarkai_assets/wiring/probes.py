"""Ask a process of this installation whether it lives, and whether it is ready to work."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.health import check_catalog

_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what a server listens on, not what is asked
_LOOPBACK = "127.0.0.1"


class Question(StrEnum):
    """What is asked: whether a restart would help, or whether work may be sent."""

    LIVE = "live"
    READY = "ready"


class Part(StrEnum):
    """A process that can be asked."""

    DAEMON = "daemon"
    WORKER = "worker"
    CODE_SERVER = "code-server"
    WEBSERVER = "webserver"
    DOOR = "door"


@dataclass(frozen=True)
class Place:
    """Where to ask. What is None is the part's default: its host, port and path."""

    host: str | None = None
    port: int | None = None
    path: str | None = None
    worker: str = "1"
    tolerance_seconds: float = 120
    timeout_seconds: float = 5


def ask(settings: Settings, question: Question, part: Part, place: Place) -> CheckResult:
    """Ask a part. A warning means that nobody could ask it. Raises `ConfigurationError`."""
    is_ready = question is Question.READY
    match part:
        case Part.DAEMON:
            from bookmarkai_assets.adapters.dagster_home import check_heartbeats  # noqa: PLC0415 - adapters load when used

            home = settings.dagster_home or Path("dagster_home").absolute()
            return check_heartbeats(home, tolerance_seconds=place.tolerance_seconds, is_well=is_ready)
        case Part.WORKER:
            return _ask_worker(settings, place, is_ready=is_ready)
        case Part.CODE_SERVER:
            return _ask_code_server(place, is_ready=is_ready)
        case Part.WEBSERVER:
            return _ask_http(place, place.host or _LOOPBACK, 3000, place.path or "/server_info")
        case Part.DOOR:
            host = place.host or settings.door_host
            return _ask_http(place, host, settings.door_port, place.path or ("/readyz" if is_ready else "/healthz"))


def _ask_worker(settings: Settings, place: Place, *, is_ready: bool) -> CheckResult:
    from bookmarkai_assets.adapters.celery_worker import check_answer  # noqa: PLC0415 - adapters load when used

    broker = settings.celery_broker_url
    if broker is None:
        raise ConfigurationError("expected CELERY_BROKER_URL to ask a worker, found it unset")
    answer = check_answer(
        broker_url=broker.get_secret_value(), name=place.worker, timeout_seconds=place.timeout_seconds
    )
    if answer.status is not CheckStatus.PASS or not is_ready:
        return answer
    catalog = check_catalog(settings)
    return CheckResult(catalog.status, f"{answer.found}; the catalog: {catalog.found}")


def _ask_code_server(place: Place, *, is_ready: bool) -> CheckResult:
    from bookmarkai_assets.adapters.code_server import check_definitions, check_serving  # noqa: PLC0415 - as above

    host, port = place.host or _LOOPBACK, place.port or 4266
    answer = check_serving(host, port, timeout_seconds=place.timeout_seconds)
    return check_definitions(host, port) if is_ready and answer.status is CheckStatus.PASS else answer


def _ask_http(place: Place, host: str, port: int, path: str) -> CheckResult:
    from bookmarkai_assets.adapters.http_health import check_answer  # noqa: PLC0415 - as above

    asked = _LOOPBACK if host in _ANY_ADDRESS else host
    address = f"[{asked}]" if ":" in asked else asked
    return check_answer(f"http://{address}:{place.port or port}{path}", timeout_seconds=place.timeout_seconds)
