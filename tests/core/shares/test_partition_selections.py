"""The text that selects partitions in Dagster's UI, and the URL that fills it in."""

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.shares.partition_selections import MAX_LINK_CHARACTERS, partition_selection, selection_path


def test_neighbours_become_a_range() -> None:
    """Ranges follow Dagster's own order, and a share without a partition cannot be selected."""
    selection = partition_selection({"c", "a", "b", "e", "not there"}, ["d", "a", "b", "c", "f", "e"])
    assert selection == "[a...c], e"
    assert partition_selection({"x"}, ["a"]) == ""


@given(st.lists(st.booleans(), max_size=40))
def test_a_selection_selects_exactly_its_partitions(wanted: list[bool]) -> None:
    """Parsed as Dagster parses it, a range being everything between two keys, it selects exactly what went in."""
    order = [f"key-{number}" for number in range(len(wanted))]
    chosen = {key for key, is_wanted in zip(order, wanted, strict=True) if is_wanted}
    selected: list[str] = []
    for part in filter(None, partition_selection(chosen, order).split(", ")):
        first, _, last = part.strip("[]").partition("...")
        selected += order[order.index(first) : order.index(last or first) + 1]
    assert selected == [key for key in order if key in chosen]


def test_a_url_fills_in_the_selection() -> None:
    """The asset's page takes the text, whatever characters it has, as the range of the partitions."""
    path = selection_path("transcript", "[a...c], e & f")
    assert path is not None
    found = urlsplit(path)
    assert (found.path, parse_qs(found.query)) == (
        "/assets/transcript",
        {"view": ["partitions"], "default_range": ["[a...c], e & f"]},
    )


def test_some_selections_have_no_url() -> None:
    """Selecting nothing has no URL, nor has a selection that is longer than a URL may be."""
    assert selection_path("transcript", "") is None
    assert selection_path("transcript", "k" * MAX_LINK_CHARACTERS) is not None
    assert selection_path("transcript", "k" * (MAX_LINK_CHARACTERS + 1)) is None


def test_a_key_with_the_syntaxs_own_characters_is_quoted() -> None:
    """Somebody may have typed such a partition, and a range may begin or end with it."""
    order = ["a", 'b, "c"', "d\\e", "f"]
    assert partition_selection(order[1:3], order) == '["b, \\"c\\""..."d\\\\e"]'
