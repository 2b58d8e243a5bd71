"""Programs inside strings, which no type checker reads, import what exists."""

import importlib
import re
from importlib.util import find_spec

import pytest

from tests.support.project import PROJECT

_IMPORT = re.compile(r"from (bookmarkai_assets[\w.]*) import \(?([\w, ]+)")
_FILES = sorted(path for folder in ("tests", "bench", "tools") for path in (PROJECT / folder).rglob("*.py"))


def _is_there(module: str, name: str) -> bool:
    if find_spec(module) is None:
        return False
    return hasattr(importlib.import_module(module), name) or find_spec(f"{module}.{name}") is not None


@pytest.mark.parametrize("folder", ["tests", "bench", "tools"])
def test_every_import_finds_what_it_names(folder: str) -> None:
    """This includes programs that a test or a benchmark writes to a file or passes to an interpreter."""
    named = {
        (path, module, name.partition(" as ")[0].strip())
        for path in _FILES
        if path.is_relative_to(PROJECT / folder)
        for module, names in _IMPORT.findall(path.read_text(encoding="utf-8"))
        for name in names.split(",")
        if name.strip()
    }
    missing = {f"{path}: {module}.{name}" for path, module, name in named if not _is_there(module, name)}
    assert missing == set()
