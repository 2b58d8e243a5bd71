"""`bookmarkai work`: how much work waits for workers, for people and for what starts and stops workers."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import print_json, print_table
from bookmarkai_assets.operations.shares.backlog import work_by_queue
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules


def work(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, of which every value is a number: shares and seconds, by queue")
    ] = False,
) -> None:
    """Show how many shares wait for a worker, how long the oldest has waited, and how many are being worked on.

    Shares that no worker could take now are not counted: those that wait for a retry, a paused site or a store.

    Example: bookmarkai work --json
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        queues = work_by_queue(catalog, make_rules(settings), now=datetime.now(UTC))
    if as_json:
        print_json({"queues": {queue.queue: queue.as_dict() for queue in queues}})
        return
    print_table(
        ["queue", "due shares", "oldest, seconds", "running shares"],
        [
            (queue.queue, f"{queue.due_shares:,}", f"{queue.oldest_due_seconds:,.0f}", f"{queue.running_shares:,}")
            for queue in queues
        ],
    )
