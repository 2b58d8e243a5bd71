"""Tables and selections as Dagster shows them."""

from collections.abc import Mapping, Sequence

import dagster as dg

MAX_ROWS = 200
"""Of a table in metadata."""

MAX_SELECTION_CHARACTERS = 8000
"""Of the partitions of one line of the debt: some 200 keys that are no neighbours."""


def key_table(meanings: Mapping[str, str]) -> str:
    """Write metadata keys and their meanings as a table in markdown."""
    return markdown_table(["metadata", "meaning"], [(f"`{key}`", meaning) for key, meaning in meanings.items()])


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def cap_selection(selection: str, command: str) -> str:
    """Cut a selection between two keys, at what an event easily holds; `command` has the rest."""
    if len(selection) <= MAX_SELECTION_CHARACTERS:
        return selection
    return f"{selection[:MAX_SELECTION_CHARACTERS].rpartition(', ')[0]}, … (`{command}`)"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dg.MetadataValue:
    """Show the first rows as Dagster shows tables, and as many as its event log takes easily."""
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({name: "" if cell is None else str(cell) for name, cell in zip(columns, row, strict=True)})
            for row in rows[:MAX_ROWS]
        ],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in columns]),
    )
