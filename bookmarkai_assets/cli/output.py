"""Print tables and lines for people, and JSON for programs. Data goes only to standard output."""

import json
import logging
import re
import sys
import unicodedata
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.settings.logs import LogFormat, read_log_format

logger = logging.getLogger("bookmarkai")

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

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""What a terminal must not get from strangers: control and direction marks, and what no encoding can write."""

_UNUSUAL = re.compile(r"[^\n -~]")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def clean(value: object, limit: int = 200) -> Text:
    """Make a value safe for a terminal: no control or direction marks, no markup, at most `limit` characters."""
    text = "" if value is None else str(value)
    shown = "".join(c if unicodedata.category(c) not in _HIDDEN else "\N{REPLACEMENT CHARACTER}" for c in text)
    return Text(shown if len(shown) <= limit else shown[: limit - 1] + "…")


def print_json(data: object) -> None:
    """Print one JSON document, whole and without colour, whatever standard output is."""
    sys.stdout.write(_json(data) + "\n")


def print_json_list(items: Iterable[object]) -> None:
    """Print a list as one JSON document, each item as soon as it is there."""
    _write_items(items, indent="  ")
    sys.stdout.write("\n")


def print_json_report(head: Mapping[str, object], name: str, items: Iterable[object]) -> None:
    """Print one JSON object: the entries of `head`, which are few, and then a long list, each item as it comes."""
    first = _json(head).removesuffix("\n}")
    sys.stdout.write(f"{first},\n  {json.dumps(name)}: ")
    _write_items(items, indent="    ")
    sys.stdout.write("\n}\n")


def _write_items(items: Iterable[object], *, indent: str) -> None:
    is_empty = True
    for item in items:
        text = _json(item).replace("\n", f"\n{indent}")
        sys.stdout.write(("[\n" if is_empty else ",\n") + indent + text)
        is_empty = False
    sys.stdout.write("[]" if is_empty else f"\n{indent[2:]}]")


def _json(data: object) -> str:
    return escape_json(json.dumps(data, ensure_ascii=False, indent=2))


def escape_json(document: str) -> str:
    """Make a JSON document safe for a terminal: what `clean` replaces is escaped. It stays the same document."""
    return _UNUSUAL.sub(_escape_hidden, document)


def _escape_hidden(found: re.Match[str]) -> str:
    character = found[0]
    return json.dumps(character)[1:-1] if unicodedata.category(character) in _HIDDEN else character


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, cut: Collection[str] = ("url",)) -> None:
    """Print a table, with the cells as they are. Without a terminal, print a line per row, with tabs between cells.

    Those lines have every cell whole. Nothing is folded, aligned or cut to fit a terminal that is not there. On a
    narrow terminal, the columns in `cut` share the room that the others leave, and end with an ellipsis.
    """
    if not out.is_terminal:
        heading = [columns] if any(columns) else []
        for row in chain(heading, rows):
            sys.stdout.write("\t".join(clean(cell, MAX_CELL_CHARACTERS).plain for cell in row) + "\n")
        return
    table = Table(box=None, header_style="bold", pad_edge=False, expand=not set(cut).isdisjoint(columns))
    for column in columns:
        # Ids and paths are there to be copied and are never cut.
        is_id, is_cut = column == "id", column in cut
        table.add_column(
            column,
            overflow="ellipsis" if is_cut else "fold",
            no_wrap=is_id or is_cut,
            min_width=ID_CHARACTERS if is_id else None,
            ratio=1 if is_cut else None,
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


def tell(message: str) -> None:
    """Say what goes on: a line for a person on standard error, or with LOG_FORMAT=json a line of the log."""
    if read_log_format() is LogFormat.JSON:
        logger.info("%s", message)
    else:
        err.print(message, soft_wrap=True, markup=False)


def tell_failure(message: str) -> None:
    """Say why a command failed, as `tell` does."""
    if read_log_format() is LogFormat.JSON:
        logger.error("%s", message)
    else:
        fail(message)


def fail(message: str) -> None:
    """Print an error for a person."""
    # A message may repeat what a stranger wrote, such as a name in a bucket.
    shown = "\n".join(clean(line, MAX_CELL_CHARACTERS).plain for line in message.split("\n"))
    # Not folded at the terminal's width, because paths and commands in a message are there to be copied.
    err.print(Text("error: ", style="bold red").append(Text(shown, style="default")), soft_wrap=True)
