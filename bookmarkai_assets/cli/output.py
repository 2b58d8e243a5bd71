"""Print tables and lines for people, and JSON for programs. Data goes only to standard output."""

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
"""The length of a share's id, which is a UUID."""

STATUS_STYLES = {
    CheckStatus.PASS: "green",
    CheckStatus.WARN: "yellow",
    CheckStatus.FAIL: "bold red",
    CheckStatus.SKIP: "dim",
}
"""The style of a check's status on a terminal."""

MAX_CELL_CHARACTERS = 10_000
"""The longest cell without a terminal. Only a long transcript is longer."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def clean(value: object, limit: int = 200) -> Text:
    """Make a value safe for a terminal: no control or direction marks, no markup, at most `limit` characters."""
    text = "" if value is None else str(value)
    shown = "".join(
        c if unicodedata.category(c) not in {"Cc", "Cf", "Cs"} else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return Text(shown if len(shown) <= limit else shown[: limit - 1] + "…")


def print_json(data: object) -> None:
    """Print one JSON document, whole and without colour, whatever standard output is."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, with the cells as they are. Without a terminal, print a line per row, with tabs between cells.

    Those lines have every cell whole. Nothing is folded, aligned or cut to fit a terminal that is not there.
    """
    if not out.is_terminal:
        heading = [columns] if any(columns) else []
        for row in (*heading, *rows):
            sys.stdout.write("\t".join(clean(cell, MAX_CELL_CHARACTERS).plain for cell in row) + "\n")
        return
    table = Table(box=None, header_style="bold", pad_edge=False, expand="url" in columns)
    for column in columns:
        # Ids and paths are there to be copied and are never cut. On a narrow terminal, links are.
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
    """Format a size for a person, such as 1.2 MB."""
    return decimal(size_bytes)


def share_id_of(text: str, hint: str) -> str:
    """Parse a share's id as a person typed it. Raises `typer.BadParameter`, which names the parameter `hint`."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise typer.BadParameter(f"expected a UUID, found {text[:80]!r}", param_hint=hint) from None


def fail(message: str) -> None:
    """Print an error for a person."""
    # Not folded at the terminal's width, because paths and commands in a message are there to be copied.
    err.print(Text("error: ", style="bold red").append(Text(message, style="default")), soft_wrap=True)
