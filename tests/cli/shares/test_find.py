"""`bookmarkai shares find` and `list --text`, `--since`, `--partitions`: from what a person knows to the partitions."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from rich.console import Console
from rich.text import Text

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.cli import output, partitions, share_table
from bookmarkai_assets.cli.shares import find as finding
from bookmarkai_assets.cli.shares import list as listing
from bookmarkai_assets.core.shares import partition_selections
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import USER, execute, put_transcript, transcript_of
from tests.support.share_partitions import make_partitions

TIKTOK = "https://www.tiktok.com/@baker/video/730000000000000000{}"
YOUTUBE = "https://www.youtube.com/watch?v=0123456789{}"
UI = "http://127.0.0.1:3000"


@pytest.fixture
def catalog(bookmarkai: BookmarkAI, sqlite_url: str) -> Iterator[OpenCatalog]:
    """Return the catalog that the command opens."""
    assert bookmarkai is not None, "it has cleared the environment"
    with open_catalog(sqlite_url) as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a Dagster home of the test's own, which Dagster has not used yet."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


def add(catalog: OpenCatalog, url: str, *said: str, title: str = "A title", days_ago: float = 0) -> str:
    """Add a share that was shared so many days ago, with a transcript, and return its id."""
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    share_id = catalog.shares.add(url=url, user_id=USER, platform="generic", now=moment).share.share_id
    execute(catalog, "UPDATE shares SET title = :title WHERE id = :id", title=title, id=share_id)
    if said:
        put_transcript(catalog, share_id, transcript_of(*said), now=moment)
    return share_id


def selected(url: str) -> str:
    """Return the selection that a page of a backfill has filled in."""
    [selection] = parse_qs(urlsplit(url).query)["default_range"]
    return selection


def test_a_share_is_found_with_its_title_and_its_page(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """A line has who it is, where the words are, and the link to its partition."""
    titled = add(catalog, TIKTOK.format(1), title="Crème cake", days_ago=1)
    said = add(catalog, YOUTUBE.format("a"), "No words.", "We bake a cake.", title="Soup")
    add(catalog, TIKTOK.format(2))

    heading, *lines = bookmarkai("shares", "find", "CAKE").out.splitlines()

    assert heading.split("\t") == ["id", "status", "title", "author", "found in", "page"]
    page = UI + "/assets/raw_video?view=partitions&partition={}"
    assert [line.split("\t") for line in lines] == [
        [titled, "pending", "Crème cake", "", "title", page.format(titled)],
        [said, "pending", "Soup", "", "said: We bake a cake.", page.format(said)],
    ]


def test_json_has_what_is_said_and_when(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """And what `shares list` has of a share."""
    share_id = add(catalog, YOUTUBE.format("a"), "We bake a cake.", title="Soup")
    [shown] = bookmarkai("shares", "find", "bake", "cake", "--json").json
    assert (shown["id"], shown["title"], shown["found_in"], shown["said"]) == (
        share_id,
        "Soup",
        ["said"],
        "We bake a cake.",
    )
    assert shown["said_at_seconds"] == 0
    assert shown["page"].endswith(share_id)


def test_nothing_found_is_said(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """It is no failure of the command, and words of white space alone are wrong use."""
    add(catalog, TIKTOK.format(1))
    ended = bookmarkai("shares", "find", "vanilla")
    assert (ended.code, ended.out.splitlines()) == (
        0,
        ["No share was found. What is said is found as far as transcripts are indexed."],
    )
    assert bookmarkai("shares", "find", " ").code == 2


def test_a_share_is_shown_by_its_link(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """In any form of it; of several shares the newest is shown, and the others are named."""
    old = add(catalog, TIKTOK.format(1), days_ago=1)
    link = f"{TIKTOK.format(1)}?is_from_webapp=1"
    assert bookmarkai("shares", "show", link, "--json").json["id"] == old

    other = "22222222-2222-4222-8222-222222222222"
    new = catalog.shares.add(url=TIKTOK.format(1), user_id=other, platform="tiktok", now=datetime.now(UTC)).share
    ended = bookmarkai("shares", "show", TIKTOK.format(1), "--json")
    assert ended.json["id"] == new.share_id
    assert ended.json["page"] == f"{UI}/assets/raw_video?view=partitions&partition={new.share_id}"
    assert ended.err == f"This is the newest of 2 shares of this video. The others: {old}\n"
    assert bookmarkai("transcripts", "show", TIKTOK.format(1)).code == 1, "it has none"
    assert bookmarkai("shares", "show", TIKTOK.format(9)).code == 1
    assert bookmarkai("shares", "show", "cake").code == 2


def test_the_list_has_titles_and_is_filtered_by_text_and_time(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """What came before stays where it was; the title and the page follow it."""
    share_id = add(catalog, TIKTOK.format(1), title="A cake", days_ago=3)
    add(catalog, TIKTOK.format(2), title="A cake", days_ago=9)
    add(catalog, TIKTOK.format(3), title="Soup", days_ago=3)
    add(catalog, YOUTUBE.format("a"), title="A cake", days_ago=3)

    arguments = ("shares", "list", "--text", "cake", "--platform", "tiktok", "--since", "7d", "--until", "1d")
    heading, line = bookmarkai(*arguments).out.splitlines()

    assert heading.split("\t") == ["id", "status", "outcome", "url", "title", "page"]
    assert line.split("\t")[:5] == [share_id, "pending", "", TIKTOK.format(1), "A cake"]
    [shown] = bookmarkai(*arguments, "--json").json
    assert (shown["title"], shown["author"]) == ("A cake", None)
    assert shown["page"] == line.split("\t")[5]
    assert bookmarkai("shares", "list", "--since", "soon").code == 2


def test_on_a_narrow_terminal_link_and_title_share_the_room(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither takes it all, the id stays whole, and it is the link to the page."""
    share_id = add(catalog, TIKTOK.format(1), title="A cake with a title that is as long as titles are")
    terminal = Console(force_terminal=True, width=100, highlight=False, color_system="standard")
    for module in (output, share_table):
        monkeypatch.setattr(module, "out", terminal)

    _, line = bookmarkai("shares", "list").out.splitlines()

    assert f"{UI}/assets/raw_video?view=partitions&partition={share_id}" in line
    shown = Text.from_ansi(line).plain
    assert re.fullmatch(rf"{share_id} +pending +https://www\.tik\S*… +A cake wi.*…", shown.rstrip())


def test_a_set_of_shares_opens_as_a_backfill(bookmarkai: BookmarkAI, catalog: OpenCatalog, home: Path) -> None:
    """The selection and the page have all of the set that have a partition, and no other."""
    one, two, three = (add(catalog, TIKTOK.format(n), days_ago=n) for n in range(3))
    other = add(catalog, YOUTUBE.format("a"))
    without = add(catalog, TIKTOK.format(7))
    arguments = ("shares", "list", "--platform", "tiktok", "--partitions")
    assert "Dagster has not run" in bookmarkai(*arguments).out
    make_partitions(home, three, two, other, one)

    count, selection, page = bookmarkai(*arguments).out.splitlines()
    assert count == "4 shares, 3 with a partition. The others never came to a run."
    assert selection == f"Partitions: [{three}...{two}], {one}"
    assert page.startswith(f"Backfill, 3 partitions: {UI}/asset-groups~")
    assert selected(page) == f"[{three}...{two}], {one}"
    assert without not in page

    shown = bookmarkai(*arguments, "--json").json
    assert (shown["shares"], shown["selected"], shown["cut"]) == (4, 3, None)
    assert shown["partitions"] == f"[{three}...{two}], {one}"
    assert [page["partitions"] for page in shown["backfills"]] == [3]
    found = bookmarkai("shares", "find", "baker", "--partitions", "--json").json
    assert found == shown


def test_a_set_is_whole_unless_a_limit_is_given(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list shows some by default, and a backfill takes all; what a limit cuts is said."""
    for module in (listing, finding):
        monkeypatch.setattr(module, "SHOWN", 5)
    keys = [add(catalog, f"https://example.com/v/{n}", days_ago=n) for n in range(8)]
    make_partitions(home, *keys)
    assert len(bookmarkai("shares", "list", "--json").json) == 5
    assert len(bookmarkai("shares", "find", "example", "--json").json) == 5
    assert bookmarkai("shares", "list", "--partitions", "--json").json["selected"] == 8
    assert bookmarkai("shares", "find", "example", "--partitions", "--json").json["selected"] == 8
    few = bookmarkai("shares", "list", "--partitions", "--limit", "3").out.splitlines()
    assert few[:2] == ["The newest 3; there may be more: --limit.", "3 shares, 3 with a partition."]


def test_a_selection_too_long_for_a_link_is_several_pages(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each says how many it opens. What is not printed is counted, and the JSON has all."""
    monkeypatch.setattr(partitions, "MAX_PAGES", 1)
    monkeypatch.setattr(partition_selections, "MAX_LINK_CHARACTERS", 200)
    keys = [add(catalog, f"https://example.com/v/{n}") for n in range(7)]
    make_partitions(home, *(key for one in keys for key in (one, f"not {one}")))

    *_, first, rest = bookmarkai("shares", "list", "--partitions").out.splitlines()
    pages = bookmarkai("shares", "list", "--partitions", "--json").json["backfills"]

    assert first.startswith(f"Backfill 1 of 2, {pages[0]['partitions']} partitions: ")
    assert rest == f"1 more pages, with {pages[1]['partitions']} partitions: --json has all of them."
    assert [key for page in pages for key in selected(page["url"]).split(", ")] == keys


def test_links_have_the_uis_address(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its path prefix, whether a slash follows it or not."""
    monkeypatch.setenv("DAGSTER_UI_URL", "https://dagster.example.com/pre/fix/")
    share_id = add(catalog, TIKTOK.format(1))
    make_partitions(home, share_id)
    [shown] = bookmarkai("shares", "list", "--json").json
    [page] = bookmarkai("shares", "list", "--partitions", "--json").json["backfills"]
    assert shown["page"].startswith("https://dagster.example.com/pre/fix/assets/")
    assert page["url"].startswith("https://dagster.example.com/pre/fix/asset-groups~")


@pytest.mark.parametrize("command", [["search", "cake"], ["doubtful"]])
def test_what_is_said_opens_as_a_backfill_of_transcripts(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, home: Path, command: list[str]
) -> None:
    """Each share once, however many of its sentences or doubts there are."""
    share_id = add(catalog, TIKTOK.format(1), "A cake.", "Another cake.")
    add(catalog, TIKTOK.format(2), "Soup.")
    execute(
        catalog,
        "UPDATE transcript_provenance SET doubts = :doubts WHERE share_id = :id",
        doubts='[{"kind": "repetition_loop", "severity": "warn", "figure": 9, "limit": 1, "words": "again"}]',
        id=share_id,
    )
    make_partitions(home, share_id)
    shown = bookmarkai("transcripts", *command, "--partitions", "--json").json
    assert (shown["shares"], shown["partitions"]) == (1, share_id)
    [page] = shown["backfills"]
    assert page["url"] == f"{UI}/assets/transcript?view=partitions&default_range={share_id}"
