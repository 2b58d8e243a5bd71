"""How commands print: tables and lines for people, JSON for programs. Data goes to standard output only."""

import json
import sys
import unicodedata
import uuid
from collections.abc import Iterable, Sequence

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from bookmarkai_assets.core.health import CheckStatus

ID_CHARACTERS = 36
"""A UUID's."""

STATUS_STYLES = {
    CheckStatus.PASS: "green",
    CheckStatus.WARN: "yellow",
    CheckStatus.FAIL: "bold red",
    CheckStatus.SKIP: "dim",
}
"""How the status of a check looks on a terminal."""

MAX_CELL_CHARACTERS = 10_000
"""Of a cell where no terminal is: more than all but a long transcript."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def clean(value: object, limit: int = 200) -> Text:
    """Make a value safe to show on a terminal: no control or direction marks, no markup, at most `limit` characters."""
    text = "" if value is None else str(value)
    shown = "".join(
        c if unicodedata.category(c) not in {"Cc", "Cf", "Cs"} else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return Text(shown if len(shown) <= limit else shown[: limit - 1] + "…")


def print_json(data: object) -> None:
    """Print one JSON document, whole and uncoloured, whatever standard output is."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table whose cells are shown as they are; where no terminal is, a line for each row, with tabs between.

    A reader of lines gets every cell whole: nothing is folded, aligned or cut at a width that nobody has.
    """
    if not out.is_terminal:
        heading = [columns] if any(columns) else []
        for row in (*heading, *rows):
            sys.stdout.write("\t".join(clean(cell, MAX_CELL_CHARACTERS).plain for cell in row) + "\n")
        return
    table = Table(box=None, header_style="bold", pad_edge=False, expand="url" in columns)
    for column in columns:
        # An id and a path are there to be copied and are never cut; a link gives way on a narrow terminal.
        is_id, is_link = column == "id", column == "url"
        table.add_column(
            column,
            overflow="ellipsis" if is_link else "fold",
            no_wrap=is_id or is_link,
            min_width=ID_CHARACTERS if is_id else None,
            ratio=1 if is_link else None,
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else clean(cell) for cell in row))
    out.print(table)


def human_bytes(size_bytes: int) -> str:
    """Write a size for a person: 1.2 MB."""
    return decimal(size_bytes)


def share_id_of(text: str, hint: str) -> str:
    """Read a share's id as a person typed it. Raises `typer.BadParameter` that names the option or argument `hint`."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise typer.BadParameter(f"expected a UUID, found {text[:80]!r}", param_hint=hint) from None


def fail(message: str) -> None:
    """Print an error for a person."""
    # Not folded at the terminal's width: paths and commands in a message are there to be copied.
    err.print(Text("error: ", style="bold red").append(Text(message, style="default")), soft_wrap=True)
