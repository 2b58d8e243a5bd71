"""The corpus of hostile and odd links, and what becomes of each."""

import tomllib
from typing import Any

import pytest

from bookmarkai_assets.core.links.urls import AdmittedLink, RefusedLink, admit
from tests.support.project import PROJECT

CORPUS = tomllib.loads((PROJECT / "tests" / "corpus" / "urls.toml").read_text(encoding="utf-8"))


def link_of(case: dict[str, Any]) -> str:
    """Return the text that was shared."""
    return str(case["url"] + case.get("tail", "") * case.get("tail_times", 0))


@pytest.mark.parametrize("case", CORPUS["refused"], ids=lambda case: case["name"])
def test_it_is_refused_with_the_reason(case: dict[str, Any]) -> None:
    """A bad link is refused in one short line that says what was found and repeats no password."""
    link = admit(link_of(case))
    assert isinstance(link, RefusedLink), link
    assert case["said"] in link.reason
    assert link.reason.isprintable()
    assert len(link.reason) < 200
    assert "hunter2" not in link.reason


@pytest.mark.parametrize("case", CORPUS["admitted"], ids=lambda case: case["name"])
def test_it_is_admitted_under_its_canonical_url(case: dict[str, Any]) -> None:
    """A link to a public site has the canonical URL of what it leads to, never of what it only looks like."""
    shared = link_of(case)
    link = admit(shared)
    assert link == AdmittedLink(url=shared, canonical_url=case["canonical"], platform=case["platform"])
    again = admit(case["canonical"])
    assert isinstance(again, AdmittedLink)
    assert again.canonical_url == case["canonical"]


def test_the_corpus_has_no_duplicates() -> None:
    """Each case has a name and a link of its own."""
    cases = CORPUS["refused"] + CORPUS["admitted"]
    assert len(cases) > 100
    assert len({case["name"] for case in cases}) == len({link_of(case) for case in cases}) == len(cases)
