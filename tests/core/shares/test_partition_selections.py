"""The text that selects partitions in Dagster's UI, and the address that fills it in."""

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.shares.partition_selections import MAX_LINK_CHARACTERS, partition_selection, selection_path


def test_neighbours_become_a_range() -> None:
    """In Dagster's own order; a share without a partition cannot be selected."""
    selection = partition_selection({"c", "a", "b", "e", "not there"}, ["d", "a", "b", "c", "f", "e"])
    assert selection == "[a...c], e"
    assert partition_selection({"x"}, ["a"]) == ""


@given(st.lists(st.booleans(), max_size=40))
def test_a_selection_means_these_partitions_and_no_other(wanted: list[bool]) -> None:
    """Read back as Dagster reads it, a range being everything between two keys, it gives exactly what went in."""
    order = [f"key-{number}" for number in range(len(wanted))]
    chosen = {key for key, is_wanted in zip(order, wanted, strict=True) if is_wanted}
    selected: list[str] = []
    for part in filter(None, partition_selection(chosen, order).split(", ")):
        first, _, last = part.strip("[]").partition("...")
        selected += order[order.index(first) : order.index(last or first) + 1]
    assert selected == [key for key in order if key in chosen]


def test_an_address_fills_the_selection_in() -> None:
    """The asset's page takes the text, whatever signs are in it, as the range of the partitions."""
    path = selection_path("transcript", "[a...c], e & f")
    assert path is not None
    found = urlsplit(path)
    assert (found.path, parse_qs(found.query)) == (
        "/assets/transcript",
        {"view": ["partitions"], "default_range": ["[a...c], e & f"]},
    )


def test_no_address_holds_everything() -> None:
    """Nothing to select has none, nor has more than an address takes."""
    assert selection_path("transcript", "") is None
    assert selection_path("transcript", "k" * MAX_LINK_CHARACTERS) is not None
    assert selection_path("transcript", "k" * (MAX_LINK_CHARACTERS + 1)) is None
