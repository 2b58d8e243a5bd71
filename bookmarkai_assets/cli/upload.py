"""`bookmarkai upload`: send video files to the bucket, each of which becomes a share."""

import mimetypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from bookmarkai_assets.cli.output import clean, err, human_bytes, out, print_json, share_id_of
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.shares.share import LOCAL_USER
from bookmarkai_assets.operations.uploads.sending import Sender, SendOutcome, SentFile
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.storage import make_uploads

_UNKNOWN_TYPE = "application/octet-stream"


def upload(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", exists=True, dir_okay=False, readable=True, help="Files with video or sound"),
    ],
    *,
    user: Annotated[str, typer.Option(help="The user whose shares the files become, a UUID")] = LOCAL_USER,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Parts of a file sent at a time")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Upload video files straight to the bucket. Each becomes a share, which the sensor takes up like any other.

    You can stop it and run it again at any time: parts that are in the bucket are not sent again, and a file of yours
    that is stored already is not sent at all. One file that fails does not stop the others; the exit code is 1 then.

    Example: bookmarkai upload holiday.mp4 interview.mkv
    """
    user_id = share_id_of(user, "--user")
    settings = load_settings()
    bucket = make_uploads(settings)
    if bucket is None:
        raise ConfigurationError("expected a bucket to upload to, found none; set S3_MEDIA_BUCKET")
    with open_catalog(settings) as catalog:
        sender = Sender(
            catalog=catalog,
            bucket=bucket,
            user_id=user_id,
            max_bytes=settings.download_max_bytes,
            clock=lambda: datetime.now(UTC),
            new_id=lambda: str(uuid4()),
            threads=workers,
        )
        sent: list[SentFile] = []
        with _progress(files, is_shown=not as_json) as begin:
            for file in files:
                on_read, on_sent = begin(file)
                sent.append(_send(sender, file, on_read, on_sent))
                if not as_json:
                    _print(sent[-1])
    if as_json:
        print_json([one.as_dict() for one in sent])
    if not all(one.outcome.is_good for one in sent):
        raise typer.Exit(1)


def _send(sender: Sender, file: Path, on_read: Callable[[int], object], on_sent: Callable[[int], object]) -> SentFile:
    content_type = mimetypes.guess_type(file.name)[0] or _UNKNOWN_TYPE
    if not content_type.startswith(("video/", "audio/")):
        content_type = _UNKNOWN_TYPE
    try:
        return sender.send(file, content_type, on_read=on_read, on_sent=on_sent)
    except OSError as error:
        return SentFile(file, SendOutcome.FAILED, 0, detail=f"expected a file that can be read, found: {error}")


def _print(sent: SentFile) -> None:
    line = clean(f"{sent.outcome}  ")
    if sent.outcome.is_good:
        what = human_bytes(sent.sent_bytes) if sent.sent_bytes else "nothing to send"
        out.print(line.append_text(clean(f"{sent.share_id}  {sent.file}  {what}", 500)), soft_wrap=True)
        return
    err.print(line.append_text(clean(f"{sent.file}\n         {sent.detail}", 1000)), soft_wrap=True)


@contextmanager
def _progress(
    files: list[Path], *, is_shown: bool
) -> Iterator[Callable[[Path], tuple[Callable[[int], object], Callable[[int], object]]]]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not (is_shown and err.is_terminal),
        transient=True,
    )
    number = 0

    def begin(file: Path) -> tuple[Callable[[int], object], Callable[[int], object]]:
        nonlocal number
        number += 1
        name, size = clean(file.name, 40).plain, file.stat().st_size
        place = f"{number}/{len(files)} " if len(files) > 1 else ""
        reading = bar.add_task(f"{place}reading {name}", total=size)
        sending = bar.add_task(f"{place}sending {name}", total=size)
        return (lambda size_bytes: bar.advance(reading, size_bytes)), (
            lambda size_bytes: bar.advance(sending, size_bytes)
        )

    with bar:
        try:
            yield begin
        except (KeyboardInterrupt, SystemExit):
            err.print("stopped; run it again to go on")
            raise
