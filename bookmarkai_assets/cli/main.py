"""The `bookmarkai` command with its groups. The one place where an error becomes a message and an exit code."""

import gc
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from bookmarkai_assets.cli.commands import add_commands
from bookmarkai_assets.cli.help_text import unfold_help
from bookmarkai_assets.cli.output import tell_failure
from bookmarkai_assets.core.errors import BookmarkAIError
from bookmarkai_assets.settings.logs import read_log_format
from bookmarkai_assets.wiring.logs import set_up_logs

# What is loaded by now stays to the end. Set aside, it is not taken apart there: a fifth of a short command's CPU.
gc.freeze()


def make_app(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line: the command that the words name, or all commands where they name none."""
    app = typer.Typer(
        name="bookmarkai",
        help="Turn shared video links into stored media and transcripts.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(main)
    add_commands(app, words)
    unfold_help(app)
    return app


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only this option needs it

        sys.stdout.write(version("bookmarkai-assets") + "\n")
        raise typer.Exit


def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda wanted: _version(wanted=wanted), is_eager=True, help="Print the version"
        ),
    ] = False,
) -> None:
    """Turn shared video links into stored media and transcripts."""
    set_up_logs(read_log_format())


def _end(signal_number: int, _frame: FrameType | None) -> None:
    # As an exception, so that work in progress is aborted and leases are given back on the way out.
    raise SystemExit(128 + signal_number)


def run() -> None:
    """Run the command line. An error that we raised on purpose becomes a message on stderr and exit code 1."""
    before = signal.signal(signal.SIGTERM, _end)
    loaded = len(sys.modules)
    try:
        app = make_app(sys.argv[1:])
        if len(sys.modules) > loaded:
            gc.freeze()
        app()
    except BookmarkAIError as error:
        tell_failure(str(error))
        raise SystemExit(1) from None
    finally:
        signal.signal(signal.SIGTERM, before)
