"""How Sphinx makes the site of these pages. `make docs` builds it, without a network and without a dead link."""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

project = "BookmarkAI media pipeline"
copyright = "the authors of the BookmarkAI media pipeline, under the MIT licence"  # noqa: A001 - Sphinx's name
extensions = ["myst_parser"]
exclude_patterns = ["conf.py"]
html_theme = "furo"
html_title = project
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 4  # as GitHub names them, so that a link works in both places

ROOT_PAGES = {
    "architecture": "ARCHITECTURE.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "security": "SECURITY.md",
}
"""Pages of the site whose text is a file at the top of the project, where readers of the code look for it."""

DECISIONS = "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n"

_TO_ROOT_PAGE = {file: f"{name}.md" for name, file in ROOT_PAGES.items()} | {"README.md": "index.md"}
_LINK = re.compile(r"(\]\()((?:\.\./)*)(docs/)?([\w./-]+\.(?:md|png))")


def read_source(_: Sphinx, name: str, source: list[str]) -> None:
    """Put the text of a file at the top of the project into its page, and turn links to such files to the pages."""
    if name in ROOT_PAGES:
        source[0] = (PROJECT / ROOT_PAGES[name]).read_text(encoding="utf-8")
    if name == "adr/README":
        source[0] += DECISIONS
    to_docs = "../" * name.count("/")

    def turned(link: re.Match[str]) -> str:
        begin, up, docs, path = link.groups(default="")
        is_at_top = name in ROOT_PAGES or len(up) == len(to_docs) + len("../")
        if is_at_top and docs:
            return f"{begin}{to_docs}{path}"
        if is_at_top and path in _TO_ROOT_PAGE:
            return f"{begin}{to_docs}{_TO_ROOT_PAGE[path]}"
        return link[0]

    source[0] = _LINK.sub(turned, source[0])


def setup(app: Sphinx) -> None:
    """Have Sphinx read the sources through `read_source`."""
    app.connect("source-read", read_source)
