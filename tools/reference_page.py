"""Write `docs/reference.md`: every setting and every command, read from the code.

From the checkout: `python -m tools.reference_page`. Run this after a setting or a command has changed. A test compares
the page with the code.
"""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic.fields import FieldInfo

from bookmarkai_assets.cli.main import make_app
from bookmarkai_assets.settings.catalog import CatalogSettings
from bookmarkai_assets.settings.cdn import CdnSettings
from bookmarkai_assets.settings.cluster import ClusterSettings
from bookmarkai_assets.settings.door import DoorSettings
from bookmarkai_assets.settings.downloads import DownloadSettings
from bookmarkai_assets.settings.intake import IntakeSettings
from bookmarkai_assets.settings.logs import LogSettings
from bookmarkai_assets.settings.rollout import RolloutSettings
from bookmarkai_assets.settings.secret_files import names_with_files
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.settings.speech import SpeechSettings
from bookmarkai_assets.settings.storage import StorageSettings
from bookmarkai_assets.settings.types import SettingsPart

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"

PARTS: Mapping[type[SettingsPart] | None, str] = {
    StorageSettings: "Storage",
    CdnSettings: "CloudFront",
    DownloadSettings: "Downloads and sites",
    RolloutSettings: "The rollout",
    SpeechSettings: "Speech",
    IntakeSettings: "Shares, retries and stores",
    ClusterSettings: "Workers of a cluster",
    DoorSettings: "The HTTP door",
    CatalogSettings: "The catalog",
    LogSettings: "Logs",
    None: "Alerts and Dagster",
}
"""The headings of the settings, in the order of `Settings`. None stands for those in no part of their own."""

INTRODUCTION = """\
# Settings and commands

This page is for operators who look something up. It is made from the code by `python -m tools.reference_page`.

## Settings

Settings are environment variables. You can also put them in a file `.env` in the directory you start from. What is
exported counts more than the file, for commands and workers alike. If any value is bad, nothing starts, and one message
names every bad variable. `bookmarkai config` shows what is in effect.

A secret may be in a file: `CATALOG_PASSWORD_FILE=/run/secrets/catalog_password` instead of `CATALOG_PASSWORD`. The
last line break of the file is no part of the secret. This holds for {secrets}.

Hybrid places a share by a stable hash of its id. Raising the percentage only ever adds shares to S3, and lowering it
removes exactly those added last. Neither moves what is already stored; [Storage](storage.md) says how to do that.
`STORAGE_MODE=local` takes effect with the next placement. `dagster_home/dagster.yaml` sets how many runs work at the
same time: 2 by default, and one per core is best.
"""

COMMANDS = """\
## Commands

Every command takes `--help`. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(reference_page(), encoding="utf-8")


def reference_page() -> str:
    """Return the page as markdown."""
    names = [f"`{name.upper()}`" for name in names_with_files(Settings)]
    secrets = f"{', '.join(names[:-1])} and {names[-1]}"
    introduction = INTRODUCTION.replace("{secrets}", secrets)
    return "\n".join([introduction, *_settings(), COMMANDS, *_commands()])


def _settings() -> Iterator[str]:
    described = {name: part for part in PARTS if part is not None for name in part.model_fields}
    for part, title in PARTS.items():
        yield f"### {title}\n"
        yield "| variable | default | meaning |\n| --- | --- | --- |"
        for name, field in Settings.model_fields.items():
            if described.get(name) is part:
                yield f"| `{name.upper()}` | {_default(field)} | {_cell(field.description or '')} |"
        yield ""


def _default(field: FieldInfo) -> str:
    match field.default:
        case None | frozenset() | {}:
            return "unset"
        case bool(value):
            return f"`{str(value).lower()}`"
        case tuple(values):
            return f"`{','.join(str(value).removesuffix('%') for value in values)}`"
        case value:
            return f"`{value}`"


def _commands() -> Iterator[str]:
    yield from _group(typer.main.get_command(make_app()), "bookmarkai")


def _group(group: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - Typer does not export its command classes
    # Groups first: they are what people use every day.
    for name, command in sorted(group.commands.items(), key=lambda one: not hasattr(one[1], "commands")):
        if hasattr(command, "commands"):
            yield f"### `{path} {name}`\n\n{_cell(command.help or '')}\n"
            yield from _group(command, f"{path} {name}")
        else:
            yield from _command(command, f"{path} {name}", level=4 if path.count(" ") else 3)


def _command(command: Any, path: str, *, level: int) -> Iterator[str]:  # noqa: ANN401 - as above
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join([path, *(_argument(one) for one in arguments), *(["[OPTIONS]"] if options else [])])
    text, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
    yield f"{'#' * level} `{path}`\n\n```\n{usage}\n```\n"
    yield f"{_prose(text)}\n"
    if example:
        yield f"Example:\n\n```\n{example.strip()}\n```\n"
    if options:
        yield "| option | meaning |\n| --- | --- |"
        for one in options:
            names = " / ".join(f"`{name}`" for name in [*one.opts, *one.secondary_opts])
            yield f"| {names} | {_cell(one.help or '')}{_default_of(one)} |"
        yield ""


def _argument(argument: Any) -> str:  # noqa: ANN401 - as above
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"


def _default_of(option: Any) -> str:  # noqa: ANN401 - as above
    is_shown = option.default not in (None, False, (), []) and not callable(option.default)
    return f" (default: `{option.default}`)" if is_shown else ""


def _prose(text: str) -> str:
    return text.strip().replace("<", "\\<").replace("*", "\\*")


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
