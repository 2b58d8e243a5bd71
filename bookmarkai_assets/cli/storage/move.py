"""`bookmarkai storage move`: move stored media to the other backend."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from bookmarkai_assets.cli.durations import parse_duration
from bookmarkai_assets.cli.hold import command_hold, print_unfinished, wanted_media
from bookmarkai_assets.cli.output import err, human_bytes, out, print_json, share_id_of
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import REMOTE_BACKENDS, Backend
from bookmarkai_assets.operations.media.catalog_reads import all_media
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.storage.moving import Move, MoveOutcome, move_media, preview_move, require_room


def move(
    *,
    to: Annotated[Backend, typer.Option(help="The backend to move media to")],
    share: Annotated[list[str] | None, typer.Option(help="Move the media of this share (repeatable)")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Move all media")] = False,
    older_than: Annotated[
        str | None, typer.Option(help="Move media stored longer ago than this, such as 7d or 12h")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be moved, and move nothing")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Media moved at a time")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Move stored media to the other backend: copy, verify, record the new location. The source stays until clean-up.

    You can stop it and run it again at any time: what is verified at its target counts as done. To local, it
    begins only with room for all of it beside DOWNLOAD_MIN_FREE_BYTES, and stops when the disk is full. The exit code
    is 1 if some media could not be moved.

    Example: bookmarkai storage move --to s3 --older-than 7d --dry-run
    """
    if sum([bool(share), everything, older_than is not None]) != 1:
        raise typer.BadParameter("expected one of --share, --all and --older-than")
    share_ids = [share_id_of(text, "--share") for text in share or []]
    age = parse_duration(older_than, "--older-than") if older_than is not None else None
    with command_hold("move") as hold:
        _ = hold.stores[to]  # raises if it is not configured, before a whole catalog is read
        if share_ids:
            chosen = [wanted_media(hold, share_id, "--share") for share_id in share_ids]
        else:
            before = hold.clock() - age if age is not None else None
            chosen = [m for m in all_media(hold.catalog) if before is None or (m.stored_at and m.stored_at < before)]
        _check_stores(hold, chosen, to)
        require_room(hold, chosen, to)
        if dry_run:
            moves = [preview_move(hold, media, to) for media in chosen]
        else:
            with _progress(chosen, is_shown=not as_json) as (on_move, on_bytes):
                moves = move_media(
                    hold,
                    [media.media_id for media in chosen],
                    to,
                    workers=workers,
                    on_move=on_move,
                    on_bytes=on_bytes,
                )
    left = len({media.media_id for media in chosen}) - len(moves) if not dry_run else 0
    _report(moves, to, left=left, is_dry_run=dry_run, as_json=as_json)
    if not dry_run and not all(move.outcome.is_done for move in moves):
        raise typer.Exit(1)


def _check_stores(hold: Hold, chosen: Sequence[Media], to: Backend) -> None:
    """Ask each bucket once, so that the command does not fail for every media in turn. Raises `StoreError`."""
    used = {to, *(media.backend for media in chosen)}
    for backend in REMOTE_BACKENDS & used:
        next(iter(hold.stores[backend].list(hold.rules.prefix_on(backend))), None)


@contextmanager
def _progress(
    chosen: Sequence[Media], *, is_shown: bool
) -> Iterator[tuple[Callable[[Move], object], Callable[[str, int], object]]]:
    bar = Progress(
        TextColumn("moving"),
        BarColumn(),
        TextColumn("{task.fields[done]} of {task.fields[count]}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not (is_shown and err.is_terminal),
    )
    # Two scales: media for the count, and bytes for the bar, the speed and the remaining time.
    finished = 0
    copied: Counter[str] = Counter()
    sizes = {media.media_id: media.size_bytes for media in chosen}
    total = sum(sizes.values())
    with bar:
        task = bar.add_task("moving", total=total, done=0, count=len(chosen))

        def on_move(done: Move) -> None:
            nonlocal finished, total
            finished += 1
            # What was there already, or could not be copied, leaves the total: the speed is that of copying.
            total -= sizes.get(done.media_id, 0) - copied[done.media_id]
            bar.update(task, total=total, done=finished)
            if not done.outcome.is_done:
                print_unfinished(bar.console, done)

        def on_bytes(media_id: str, size_bytes: int) -> None:
            copied[media_id] += size_bytes
            bar.advance(task, size_bytes)

        try:
            yield on_move, on_bytes
        except (KeyboardInterrupt, SystemExit):
            left = len(chosen) - finished
            bar.console.print(
                f"stopped: {finished} done, {left} to do; run it again to go on", soft_wrap=not err.is_terminal
            )
            raise


def _report(moves: Sequence[Move], to: Backend, *, left: int, is_dry_run: bool, as_json: bool) -> None:
    counts = Counter(move.outcome for move in moves)
    moved_bytes = sum(move.size_bytes for move in moves if move.outcome is MoveOutcome.MOVED)
    if as_json:
        print_json(
            {
                "to": to.value,
                "dry_run": is_dry_run,
                "counts": {outcome.value: counts[outcome] for outcome in MoveOutcome},
                "bytes": moved_bytes,
                "left": left,
                "moves": [move.as_dict() for move in moves],
            }
        )
        return
    verb = "would be moved" if is_dry_run else "moved"
    out.print(f"{counts[MoveOutcome.MOVED]} {verb} to {to.value} ({human_bytes(moved_bytes)})", soft_wrap=True)
    for outcome in MoveOutcome:
        if outcome is not MoveOutcome.MOVED and counts[outcome]:
            out.print(f"{counts[outcome]} {outcome.value.replace('_', ' ')}")
    if counts[MoveOutcome.NO_SPACE]:
        out.print(
            f"STOPPED: there is no room for more on {to.facts.title}; {left} not tried. Free space, then run it again.",
            soft_wrap=True,
        )
