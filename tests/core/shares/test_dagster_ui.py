"""Links into Dagster's UI: exactly the shares that are meant, with and without a path prefix."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookmarkai_assets.core.shares.dagster_ui import SHARE_ASSETS, DagsterUI, asset_to_open
from bookmarkai_assets.core.shares.partition_selections import MAX_LINK_CHARACTERS, partition_selection

KEY = "00000000-0000-4000-8000-{:012}"


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:3000", "https://dagster.example.com/path/prefix"])
def test_links_begin_with_the_uis_address(address: str) -> None:
    """The address has the path prefix. Without one, links are paths."""
    ui = DagsterUI(address)
    [page] = ui.backfills({"b", "d"}, ["a", "b", "c", "d"])
    assert ui.partition("transcript", "a b") == f"{address}/assets/transcript?view=partitions&partition=a%20b"
    assert page.url.startswith(f"{address}/asset-groups~")
    assert (page.count, parse_qs(urlsplit(page.url).query)) == (2, {"default_range": ["b, d"]})


def test_a_backfill_of_one_asset_begins_at_its_page() -> None:
    """One asset has a page of its own, and several are selected in the lineage of all."""
    ui = DagsterUI()
    [one] = ui.backfills({"a"}, ["a"], assets=["transcript"])
    [all_of_them] = ui.backfills({"a"}, ["a"])
    assert one.url == "/assets/transcript?view=partitions&default_range=a"
    assert all(f"key%3A%22{asset}%22" in all_of_them.url for asset in SHARE_ASSETS)


@given(st.lists(st.booleans(), max_size=700))
@example([True, False] * 300)
@example([True, True, False] * 200)
def test_the_pages_of_a_long_selection_have_every_share_once(wanted: list[bool]) -> None:
    """No link is longer than a URL may be, and together they select what the whole selection does."""
    order = [KEY.format(number) for number in range(len(wanted))]
    chosen = {key for key, is_wanted in zip(order, wanted, strict=True) if is_wanted}
    pages = DagsterUI().backfills(chosen, order, assets=["transcript"])
    queries = [urlsplit(page.url).query.partition("&default_range=")[2] for page in pages]
    texts = [parse_qs(f"range={query}")["range"][0] for query in queries]
    assert ", ".join(texts) == partition_selection(chosen, order)
    assert sum(page.count for page in pages) == len(chosen)
    assert all(len(query) <= MAX_LINK_CHARACTERS for query in queries)


def test_nothing_to_select_has_no_page() -> None:
    """A link that selects nothing would open a backfill of nothing."""
    assert DagsterUI().backfills({"not there"}, ["a"]) == []


@pytest.mark.parametrize(
    ("status", "has_staged", "has_stored", "asset"),
    [
        ("pending", False, False, "raw_video"),
        ("error", False, False, "raw_video"),
        ("error", True, False, "stored_media"),
        ("error", False, True, "transcript"),
        ("fetched", False, False, "stored_media"),
        ("done", False, False, "transcript"),
        ("what the gateway says", False, False, "raw_video"),
    ],
)
def test_the_page_of_a_share_is_the_last_asset_that_it_came_to(
    status: str, asset: str, *, has_staged: bool, has_stored: bool
) -> None:
    """A share that failed has the asset at which it failed, and one that is done its transcript."""
    assert asset_to_open(status, has_staged=has_staged, has_stored=has_stored) == asset
