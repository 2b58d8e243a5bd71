"""The corpus of what sites and people send, as a whole: each case has its reason."""

import itertools

from tests.support.corpus import cases_of

KINDS = {
    "sites.toml": ("redirect", "page", "playlist", "answer", "container", "words", "file_name"),
    "infos.toml": ("info",),
    "formats.toml": ("choice",),
    "settings.toml": ("refused",),
}


def test_each_case_has_a_name_of_its_own_and_a_reason() -> None:
    """Each kind has several cases, none is there twice, and each names the harm that it would do."""
    kinds = [cases_of(file, kind) for file, kinds in KINDS.items() for kind in kinds]
    for cases in kinds:
        assert len({case["name"] for case in cases}) == len(cases) > 10
    for case in itertools.chain(*kinds):
        assert case["why"] != case["name"]
