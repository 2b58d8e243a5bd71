"""The pages that people read name files that exist."""

import re
from pathlib import Path

import pytest

from tests.support.project import PROJECT

PAGES = sorted(
    path for path in [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")] if path.name != "CHANGELOG.md"
)
_NAMED = re.compile(
    r"(?<![\w./-])(?:bookmarkai_assets/)?((?:core|operations|adapters|cli|settings|wiring|metadata)/[a-z_/0-9]+)(?:\.py)?"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_page_names_only_modules_that_exist(page: Path) -> None:
    """Whatever a page calls like `core/media/placement` is a module or a folder of the package."""
    package = PROJECT / "bookmarkai_assets"
    named = {name.rstrip("/") for name in _NAMED.findall(page.read_text(encoding="utf-8"))}
    assert {name for name in named if not (package / name).is_dir() and not (package / f"{name}.py").is_file()} == set()
