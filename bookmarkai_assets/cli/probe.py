"""`bookmarkai probe`: whether a process lives or is ready, for what starts and restarts processes."""

from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, out
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.operations.health.doctor import make_check, run_checks
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.probes import Part, Place, Question, ask

_MAX_CHARACTERS = 1000

_LOADING_SECONDS = 10
"""How long a busy machine may take to load what asks: Dagster takes a second of CPU."""


def probe(
    question: Annotated[Question, typer.Argument(help="live: would a restart help; ready: may work be sent")],
    part: Annotated[Part, typer.Argument(help="The process to ask")],
    *,
    host: Annotated[
        str | None, typer.Option(help="Host of the code server, the webserver or the door, instead of this machine")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Port, instead of the code server's 4266, the webserver's 3000 and the door's DOOR_PORT",
        ),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(help="Path to get from the webserver or the door, such as /prefix/server_info"),
    ] = None,
    name: Annotated[str, typer.Option(help="The worker's name, as `bookmarkai worker --name` has it")] = "1",
    tolerance: Annotated[
        float,
        typer.Option(
            min=1, help="Seconds for which a part of the daemon may give no sign of life; it gives one every 30 s"
        ),
    ] = 120,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds in which the process must answer")] = 5,
) -> None:
    """Ask a process whether it lives or is ready, print one line, and end with 0 for yes and 1 for no.

    daemon: all its parts have given a sign of life, and if ready, without errors. worker: it answers over the broker,
    and if ready, the catalog can be read and written; while the broker is away it counts as live, because a restart
    would only end its run. code-server: it answers, and if ready, it has loaded the definitions. webserver and door:
    they answer, and the door, if ready, can read the catalog. Ask the daemon where its DAGSTER_HOME is, and a worker
    on its own host.

    Example: bookmarkai probe ready code-server --port 4266
    """
    settings = load_settings()
    place = Place(host, port, path, name, tolerance, timeout)
    check = make_check(
        str(part), lambda: ask(settings, question, part, place), limit_seconds=timeout + _LOADING_SECONDS
    )
    # What hangs is not waited for: this process ends, and what it hangs in with it.
    [timed] = run_checks([check], end_seconds=0)
    accepted = {CheckStatus.PASS} if question is Question.READY else {CheckStatus.PASS, CheckStatus.WARN}
    is_yes = timed.result.status in accepted
    line = clean(timed.result.found, _MAX_CHARACTERS)
    out.print(f"{part} {question}: {'yes' if is_yes else 'no'}, ", line, sep="", soft_wrap=True, markup=False)
    if not is_yes:
        raise typer.Exit(1)
