"""`bookmarkai transcripts store`: transcripts as files beside their media, for those that have none or lost them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bookmarkai_assets.cli.output import clean, err, human_bytes, out, print_json, share_id_of
from bookmarkai_assets.cli.work import media_work
from bookmarkai_assets.operations.catalog_reads import media_of_share
from bookmarkai_assets.operations.media_leases import MediaWork
from bookmarkai_assets.operations.transcript_storing import (
    Storing,
    StoringOutcome,
    count_of,
    media_without_files,
    planned_storing,
    store_transcript_files,
)


def store(
    share_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID…]", help="The shares' ids; without any, all that lack files")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be stored, and store nothing")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Transcripts stored at a time")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Put transcripts beside their videos as JSON, text, SRT and WebVTT, made from the catalog.

    New transcripts get their files by themselves. Without ids this is for those that have none on record; with ids the
    files of these are looked at, and made anew where one is missing, damaged or of another transcript. It can be
    stopped and repeated at any time. Exit code 1 when some could not be stored.

    Example: bookmarkai transcripts store --dry-run
    """
    wanted = [share_id_of(share_id, "ID") for share_id in share_ids or []]
    with media_work("store", group="transcripts") as work:
        chosen = dict(_media_of(work, share_id) for share_id in wanted) or dict(media_without_files(work.catalog))
        if dry_run:
            storings = [planned_storing(work, media_id, share_id) for media_id, share_id in chosen.items()]
        else:
            with _progress(len(chosen), is_shown=not as_json) as on_done:
                storings = store_transcript_files(work, chosen, workers=workers, on_done=on_done)
    _report(storings, is_dry_run=dry_run, as_json=as_json)
    if not dry_run and not all(storing.outcome.is_done for storing in storings):
        raise typer.Exit(1)


def _media_of(work: MediaWork, share_id: str) -> tuple[str, str]:
    media = media_of_share(work.catalog, work.rules, share_id)
    if media is None:
        raise typer.BadParameter(f"expected a share with media, found none for {share_id}", param_hint="ID")
    return media.media_id, share_id


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
                words = f"{done.outcome}  {done.share_id}  {done.detail or ''}"
                bar.console.print(clean(words, 500), soft_wrap=not err.is_terminal)

        yield on_done


def _report(storings: Sequence[Storing], *, is_dry_run: bool, as_json: bool) -> None:
    size = sum(storing.size_bytes for storing in storings if storing.outcome is StoringOutcome.STORED)
    if as_json:
        print_json(
            {
                "dry_run": is_dry_run,
                "counts": {outcome.value: count_of(storings, outcome) for outcome in StoringOutcome},
                "bytes": size,
                "transcripts": [_as_dict(storing) for storing in storings],
            }
        )
        return
    verb = "would be stored" if is_dry_run else "stored"
    stored = count_of(storings, StoringOutcome.STORED)
    out.print(f"Files of {stored:,} transcripts {verb} ({human_bytes(size)})", soft_wrap=True)
    for outcome in StoringOutcome:
        if outcome is not StoringOutcome.STORED and count_of(storings, outcome):
            out.print(f"{count_of(storings, outcome):,} {outcome.value.replace('_', ' ')}")


def _as_dict(storing: Storing) -> dict[str, Any]:
    return {**asdict(storing), "seconds": round(storing.seconds, 3)}
