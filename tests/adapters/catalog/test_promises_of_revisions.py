"""What a revision promises to older code, by its `oldest_code`, and whether it is so."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from bookmarkai_assets.adapters.catalog.revisions import REVISIONS
from tests.support.releases import make_schema, oldest_code_of
from tests.support.schema_changes import breaks, read_schema

DECLARING = tuple(revision for revision in REVISIONS if revision >= "0013")
"""The revisions that say which code can work on them: all since there is a column for it."""


@pytest.mark.parametrize("revision", DECLARING)
def test_every_revision_says_which_code_can_work_on_it(revision: str) -> None:
    """It names a revision up to its own. One that does not declare any cannot be released."""
    assert oldest_code_of(revision) in REVISIONS[: REVISIONS.index(revision) + 1]


@pytest.mark.parametrize("revision", DECLARING)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_schema_has_all_that_the_oldest_code_knows(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, revision: str
) -> None:
    """From the oldest code's schema on, revisions only add. One that breaks this must declare itself the oldest."""
    url = f"sqlite:///{tmp_path / 'catalog.db'}" if kind == "sqlite" else request.getfixturevalue("empty_postgres_url")
    make_schema(url, oldest_code_of(revision))
    before = read_schema(url)

    make_schema(url, revision)

    assert breaks(before, read_schema(url)) == []


BEFORE = "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, size INTEGER NOT NULL DEFAULT 0, UNIQUE (name))"


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (f"{BEFORE}; CREATE TABLE more (id INTEGER PRIMARY KEY)", []),
        (f"{BEFORE}; ALTER TABLE things ADD COLUMN more TEXT", []),
        (f"{BEFORE}; ALTER TABLE things ADD COLUMN more TEXT NOT NULL DEFAULT ''", []),
        (f"{BEFORE}; CREATE INDEX by_size ON things (size)", []),
        ("CREATE TABLE others (id INTEGER PRIMARY KEY)", ["table things is gone"]),
        (f"{BEFORE}; ALTER TABLE things DROP COLUMN size", ["things: column size is gone"]),
        (BEFORE.replace("name TEXT", "name INTEGER"), ["things: column name was TEXT and is INTEGER"]),
        (BEFORE.replace("name TEXT", "name TEXT NOT NULL"), ["things: column name may not be null any more"]),
        (BEFORE.replace(" DEFAULT 0", ""), ["things: column size has no default any more"]),
        (
            BEFORE.replace("name TEXT", "name TEXT, more TEXT NOT NULL"),
            ["things: column more is new, and INSERT must give it a value"],
        ),
        (f"{BEFORE}; CREATE UNIQUE INDEX by_size ON things (size)", ["things: key size is new"]),
        (BEFORE.replace(", UNIQUE (name)", ""), ["things: key name is gone"]),
        (BEFORE.replace("UNIQUE (name)", "UNIQUE (name), CHECK (size > 0)"), ["things: check size > 0 is new"]),
        (
            BEFORE.replace("name TEXT", "name TEXT REFERENCES things (id)"),
            ["things: reference ('name', 'things', 'id') is new"],
        ),
    ],
)
def test_what_would_break_old_code_is_found(tmp_path: Path, after: str, found: list[str]) -> None:
    """What is added does no harm. What is dropped, changed or made stricter is named."""
    schemas: list[Any] = []
    for name, script in (("before", BEFORE), ("after", after)):
        engine = create_engine(f"sqlite:///{tmp_path / name}")
        with engine.begin() as connection:
            for statement in script.split("; "):
                connection.exec_driver_sql(statement)
        engine.dispose()
        schemas.append(read_schema(f"sqlite:///{tmp_path / name}"))

    assert breaks(*schemas) == found
