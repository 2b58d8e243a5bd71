"""`bookmarkai transcripts search` and `index`: what is found and how it is shown."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from rich.console import Console

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.cli import output
from bookmarkai_assets.cli.transcripts import search as transcripts_search
from bookmarkai_assets.core.search.moments_in_videos import url_at
from bookmarkai_assets.core.transcripts.transcript import Segment
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import USER, execute, put_transcript, transcript_of

YOUTUBE = "https://www.youtube.com/watch?v=0123456789a"
TIKTOK = "https://www.tiktok.com/@user/video/1"


@pytest.fixture
def catalog(bookmarkai: BookmarkAI, sqlite_url: str) -> Iterator[OpenCatalog]:
    """Return the catalog that the command opens."""
    assert bookmarkai is not None, "it has cleared the environment"
    with open_catalog(sqlite_url) as opened:
        yield opened


def add_spoken(catalog: OpenCatalog, url: str, *said: Segment, days_ago: float = 0, title: str = "A title") -> str:
    """Add a share with a transcript, and return its id."""
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    share_id = catalog.shares.add(url=url, user_id=USER, platform="generic", now=moment).share.share_id
    execute(catalog, "UPDATE shares SET title = :title WHERE id = :id", title=title, id=share_id)
    put_transcript(catalog, share_id, replace(transcript_of(), segments=said), now=moment)
    return share_id


def sentence(text: str, start: float = 0.0) -> Segment:
    """Return a sentence of two seconds."""
    return Segment(start, start + 2, text, -0.2, 0.0)


def test_a_search_shows_share_time_title_and_sentence(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Each sentence is a line, the newest video first, and the link leads to the moment where the platform can."""
    old = add_spoken(catalog, YOUTUBE, sentence("No words", 1), sentence("We bake cakes.", 83.9), days_ago=9)
    new = add_spoken(catalog, TIKTOK, sentence("Crème cake!", 3725), title="Cream")

    heading, *lines = bookmarkai("transcripts", "search", "cake*").out.splitlines()

    assert heading.split("\t") == ["id", "time", "title", "said", "url"]
    assert [line.split("\t") for line in lines] == [
        [new, "1:02:05", "Cream", "Crème cake!", TIKTOK],
        [old, "01:23", "A title", "We bake cakes.", f"{YOUTUBE}&t=83s"],
    ]


def test_json_has_seconds_and_the_positions_of_the_matches(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """JSON has numbers: seconds in the video, characters in the sentence."""
    share_id = add_spoken(catalog, YOUTUBE, sentence("A cake, a CAKE", 83.5))

    (hit,) = bookmarkai("transcripts", "search", "cake", "--json").json

    assert datetime.fromisoformat(hit.pop("shared_at")) <= datetime.now(UTC)
    assert hit == {
        "rank": 1,
        "share_id": share_id,
        "title": "A title",
        "platform": "youtube",
        "url": YOUTUBE,
        "url_at": f"{YOUTUBE}&t=83s",
        "start_seconds": 83.5,
        "end_seconds": 85.5,
        "text": "A cake, a CAKE",
        "matches": [{"start": 2, "end": 6, "text": "cake"}, {"start": 10, "end": 14, "text": "CAKE"}],
    }


def test_words_and_options_narrow_a_search(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Several words, a phrase, an exclusion, a platform, a period or a date, and a limit each narrow a search."""
    add_spoken(catalog, YOUTUBE, sentence("sugar free cake"), sentence("free sugar cake"), days_ago=40)
    add_spoken(catalog, TIKTOK, sentence("cake with salt"), days_ago=2)

    def found(*arguments: str) -> list[str]:
        return [hit["text"] for hit in bookmarkai("transcripts", "search", "--json", *arguments).json]

    assert found("cake", "sugar") == ["sugar free cake", "free sugar cake"]
    assert found('"sugar free" cake') == ["sugar free cake"]
    assert found('cake -"sugar free"') == ["cake with salt", "free sugar cake"]
    assert found("cake", "--platform", "tiktok") == ["cake with salt"]
    assert found("cake", "--since", "7d") == ["cake with salt"]
    assert found("cake", "--since", f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}") == ["cake with salt"]
    assert len(found("cake", "--since", "41d")) == 3
    assert found("cake", "--limit", "1") == ["cake with salt"]


def test_no_hit_is_said_in_words(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Nothing found is exit code 0, a sentence for people and an empty list for programs."""
    add_spoken(catalog, TIKTOK, sentence("something else"))

    ended = bookmarkai("transcripts", "search", "cake")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.strip() == "No sentence was found, as far as transcripts are indexed."
    assert bookmarkai("transcripts", "search", "cake", "--json").json == []


def test_the_gateways_transcripts_are_found_after_index(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """A search without a hit mentions transcripts that are not indexed, and the command that it names indexes them."""
    share_id = add_spoken(catalog, TIKTOK)
    execute(catalog, "DELETE FROM transcripts")
    execute(
        catalog,
        "INSERT INTO transcripts (id, share_id, full_text) VALUES (:id, :share, 'the gateway''s cake')",
        id=str(uuid4()),
        share=share_id,
    )
    assert "Not indexed: 1. Run `bookmarkai transcripts index`" in bookmarkai("transcripts", "search", "cake").out

    assert bookmarkai("transcripts", "index").out.strip() == "Transcripts indexed: 1."

    assert bookmarkai("transcripts", "index").out.strip() == "All transcripts are indexed."
    (line,) = bookmarkai("transcripts", "search", "cake").out.splitlines()[1:]
    assert line.split("\t") == [share_id, "", "A title", "the gateway's cake", TIKTOK]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (['"cake'], 2, "quotation mark to close the phrase"),
        (["?"], 2, "expected a word to search for, found no letter or digit"),
        (["cake", "--since", "last week"], 2, "found 'last week'"),
        (["cake", "--since", "999999d"], 2, "found '999999d'"),
        (["cake", "--limit", "0"], 2, "--limit"),
        (["cake", "--platform", "myspace"], 2, "myspace"),
        ([], 2, "WORDS"),
    ],
)
def test_a_search_that_cannot_be_read_is_refused(
    bookmarkai: BookmarkAI, arguments: list[str], code: int, message: str
) -> None:
    """The message says what is expected, and nothing is printed as a result."""
    ended = bookmarkai("transcripts", "search", *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert message in " ".join(ended.err.replace("│", " ").split())


def test_a_terminal_sees_matches_marked_and_no_tricks(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The match is highlighted, and control characters and markup of the text are shown, not interpreted."""
    add_spoken(catalog, TIKTOK, sentence(" [red]\x1b[31m\u202e cake [/red]"), title="[blink]x[/blink]\x1b]0;t\x07")
    terminal = Console(force_terminal=True, width=200, highlight=False, color_system="standard", no_color=False)
    monkeypatch.setattr(output, "out", terminal)
    monkeypatch.setattr(transcripts_search, "out", terminal)

    shown = bookmarkai("transcripts", "search", "cake").out

    assert "\x1b[1;33mcake\x1b[0m" in shown
    assert "[red]\ufffd[31m\ufffd " in shown
    assert "[blink]x[/blink]\ufffd]0;t\ufffd" in shown
    assert "\x1b[31m" not in shown


def test_a_long_text_is_shown_around_the_match(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Of a text without segments, the passage around the match is shown, cut between words."""
    before, after = "before " * 60, " after" * 60
    add_spoken(catalog, TIKTOK, sentence(f"{before}cake{after}"))
    add_spoken(catalog, f"{TIKTOK}2", sentence("x" * 500 + " cake " + "y" * 500))

    unspaced, spaced = (
        line.split("\t")[3] for line in bookmarkai("transcripts", "search", "cake").out.splitlines()[1:]
    )

    assert spaced.startswith("…before before")
    assert spaced.endswith("after after…")
    assert " cake " in spaced
    assert len(spaced) <= 202
    assert "cake" in unspaced
    assert len(unspaced) <= 202


@pytest.mark.parametrize(
    ("url", "seconds", "link"),
    [(YOUTUBE, 83.9, f"{YOUTUBE}&t=83s"), (YOUTUBE, None, YOUTUBE), (TIKTOK, 83.9, TIKTOK)],
)
def test_a_link_leads_to_the_moment_where_it_can(url: str, seconds: float | None, link: str) -> None:
    """YouTube's links take whole seconds; other platforms' links, and those of sentences without a time, do not."""
    assert url_at(url, seconds) == link
