"""`bookmarkai transcripts export`: write transcripts to files, or one to standard output."""

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bookmarkai_assets.adapters.common.durable_files import disk_errors, publish, temporary_beside, write_all_at
from bookmarkai_assets.cli.output import clean, err, escape_json, share_id_of
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ExportError, UnknownShareError
from bookmarkai_assets.core.transcripts.formats import TranscriptFormat, render
from bookmarkai_assets.operations.transcripts.reads import shared_transcript
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog


def export(
    share_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="The shares' ids")],
    *,
    form: Annotated[TranscriptFormat, typer.Option("--format", help="Subtitles, plain text, or everything as JSON")],
    target: Annotated[
        Path | None,
        typer.Option("--out", help="A file, or a directory, which gets one file per share, named by its id"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files")] = False,
) -> None:
    """Write transcripts as subtitles, plain text or JSON, to standard output or with --out to files in UTF-8.

    A file appears whole or not at all, and none is replaced without --force. If one of several shares has no
    transcript, the others are still exported.

    Example: bookmarkai transcripts export ID --format vtt --out talk.vtt
    """
    wanted = list(dict.fromkeys(share_id_of(share_id, "ID") for share_id in share_ids))
    if len(wanted) > 1 and target is None:
        raise typer.BadParameter("expected a directory for several shares", param_hint="--out")
    is_directory = target is not None and target.is_dir()
    if len(wanted) > 1 and not is_directory:
        raise ExportError(f"expected a directory for several shares, found none at {target}: make it first")
    with open_catalog(load_settings()) as catalog:
        if target is None:
            text = _render(catalog, wanted[0], form)
            # The other formats are cleaned as they are made. As bytes, because the encoding must not depend on the
            # terminal's.
            sys.stdout.buffer.write((escape_json(text) if form is TranscriptFormat.JSON else text).encode())
        elif is_directory:
            _export_each(catalog, wanted, form, target, force=force)
        else:
            _write(_render(catalog, wanted[0], form).encode(), target, force=force)


def _render(catalog: Catalog, share_id: str, form: TranscriptFormat) -> str:
    return render(shared_transcript(catalog, share_id), form)


def _export_each(
    catalog: Catalog, share_ids: Sequence[str], form: TranscriptFormat, directory: Path, *, force: bool
) -> None:
    failures = 0
    for share_id in share_ids:
        try:
            _write(_render(catalog, share_id, form).encode(), directory / f"{share_id}.{form}", force=force)
        except (ExportError, UnknownShareError) as error:
            failures += 1
            err.print(clean(f"{share_id}  not exported: {error}", 1000), soft_wrap=True)
    if failures:
        raise typer.Exit(1)


def _write(data: bytes, path: Path, *, force: bool) -> None:
    """Write a file that appears whole or not at all, and print its path.

    Raises:
        ExportError: Something has this name and may not be replaced, or the directory is missing.
        StoreError: The disk refuses it.
    """
    if not path.parent.is_dir():
        raise ExportError(f"expected a directory {path.parent}, found none: make it first")
    if force and os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise ExportError(f"expected a file at {path} to replace, found something else: choose another name")
    with disk_errors(f"writing {path}"), temporary_beside(path) as temporary:
        write_all_at(temporary.descriptor, data, 0)
        os.fsync(temporary.descriptor)
        try:
            publish(temporary.path, path, replace=force)
        except FileExistsError:
            raise ExportError(f"expected nothing at {path}, found a file: --force replaces it") from None
    sys.stdout.write(f"{clean(path, 1000).plain}\n")
