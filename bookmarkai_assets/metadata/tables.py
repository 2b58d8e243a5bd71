"""Write tables and selections as Dagster shows them."""

from collections.abc import Mapping, Sequence

import dagster as dg

from bookmarkai_assets.core.shares.dagster_ui import BackfillLink

MAX_ROWS = 200
"""The most rows of a table in metadata."""

MAX_SELECTION_CHARACTERS = 8000
"""The longest selection of partitions in metadata: some 200 keys that are not neighbours."""


MAX_PAGES = 1
"""The most pages of one backfill in metadata. Each may have an address of 4,000 characters, and the debt has many."""


def key_table(meanings: Mapping[str, str]) -> str:
    """Return metadata keys and their meanings as a table in markdown."""
    return markdown_table(["metadata", "meaning"], [(f"`{key}`", meaning) for key, meaning in meanings.items()])


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def cap_selection(selection: str, command: str) -> str:
    """Cut a selection between two keys to what an event can easily hold. `command` prints the whole."""
    if len(selection) <= MAX_SELECTION_CHARACTERS:
        return selection
    return f"{selection[:MAX_SELECTION_CHARACTERS].rpartition(', ')[0]}, … (`{command}`)"


def backfill_links(pages: Sequence[BackfillLink], command: str) -> str:
    """Return links to the pages of a backfill, each with its number of partitions. `command` prints those left out."""
    links = " ".join(f"[{page.count:,}]({page.url})" for page in pages[:MAX_PAGES])
    rest = sum(page.count for page in pages[MAX_PAGES:])
    return f"{links} and {rest:,} more: `{command}`" if rest else links


def table(columns: Sequence[str] | Mapping[str, str], rows: Sequence[Sequence[object]]) -> dg.MetadataValue:
    """Return the first rows as a Dagster table, as many as its event log can easily hold.

    `columns` are the names, or the names with their meanings, which Dagster shows with the table's schema.
    """
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({name: "" if cell is None else str(cell) for name, cell in zip(columns, row, strict=True)})
            for row in rows[:MAX_ROWS]
        ],
        schema=table_schema(columns),
    )


def table_schema(columns: Sequence[str] | Mapping[str, str], types: Mapping[str, str] | None = None) -> dg.TableSchema:
    """Return a schema of columns, with their meanings if they are given. A column without a type is text."""
    meanings = columns if isinstance(columns, Mapping) else {}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, (types or {}).get(name, "string"), description=meanings.get(name)) for name in columns
        ]
    )
