"""`bookmarkai transcripts doubtful`: list the transcripts with doubts, and why."""

from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import clean, print_json, print_table
from bookmarkai_assets.cli.partitions import AsPartitions, print_partitions
from bookmarkai_assets.core.shares.dagster_ui import TRANSCRIPT
from bookmarkai_assets.core.transcripts.doubts import DoubtKind, as_plain
from bookmarkai_assets.core.transcripts.ports import DoubtfulTranscript
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

SHOWN = 50


def doubtful(
    *,
    kind: Annotated[
        list[DoubtKind] | None, typer.Option(help="Only transcripts with this kind of doubt (repeatable)")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"At most this many, newest first; {SHOWN}, or all with --partitions")
    ] = None,
    partitions: AsPartitions = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """List the transcripts that a quality rule doubts, newest first, with every doubt about them.

    With --partitions, print them as partitions of `transcript`: a backfill of these transcribes just them again.

    Example: bookmarkai transcripts doubtful --kind repetition_loop
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        found = catalog.transcripts.doubtful(kinds=kind or (), limit=limit or (None if partitions else SHOWN))
    if partitions:
        is_cut = limit is not None and len(found) == limit
        print_partitions(
            settings,
            [one.share_id for one in found],
            assets=[TRANSCRIPT],
            as_json=as_json,
            cut=f"The newest {limit:,}; there may be more: --limit." if is_cut else None,
        )
        return
    if as_json:
        print_json([_as_dict(one) for one in found])
        return
    print_table(
        ["id", "severity", "doubt", "found"],
        [
            (one.share_id, doubt.severity.value, doubt.kind.value, clean(doubt.words, 400))
            for one in found
            for doubt in one.doubts
        ],
    )


def _as_dict(one: DoubtfulTranscript) -> dict[str, Any]:
    return {
        "id": one.share_id,
        "made_at": one.made_at.isoformat(),
        "doubts": [as_plain(doubt) for doubt in one.doubts],
    }
