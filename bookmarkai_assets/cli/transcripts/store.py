"""`bookmarkai transcripts store`: store transcripts as files beside their media, where the files are missing."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bookmarkai_assets.cli.hold import command_hold, print_unfinished, wanted_media
from bookmarkai_assets.cli.output import err, human_bytes, out, print_json, share_id_of
from bookmarkai_assets.cli.partitions import AsPartitions, print_partitions
from bookmarkai_assets.operations.transcripts.storing import (
    Storing,
    StoringOutcome,
    media_without_files,
    preview_storing,
    store_transcript_files,
)
from bookmarkai_assets.settings.settings import load_settings


def store(
    share_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID…]", help="The shares' ids; by default all that lack files")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be stored, and store nothing")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Transcripts stored at a time")] = 8,
    partitions: AsPartitions = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Store transcripts beside their videos as JSON, text, SRT and WebVTT, made from the catalog.

    New transcripts get their files by themselves. Without ids, this covers all that have none on record. With ids, the
    files of these shares are checked, and made again if one is missing, damaged or of another transcript. You can stop
    it and run it again at any time. The exit code is 1 if some could not be stored.

    Example: bookmarkai transcripts store --dry-run
    """
    wanted = [share_id_of(share_id, "ID") for share_id in share_ids or []]
    with command_hold("store", group="transcripts") as hold:
        asked = {wanted_media(hold, share_id, "ID").media_id: share_id for share_id in wanted}
        chosen = asked or dict(media_without_files(hold.catalog))
        if dry_run:
            storings = [preview_storing(hold, media_id, share_id) for media_id, share_id in chosen.items()]
        else:
            with _progress(len(chosen), is_shown=not as_json) as on_done:
                storings = store_transcript_files(hold, chosen, workers=workers, on_done=on_done)
    if partitions:
        named = dict.fromkeys(storing.share_id for storing in storings if storing.share_id)
        print_partitions(load_settings(), list(named), as_json=as_json)
    else:
        _report(storings, is_dry_run=dry_run, as_json=as_json)
    if not dry_run and not all(storing.outcome.is_done for storing in storings):
        raise typer.Exit(1)


@contextmanager
def _progress(count: int, *, is_shown: bool) -> Iterator[Callable[[Storing], object]]:
    bar = Progress(
        TextColumn("storing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not (is_shown and err.is_terminal),
    )
    with bar:
        task = bar.add_task("storing", total=count)

        def on_done(done: Storing) -> None:
            bar.advance(task)
            if not done.outcome.is_done:
                print_unfinished(bar.console, done)

        yield on_done


def _report(storings: Sequence[Storing], *, is_dry_run: bool, as_json: bool) -> None:
    counts = Counter(storing.outcome for storing in storings)
    size = sum(storing.size_bytes for storing in storings if storing.outcome is StoringOutcome.STORED)
    if as_json:
        print_json(
            {
                "dry_run": is_dry_run,
                "counts": {outcome.value: counts[outcome] for outcome in StoringOutcome},
                "bytes": size,
                "transcripts": [storing.as_dict() for storing in storings],
            }
        )
        return
    verb = "would be stored" if is_dry_run else "stored"
    out.print(f"Files of {counts[StoringOutcome.STORED]:,} transcripts {verb} ({human_bytes(size)})", soft_wrap=True)
    for outcome in StoringOutcome:
        if outcome is not StoringOutcome.STORED and counts[outcome]:
            out.print(f"{counts[outcome]:,} {outcome.value.replace('_', ' ')}")
