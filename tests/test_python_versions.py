"""Which Python versions the project supports: the same in what installs it and in what people read."""

import re
import tomllib

from tests.support.project import PROJECT

PROMISED = ["3.11", "3.12", "3.13"]


def test_the_metadata_and_the_pages_promise_the_same_pythons() -> None:
    """`requires-python`, the classifiers, README and CONTRIBUTING name the same versions."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in project["classifiers"]]

    assert [match[1] for match in named if match] == PROMISED
    assert project["requires-python"] == ">=3.11,<3.14"
    for page in ("README.md", "CONTRIBUTING.md"):
        assert "Python 3.11, 3.12 or 3.13 and make" in (PROJECT / page).read_text(encoding="utf-8"), page
