"""`bookmarkai run`: start a program of Dagster's with the secrets that are in files."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.settings.logs import LogFormat
from bookmarkai_assets.settings.settings import load_settings

_LOG_FORMAT = "--log-format"
_TAKE_LOG_FORMAT = (
    ("dagster-daemon", "run"),
    ("dagster-webserver",),
    ("dagster", "api", "grpc"),
    ("dagster", "code-server", "start"),
)
"""The commands of Dagster that know the format of their log by an option alone."""


def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The program and its arguments")],
) -> None:
    """Check the settings, put the secrets that dagster.yaml reads into the environment, and become another program.

    Those are DAGSTER_POSTGRES_URL, DAGSTER_POSTGRES_PASSWORD, CELERY_BROKER_URL, CELERY_RESULT_BACKEND and AWS's keys.
    Each is taken from the file that NAME_FILE names, if that is set. With LOG_FORMAT=json Dagster's daemon, webserver
    and code server get `--log-format json`. The program has this process's id, so signals and exit codes are its own.

    Example: bookmarkai run -- dagster-daemon run --workspace workspace.yaml
    """
    settings = load_settings()
    if settings.log_format is LogFormat.JSON:
        command = _with_json_log(command)
    try:
        os.execvp(command[0], command)  # noqa: S606 - what the operator wrote, without a shell
    except OSError as error:
        raise ConfigurationError(
            f"expected a program that can be run as {command[0]!r}, found: {error.strerror}"
        ) from error


def _with_json_log(command: list[str]) -> list[str]:
    called = (Path(command[0]).name, *command[1:])
    if any(one.partition("=")[0] == _LOG_FORMAT for one in command):
        return command
    takes_it = any(called[: len(words)] == words for words in _TAKE_LOG_FORMAT)
    return [*command, _LOG_FORMAT, "json"] if takes_it else command
