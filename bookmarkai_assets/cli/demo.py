"""`bookmarkai demo`: the pipeline on sample links, with live progress and a table at the end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.text import Text

from bookmarkai_assets.cli.output import clean, err


def demo(
    *,
    keep_ui: Annotated[bool, typer.Option("--keep-ui", help="Keep Dagster's UI running until Ctrl-C")] = False,
    directory: Annotated[Path, typer.Option(help="Directory for the demo's state, which each demo replaces")] = Path(
        ".demo"
    ),
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The UI's port; by default 3000 with --keep-ui, else a free one"),
    ] = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="On PostgreSQL, with workers that take runs from RabbitMQ")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=16, help="With --cluster: the number of workers")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the shares' reports as JSON")] = False,
) -> None:
    """Run the pipeline on sample videos, with a local S3 server, a loopback site, Dagster and the speech model tiny.en.

    No account is needed. The exit code is 0 only if every good share has its transcript, the video shared twice was
    fetched once, both backends got some videos, and the broken video ended with its reason.

    --cluster needs Debian's RabbitMQ and a checkout. It also prints which worker had which run, and expects each run to
    have ended on one of them.

    Example: bookmarkai demo --keep-ui
    """
    from bookmarkai_assets.cli.demo_view import UI_PORT, TerminalView  # noqa: PLC0415 - loads servers that no other command needs
    from bookmarkai_assets.demo.cluster.run import run_cluster_demo  # noqa: PLC0415 - as above
    from bookmarkai_assets.demo.dagster_dev import free_port  # noqa: PLC0415 - as above
    from bookmarkai_assets.demo.run import run_demo  # noqa: PLC0415 - as above

    port = port or (UI_PORT if keep_ui else free_port())
    with _one_interrupt(), TerminalView(keep_ui=keep_ui, as_json=as_json) as view:
        try:
            if cluster:
                result = run_cluster_demo(directory, view, port=port, workers=workers)
            else:
                result = run_demo(directory, view, port=port)
        except KeyboardInterrupt:
            view.say("Stopped.")
            raise typer.Exit(130) from None
    for problem in result.problems:
        err.print(Text("not as it should be: ", style="bold red").append_text(clean(problem, 1000)), soft_wrap=True)
    if result.problems:
        raise typer.Exit(1)
    view.say("Everything is as it should be.")


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C, and ignore further signals, which would interrupt stopping and leave servers behind.

    Stopping takes some seconds at most. A signal that is ignored, as Ctrl-C is in the background, stays ignored.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    is_interrupted = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_interrupted
        is_interrupted = True
        for number in handlers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number, handler in handlers.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        if not is_interrupted:
            for number, handler in handlers.items():
                signal.signal(number, handler)
