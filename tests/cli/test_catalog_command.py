"""`bookmarkai catalog`: upgrading the schema, and whether this version may work on it."""

from pathlib import Path

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, downgrade_catalog
from bookmarkai_assets.adapters.catalog.revisions import REVISIONS
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import execute
from tests.support.json_forms import assert_same_json

CURRENT, PREVIOUS = REVISIONS[-1], REVISIONS[-2]
LATER = "UPDATE bookmarkai_schema_version SET version_num = '9999', oldest_code = :oldest"


def test_an_upgrade_says_from_where_to_where(
    bookmarkai: BookmarkAI, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A schema is upgraded, found as it should be, or made."""
    downgrade_catalog(sqlite_url, PREVIOUS)
    upgraded = f"The catalog's schema is up to date: upgraded from revision {PREVIOUS} to {CURRENT}.\n"
    assert bookmarkai("catalog", "upgrade").out == upgraded
    assert bookmarkai("catalog", "upgrade").out == f"The catalog's schema is up to date already: revision {CURRENT}.\n"
    monkeypatch.setenv("CATALOG_URL", f"sqlite:///{tmp_path}/fresh.db")
    assert bookmarkai("catalog", "upgrade").out == f"The catalog's schema is up to date: made at revision {CURRENT}.\n"


def test_the_status_of_a_current_schema(bookmarkai: BookmarkAI) -> None:
    """This version may work on it, so the exit code is 0 and there is nothing to do."""
    ended = bookmarkai("catalog", "status", "--json")
    assert ended.code == 0
    oldest = ended.json["oldest_code"]
    assert oldest in REVISIONS
    assert_same_json(
        ended.json,
        {"found": CURRENT, "expected": CURRENT, "oldest_code": oldest, "may_work": True, "remedy": None},
    )
    assert bookmarkai("catalog", "status").out.splitlines() == [
        "found\texpected\toldest code\tmay work",
        f"{CURRENT}\t{CURRENT}\t{oldest}\tyes",
    ]


def test_the_status_of_a_schema_that_is_behind(bookmarkai: BookmarkAI, sqlite_url: str) -> None:
    """The exit code is 1, and the command that upgrades it is named. Nothing is changed."""
    downgrade_catalog(sqlite_url, "0012")
    for _ in range(2):
        ended = bookmarkai("catalog", "status", "--json")
        assert ended.code == 1
        assert_same_json(
            ended.json,
            {
                "found": "0012",
                "expected": CURRENT,
                "oldest_code": None,
                "may_work": False,
                "remedy": "run `bookmarkai catalog upgrade`",
            },
        )


@pytest.mark.parametrize(("oldest", "code", "may_work"), [(CURRENT, 0, "yes"), ("9999", 1, "no"), (None, 1, "no")])
def test_the_status_of_a_later_releases_schema(
    bookmarkai: BookmarkAI, sqlite_catalog: OpenCatalog, oldest: str | None, code: int, may_work: str
) -> None:
    """It says itself whether this version may work on it. If not, the later release has to be installed."""
    execute(sqlite_catalog, LATER, oldest=oldest)
    ended = bookmarkai("catalog", "status")
    assert ended.code == code
    assert ended.out.splitlines()[1] == f"9999\t{CURRENT}\t{oldest or ''}\t{may_work}"
    assert ("another release" in ended.err) == bool(code)


def test_the_status_of_no_catalog_creates_none(
    bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A catalog that is not there is not usable as it is, and stays away."""
    monkeypatch.setenv("CATALOG_URL", f"sqlite:///{tmp_path}/none.db")
    ended = bookmarkai("catalog", "status", "--json")
    assert (ended.code, ended.json["found"]) == (1, None)
    assert not (tmp_path / "none.db").exists()
