"""What in a newer schema would break code that was written for an older one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Inspector, create_engine, inspect


@dataclass(frozen=True)
class Column:
    """What a statement of old code can run into."""

    type: str
    is_required: bool
    has_default: bool


@dataclass(frozen=True)
class Table:
    """A table as old code sees it. Its keys are what ON CONFLICT names and what INSERT may not repeat."""

    columns: Mapping[str, Column]
    keys: frozenset[tuple[str, ...]]
    checks: frozenset[str]
    references: frozenset[tuple[Any, ...]]


Schema = Mapping[str, Table]


def read_schema(url: str) -> Schema:
    """Read the tables of a database."""
    engine = create_engine(url)
    try:
        inspector = inspect(engine)
        return {name: _table(inspector, name) for name in inspector.get_table_names()}
    finally:
        engine.dispose()


def breaks(before: Schema, after: Schema) -> list[str]:
    """List what code for the schema `before` cannot bear in the schema `after`. Nothing: it was only expanded."""
    found = [f"table {name} is gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        found += [f"{name}: {what}" for what in _table_breaks(before[name], after[name])]
    return sorted(found)


def _table_breaks(before: Table, after: Table) -> list[str]:
    old, new = before.columns, after.columns
    found = [f"column {name} is gone" for name in old.keys() - new.keys()]
    for name in old.keys() & new.keys():
        if old[name].type != new[name].type:
            found.append(f"column {name} was {old[name].type} and is {new[name].type}")
        if new[name].is_required and not old[name].is_required:
            found.append(f"column {name} may not be null any more")
        if new[name].is_required and old[name].has_default and not new[name].has_default:
            found.append(f"column {name} has no default any more")
    found += [
        f"column {name} is new, and INSERT must give it a value"
        for name in new.keys() - old.keys()
        if new[name].is_required and not new[name].has_default
    ]
    found += [f"key {', '.join(key)} is gone" for key in before.keys - after.keys]
    found += [f"key {', '.join(key)} is new" for key in after.keys - before.keys]
    found += [f"check {check} is new" for check in after.checks - before.checks]
    found += [f"reference {reference} is new" for reference in after.references - before.references]
    return found


def _table(inspector: Inspector, name: str) -> Table:
    primary = list(inspector.get_pk_constraint(name)["constrained_columns"])
    unique = [one["column_names"] for one in inspector.get_unique_constraints(name)]
    indexes = [one["column_names"] for one in inspector.get_indexes(name) if one["unique"]]
    keys: list[Sequence[str | None]] = [primary, *unique, *indexes]
    return Table(
        columns={
            column["name"]: Column(
                type=str(column["type"]),
                is_required=not column["nullable"],
                # SQLite numbers rows by itself in a key of one whole number.
                has_default=column["default"] is not None
                or bool(column.get("identity"))
                or [column["name"]] == primary,
            )
            for column in inspector.get_columns(name)
        },
        keys=frozenset(tuple(str(column) for column in key) for key in keys if key),
        checks=frozenset(check["sqltext"] for check in inspector.get_check_constraints(name)),
        references=frozenset(
            (*key["constrained_columns"], key["referred_table"], *key["referred_columns"])
            for key in inspector.get_foreign_keys(name)
        ),
    )
