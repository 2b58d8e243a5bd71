"""`bookmarkai storage move`: move stored media to the other backend."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

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
from bookmarkai_assets.cli.output import err, human_bytes, out, print_json_report, share_id_of
from bookmarkai_assets.cli.partitions import AsPartitions, print_partitions
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import REMOTE_BACKENDS, Backend
from bookmarkai_assets.operations.media.catalog_reads import all_media
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.storage.moving import Move, MoveOutcome, move_media, preview_move, require_room
from bookmarkai_assets.operations.storage.spool import Spool
from bookmarkai_assets.settings.settings import load_settings


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
    partitions: AsPartitions = False,
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
        before = hold.clock() - age if age is not None else None
        named = {media.media_id: media for one in share_ids for media in [wanted_media(hold, one, "--share")]}

        def chosen() -> Iterator[Media]:
            """Yield the media to move, as they are now. A large catalog is read again each time, not held."""
            if share_ids:
                yield from named.values()
                return
            for media in all_media(hold.catalog):
                if before is None or (media.stored_at and media.stored_at < before):
                    yield media

        totals = _add_up(chosen())
        _check_stores(hold, {to, *totals.backends})
        require_room(hold, chosen(), to)
        report = _Report(to, is_dry_run=dry_run)
        if dry_run:
            for media in chosen():
                report.add(preview_move(hold, media, to))
        else:
            with _progress(totals, is_shown=not as_json) as (on_move, on_bytes):
                media_ids = (media.media_id for media in chosen())
                for done in move_media(hold, media_ids, to, workers=workers, on_move=on_move, on_bytes=on_bytes):
                    report.add(done)
    report.left = 0 if dry_run else max(0, totals.media - len(report.moves))
    report.print(as_partitions=partitions, as_json=as_json)
    if not dry_run and not report.is_done:
        raise typer.Exit(1)


@dataclass
class _Totals:
    """What is to be moved: how many media, their bytes, and the backends that have them."""

    media: int = 0
    size_bytes: int = 0
    backends: set[Backend] = field(default_factory=set)


def _add_up(chosen: Iterable[Media]) -> _Totals:
    totals = _Totals()
    for media in chosen:
        totals.media += 1
        totals.size_bytes += media.size_bytes
        if media.backend is not None:
            totals.backends.add(media.backend)
    return totals


def _check_stores(hold: Hold, used: Collection[Backend]) -> None:
    """Ask each bucket once, so that the command does not fail for every media in turn. Raises `StoreError`."""
    for backend in REMOTE_BACKENDS & set(used):
        next(iter(hold.stores[backend].list(hold.rules.prefix_on(backend))), None)


@contextmanager
def _progress(
    totals: _Totals, *, is_shown: bool
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
    total = totals.size_bytes
    with bar:
        task = bar.add_task("moving", total=total, done=0, count=totals.media)

        def on_move(done: Move) -> None:
            nonlocal finished, total
            finished += 1
            # What was there already, or could not be copied, leaves the total: the speed is that of copying.
            total -= done.size_bytes - copied.pop(done.media_id, 0)
            bar.update(task, total=total, done=finished)
            if not done.outcome.is_done:
                print_unfinished(bar.console, done)

        def on_bytes(media_id: str, size_bytes: int) -> None:
            copied[media_id] += size_bytes
            bar.advance(task, size_bytes)

        try:
            yield on_move, on_bytes
        except (KeyboardInterrupt, SystemExit):
            left = totals.media - finished
            bar.console.print(
                f"stopped: {finished} done, {left} to do; run it again to go on", soft_wrap=not err.is_terminal
            )
            raise


class _Report:
    """What became of each media, and what is printed about it."""

    def __init__(self, to: Backend, *, is_dry_run: bool) -> None:
        self._to = to
        self._is_dry_run = is_dry_run
        self._counts: Counter[MoveOutcome] = Counter()
        self._moved_bytes = 0
        # On disk, because there may be a million.
        self.moves: Spool[dict[str, Any]] = Spool(dict, dict)
        self.left = 0

    def add(self, move: Move) -> None:
        """Add the result of one media."""
        self._counts[move.outcome] += 1
        self._moved_bytes += move.size_bytes if move.outcome is MoveOutcome.MOVED else 0
        self.moves.add(move.as_dict(), rank=0)

    @property
    def is_done(self) -> bool:
        """Whether every media is where it should be."""
        return all(outcome.is_done for outcome in self._counts)

    def print(self, *, as_partitions: bool, as_json: bool) -> None:
        """Print the report, with every media if it is JSON; or only the shares of these media, as partitions."""
        if as_partitions:
            named = dict.fromkeys(move["share_id"] for move in self.moves if move["share_id"])
            print_partitions(load_settings(), list(named), as_json=as_json)
            return
        if as_json:
            head = {
                "to": self._to.value,
                "dry_run": self._is_dry_run,
                "counts": {outcome.value: self._counts[outcome] for outcome in MoveOutcome},
                "bytes": self._moved_bytes,
                "left": self.left,
            }
            print_json_report(head, "moves", self.moves)
            return
        verb = "would be moved" if self._is_dry_run else "moved"
        moved = self._counts[MoveOutcome.MOVED]
        out.print(f"{moved} {verb} to {self._to.value} ({human_bytes(self._moved_bytes)})", soft_wrap=True)
        for outcome in MoveOutcome:
            if outcome is not MoveOutcome.MOVED and self._counts[outcome]:
                out.print(f"{self._counts[outcome]} {outcome.value.replace('_', ' ')}")
        if self._counts[MoveOutcome.NO_SPACE]:
            out.print(
                f"STOPPED: there is no room for more on {self._to.facts.title}; {self.left} not tried. Free space, "
                "then run it again.",
                soft_wrap=True,
            )
