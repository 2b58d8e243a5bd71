"""Finding shares by what a person knows of them: link, id, title, author, or what is said."""

from datetime import timedelta

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import UnknownShareError
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.links.urls import AdmittedLink, admit
from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.operations.shares.finding import find_shares, shares_named
from tests.support.catalog import USER, add_share, at, begin, execute, put_transcript, transcript_of

OTHER_USER = "22222222-2222-4222-8222-222222222222"
TIKTOK = "https://www.tiktok.com/@baker/video/7300000000000000001"
CANONICAL = "https://www.tiktok.com/@_/video/7300000000000000001"
YOUTUBE = "https://www.youtube.com/watch?v=0123456789a"


def add(catalog: OpenCatalog, url: str, *said: str, title: str = "", author: str = "", seconds: float = 0) -> str:
    """Add a share with a title, an author and a transcript, and return its id."""
    share_id = add_share(catalog, url=url, seconds=seconds)
    names = "UPDATE shares SET title = :title, author = :author WHERE id = :id"
    execute(catalog, names, title=title, author=author, id=share_id)
    if said:
        put_transcript(catalog, share_id, transcript_of(*said), now=at(seconds + 1))
    return share_id


def found(catalog: OpenCatalog, *words: str, limit: int | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """Return the ids that are found, each with where the words are."""
    return [(one.share.share_id, one.found_in) for one in find_shares(catalog, words, limit=limit).shares]


def test_a_share_is_found_by_each_thing_that_is_known_of_it(sqlite_catalog: OpenCatalog) -> None:
    """And it is said in which of them the words are."""
    share_id = add(sqlite_catalog, TIKTOK, "We need sugar.", title="Chocolate cake", author="José Baker")
    add(sqlite_catalog, YOUTUBE, "Salt and pepper.", title="Soup", author="A cook")

    assert found(sqlite_catalog, "choco", "CAKE") == [(share_id, ("title",))]
    assert found(sqlite_catalog, "jose") == [(share_id, ("author",))]
    assert found(sqlite_catalog, "7300000000000000001") == [(share_id, ("link",))]
    assert found(sqlite_catalog, "baker") == [(share_id, ("link", "author"))]
    assert found(sqlite_catalog, share_id) == [(share_id, ("id",))]
    assert found(sqlite_catalog, f"urn:uuid:{share_id.upper()}") == [(share_id, ("id",))]
    assert found(sqlite_catalog, share_id[:13]) == [(share_id, ("id",))]
    assert found(sqlite_catalog, TIKTOK) == [(share_id, ("link",))]
    assert found(sqlite_catalog, "need sugar") == [(share_id, ("said",))]
    assert found(sqlite_catalog, "vanilla") == []


def test_what_has_a_name_comes_before_what_is_only_said(sqlite_catalog: OpenCatalog) -> None:
    """A share in whose title the word is and that says it too is one share, with its sentence."""
    said = add(sqlite_catalog, YOUTUBE, "The best cake!", "Cake again.", seconds=9)
    both = add(sqlite_catalog, TIKTOK, "No words.", "This cake.", title="Cake", seconds=1)

    result = find_shares(sqlite_catalog, ["cake"])

    assert [one.share.share_id for one in result.shares] == [both, said]
    assert [one.found_in for one in result.shares] == [("title", "said"), ("said",)]
    assert [one.sentence.text for one in result.shares if one.sentence] == ["This cake.", "The best cake!"]
    assert not result.is_cut


def test_words_are_taken_as_they_stand(sqlite_catalog: OpenCatalog) -> None:
    """No sign is an operator, neither in titles nor in what is said."""
    share_id = add(sqlite_catalog, TIKTOK, "Sugar free, of course.", title="100% -sugar* (new)")

    assert found(sqlite_catalog, "-sugar*") == [(share_id, ("title", "said"))]
    assert found(sqlite_catalog, "100%") == [(share_id, ("title",))]
    assert found(sqlite_catalog, '"free, of') == [(share_id, ("said",))]
    assert found(sqlite_catalog, "♪") == []


def test_results_are_limited_by_number_time_and_platform(sqlite_catalog: OpenCatalog) -> None:
    """It is said if there may be more."""
    old = add(sqlite_catalog, TIKTOK, title="cake", seconds=0)
    new = add(sqlite_catalog, YOUTUBE, "Cake!", seconds=60)

    def find(**limits: object) -> list[str]:
        return [one.share.share_id for one in find_shares(sqlite_catalog, ["cake"], **limits).shares]  # type: ignore[arg-type]

    assert find() == [old, new]
    assert find(limit=1) == [old]
    assert find_shares(sqlite_catalog, ["cake"], limit=1).is_cut
    assert find(since=at(30)) == [new]
    assert find(until=at(30)) == [old]
    assert find(platforms=[Platform.YOUTUBE]) == [new]
    assert find(platforms=[Platform.TIKTOK]) == [old]
    assert find(since=at(0), until=at(0) + timedelta(seconds=61)) == [old, new]


def test_a_video_that_repeats_a_word_may_hide_others(sqlite_catalog: OpenCatalog) -> None:
    """Only so many sentences are read. When they were all of one video, it is said that there may be more."""
    add(sqlite_catalog, TIKTOK, "Cake.", seconds=0)
    talkative = add(sqlite_catalog, YOUTUBE, *(f"Cake {number}." for number in range(12)), seconds=60)

    result = find_shares(sqlite_catalog, ["cake"], limit=1)

    assert [one.share.share_id for one in result.shares] == [talkative]
    assert result.is_cut
    assert not find_shares(sqlite_catalog, ["cake"], limit=2).is_cut


@pytest.mark.parametrize("form", [TIKTOK, f"{TIKTOK}?is_from_webapp=1", f"  {TIKTOK}\n", TIKTOK.replace("www.", "m.")])
def test_a_link_in_any_form_names_its_share(sqlite_catalog: OpenCatalog, form: str) -> None:
    """People copy links from different places, with what sites append to them."""
    share_id = add(sqlite_catalog, TIKTOK)

    assert [share.share_id for share in shares_named(sqlite_catalog, form, frozenset())] == [share_id]


def test_all_shares_of_a_video_are_named_the_newest_first(sqlite_catalog: OpenCatalog) -> None:
    """Another user's share, and one under a short link whose video is known."""
    short = "https://vm.tiktok.com/ZM123/"
    first = add_share(sqlite_catalog, url=TIKTOK, seconds=1)
    shortened = add_share(sqlite_catalog, url=short, user_id=OTHER_USER, seconds=2)
    for share_id, seconds in ((first, 3), (shortened, 4)):
        begin(sqlite_catalog, share_id, media_id_of(CANONICAL), "run", seconds=seconds)
    names = [link.canonical_url for link in map(admit, (short, TIKTOK)) if isinstance(link, AdmittedLink)]
    sqlite_catalog.links.record(*names, now=at(3))

    for link in (TIKTOK, short):
        named = [share.share_id for share in shares_named(sqlite_catalog, link, frozenset())]
        assert named == [shortened, first], link
    both = find_shares(sqlite_catalog, [short], limit=1)
    assert ([one.share.share_id for one in both.shares], both.is_cut) == ([shortened], True)


@pytest.mark.parametrize("text", ["https://example.com/elsewhere", "http://127.0.0.1/refused", USER])
def test_a_share_that_is_not_there_is_an_error(sqlite_catalog: OpenCatalog, text: str) -> None:
    """The message says what to do."""
    add(sqlite_catalog, TIKTOK)

    with pytest.raises(UnknownShareError, match="bookmarkai shares"):
        shares_named(sqlite_catalog, text, frozenset())
