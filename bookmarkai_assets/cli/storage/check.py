"""`bookmarkai storage check`: test a storage configuration before relying on it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from bookmarkai_assets.cli.output import STATUS_STYLES, clean, out, print_json
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckResult, CheckStatus, TimedResult
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoreInspector
from bookmarkai_assets.operations.storage.checking import BackendCheck, Probing, check_backend
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.settings.storage import StorageSettings
from bookmarkai_assets.wiring.storage import make_inspectors, make_link_reader, make_stores

_WORDS = {
    CheckStatus.PASS: "ok",
    CheckStatus.WARN: "warning",
    CheckStatus.FAIL: "failed",
    CheckStatus.SKIP: "skipped",
}
"""The names of the statuses in this command's lines and JSON. `bookmarkai doctor` names them differently."""

_STATUS_WIDTH = max(len(word) for word in _WORDS.values())
_NAME_WIDTH = len("credentials")
_TIME_WIDTH = len("999999 ms")
_MAX_CHARACTERS = 2000
"""The longest text of a step's result."""

_MAX_COMMAND_CHARACTERS = 200_000
"""Enough for a command that sets all of a bucket's lifecycle rules, of which S3 takes 1000. It must not be cut."""


def check(
    *,
    backend: Annotated[
        Backend | None, typer.Option(help="Only this backend; by default all that are configured")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Test the configured storage: check its settings, then store, read and delete a probe, and time each step.

    The exit code is 0 if nothing failed (there may be warnings), 1 otherwise. The probe is named storage-check-… and is
    below S3_VIDEO_PREFIX while the check runs.

    Example: bookmarkai storage check --backend s3
    """
    settings = load_settings()
    inspectors = _inspectors(settings, backend)
    shown = settings.shown()
    configuration = {name: shown[name] for name in _variables()}
    if not as_json:
        _print_configuration(configuration)
    stores = make_stores(settings)
    probing = Probing(settings.s3_video_prefix, make_link_reader())
    checks = []
    for inspector in inspectors:
        if not as_json:
            out.print(Text(f"\n{inspector.backend}", style="bold"), soft_wrap=True)
        on_step = _ignore if as_json else _print_step
        checks.append(check_backend(inspector, stores[inspector.backend], probing, on_step=on_step))
    is_ok = all(done.is_ok for done in checks)
    if as_json:
        print_json(
            {
                "ok": is_ok,
                "configuration": configuration,
                "backends": {done.backend: [_as_dict(step) for step in done.steps] for done in checks},
            }
        )
    else:
        _print_end(checks)
    if not is_ok:
        raise typer.Exit(1)


def _variables() -> list[str]:
    """Return the settings that concern storage, with the directory beside how long its files are kept."""
    names = [name.upper() for name in StorageSettings.model_fields]
    names.insert(names.index("LOCAL_RETENTION_DAYS"), Backend.LOCAL.facts.location_setting)
    return names


def _inspectors(settings: Settings, wanted: Backend | None) -> list[StoreInspector]:
    inspectors = {inspector.backend: inspector for inspector in make_inspectors(settings)}
    if wanted is None:
        return list(inspectors.values())
    if wanted not in inspectors:
        raise ConfigurationError(
            f"expected a configured backend {wanted}, but {wanted.facts.location_setting} is not set; set it"
        )
    return [inspectors[wanted]]


def _ignore(step: TimedResult) -> None:
    """Print nothing, because JSON is printed as one document at the end."""


def _print_configuration(configuration: Mapping[str, str | None]) -> None:
    width = max(len(name) for name in configuration)
    for name, value in configuration.items():
        out.print(clean(f"{name:<{width}}  {'-' if value is None else value}", _MAX_CHARACTERS), soft_wrap=True)


def _print_step(step: TimedResult) -> None:
    result = step.result
    line = Text(f"{_WORDS[result.status]:<{_STATUS_WIDTH}}", style=STATUS_STYLES[result.status])
    took = "" if result.status is CheckStatus.SKIP else f"{step.seconds * 1000:.0f} ms"
    line.append(f"  {step.name:<{_NAME_WIDTH}} {took:>{_TIME_WIDTH}}  ", style="default")
    line.append_text(clean(result.found, _MAX_CHARACTERS))
    out.print(line, soft_wrap=True)
    remedy = _write_remedy(result)
    if remedy is not None:
        indent = " " * len(f"{'':<{_STATUS_WIDTH}}  {'':<{_NAME_WIDTH}} {'':<{_TIME_WIDTH}}  ")
        words, *commands = remedy.split("\n")
        out.print(Text(f"{indent}→ ").append_text(clean(words, _MAX_CHARACTERS)), soft_wrap=True)
        for command in commands:
            # From the first column, so that it can be copied as it is.
            out.print(clean(command, _MAX_COMMAND_CHARACTERS), soft_wrap=True)


def _write_remedy(result: CheckResult) -> str | None:
    """Return the remedy and the command, each on its own line, or None if there is neither."""
    return "\n".join(line for line in (result.remedy, result.command) if line is not None) or None


def _print_end(checks: Sequence[BackendCheck]) -> None:
    counts = Counter(step.result.status for done in checks for step in done.steps)
    counted = ", ".join(f"{counts[status]} {_WORDS[status]}" for status in CheckStatus if counts[status])
    verdict = "Storage is ready" if all(done.is_ok for done in checks) else "STORAGE IS NOT READY"
    out.print(f"\n{verdict}: {counted}.", soft_wrap=True)


def _as_dict(step: TimedResult) -> dict[str, Any]:
    return {
        "step": step.name,
        "status": _WORDS[step.result.status],
        "seconds": round(step.seconds, 6),
        "found": step.result.found,
        "remedy": _write_remedy(step.result),
    }
