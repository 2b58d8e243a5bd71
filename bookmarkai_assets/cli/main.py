"""The `bookmarkai` command with its groups. The one place where an error becomes a message and an exit code."""

import gc
import logging
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from bookmarkai_assets.cli import catalog, config, demo, metrics, models, platforms, probe, serve, token, work, worker
from bookmarkai_assets.cli import open as opening
from bookmarkai_assets.cli import run as running
from bookmarkai_assets.cli.doctor import command as doctor
from bookmarkai_assets.cli.help_text import unfold_help
from bookmarkai_assets.cli.output import fail
from bookmarkai_assets.cli.rollout import group as rollout
from bookmarkai_assets.cli.shares import group as shares
from bookmarkai_assets.cli.storage import group as storage
from bookmarkai_assets.cli.transcripts import group as transcripts
from bookmarkai_assets.core.errors import BookmarkAIError
from bookmarkai_assets.settings.logs import LogFormat, read_log_format
from bookmarkai_assets.wiring.logs import set_up_logs

# What is loaded by now stays to the end. Set aside, it is not taken apart there: a fifth of a short command's CPU.
gc.freeze()

app = typer.Typer(
    name="bookmarkai",
    help="Turn shared video links into stored media and transcripts.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(shares.app, name="shares")
app.add_typer(platforms.app, name="platforms")
app.add_typer(storage.app, name="storage")
app.add_typer(transcripts.app, name="transcripts")
app.add_typer(models.app, name="models")
app.add_typer(rollout.app, name="rollout")
app.add_typer(catalog.app, name="catalog")
app.add_typer(token.app, name="token")
app.command("open")(opening.open_share)
app.command("metrics")(metrics.metrics)
app.command("config")(config.config)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("probe")(probe.probe)
app.command("run")(running.run)
app.command("work")(work.work)
app.command("worker")(worker.worker)
unfold_help(app)


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only this option needs it

        sys.stdout.write(version("bookmarkai-assets") + "\n")
        raise typer.Exit


@app.callback()
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
    try:
        app()
    except BookmarkAIError as error:
        if read_log_format() is LogFormat.JSON:
            logging.getLogger("bookmarkai").error("%s", error)  # noqa: TRY400 - it was raised on purpose, and says what to do
        else:
            fail(str(error))
        raise SystemExit(1) from None
    finally:
        signal.signal(signal.SIGTERM, before)
