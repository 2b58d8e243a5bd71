"""The library: shares, what is said in their videos, and what restricts them."""

import re
from http import HTTPStatus

import pytest

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.door.pages.library import SHARES_PER_PAGE
from bookmarkai_assets.door.pages.views.library import QUOTE_CHARACTERS, quote_parts
from tests.support.catalog import GONE
from tests.support.door_pages import SENTENCES, House, spoken_transcript


def shares_in(text: str) -> list[str]:
    """Return the shares of the list of a page, in its order, without those of sentences."""
    return re.findall(r'href="/shares/([^"#]+)"', text.partition('id="shares"')[2])


def sentences_in(text: str) -> list[str]:
    """Return the links to moments of a page, in its order."""
    return re.findall(r'class="moment" href="([^"]+)"', text)


def test_an_empty_library_says_how_to_fill_it(house: House) -> None:
    """Without a share, the page names the command that adds one."""
    page = house.client().get("/")
    assert page.status_code == HTTPStatus.OK
    assert "bookmarkai shares add" in page.text


def test_the_newest_share_is_first_with_all_that_is_known_of_it(house: House) -> None:
    """A row has title, author, platform, length, status and where the video is; a link is the title of a new share."""
    new = house.add_share(url="https://videos.example/new", seconds=30)
    stored = house.add_video(title="Baking", author="ana", seconds=20, backend=Backend.S3)
    failed = house.add_failure(GONE, seconds=10)
    text = house.client().get("/").text
    assert shares_in(text) == [new, stored, failed]
    for known in (
        "https://videos.example/new",
        "Baking",
        "ana",
        "generic",
        "0:06",
        ">done<",
        ">S3<",
        ">error<",
        ">gone<",
    ):
        assert known in text, known


def test_a_strangers_picture_is_never_fetched(house: House) -> None:
    """No page names the thumbnail's address, because opening a page would tell its site."""
    share = house.add_video(thumbnail_url="https://pictures.example/thumbnail.jpg")
    client = house.client()
    for path in ("/", f"/shares/{share}"):
        page = client.get(path)
        assert "pictures.example" not in page.text
        assert "img-src 'self';" in page.headers["content-security-policy"]


def test_a_search_finds_what_was_said_and_leads_to_its_moment(house: House) -> None:
    """A sentence is shown with the words marked, and its link has the second in which it begins."""
    share = house.add_video(transcript=spoken_transcript(*SENTENCES))
    house.add_video(title="Another")
    text = house.client().get("/", params={"q": "butter"}).text
    assert sentences_in(text) == [f"/shares/{share}#t=2"]
    assert "First, melt the <mark>butter</mark>." in text
    assert shares_in(text) == []


def test_a_search_finds_links_titles_and_authors(house: House) -> None:
    """A part of any of them is enough, whatever the case."""
    titled = house.add_video(title="Chocolate cake", url="https://videos.example/a", seconds=1)
    by_author = house.add_video(title="x", author="Chocolatier", url="https://videos.example/b", seconds=2)
    by_link = house.add_video(title="x", url="https://videos.example/chocolates", seconds=3)
    house.add_video(title="x", url="https://videos.example/d", seconds=4)
    assert shares_in(house.client().get("/", params={"q": "chocolat"}).text) == [by_link, by_author, titled]


def test_a_link_in_any_form_finds_its_share(house: House) -> None:
    """A link of another form than the shared one finds the share of the same video."""
    share = house.add_video(url="https://www.youtube.com/watch?v=abcdefghijk")
    house.add_video(url="https://www.youtube.com/watch?v=otherothero")
    text = house.client().get("/", params={"q": "https://youtu.be/abcdefghijk?si=x"}).text
    assert shares_in(text) == [share]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"platform": "youtube"}, ["youtube"]),
        ({"status": "error"}, ["failed"]),
        ({"outcome": "gone"}, ["failed"]),
        ({"status": "done"}, ["recent", "youtube"]),
        ({"since": "1d"}, ["recent"]),
        ({"status": "done", "platform": "youtube"}, ["youtube"]),
        ({"platform": "nonsense", "status": "<script>", "since": "-1"}, ["recent", "failed", "youtube"]),
    ],
)
def test_a_filter_restricts_the_list(house: House, parameters: dict[str, str], expected: list[str]) -> None:
    """Platform, status, outcome and time restrict it, alone or together. An unknown value restricts nothing."""
    day = 24 * 3600
    shares = {
        house.add_video(url="https://www.youtube.com/watch?v=abcdefghijk", seconds=-3 * day): "youtube",
        house.add_failure(GONE, seconds=-2 * day): "failed",
        house.add_video(): "recent",
    }
    text = house.client().get("/", params=parameters).text
    assert [shares[share] for share in shares_in(text)] == expected


def test_the_form_keeps_what_was_asked_for(house: House) -> None:
    """The words and the choices are still there on the page with the answer."""
    text = house.client().get("/", params={"q": 'cake "', "status": "done", "since": "7d"}).text
    assert 'value="cake &#34;"' in text
    assert '<option value="done" selected>' in text
    assert '<option value="7d" selected>' in text


def test_a_query_that_cannot_be_read_is_explained(house: House) -> None:
    """An open quotation mark is named, and titles are searched all the same."""
    share = house.add_video(title='A 12" record')
    text = house.client().get("/", params={"q": '12"'}).text
    assert "expected a quotation mark to close the phrase" in text
    assert shares_in(text) == [share]


def test_a_long_list_goes_on_where_the_page_ends(house: House) -> None:
    """Every share is on exactly one page, and the filters stay."""
    shares = [house.add_share(seconds=-number) for number in range(SHARES_PER_PAGE + 5)]
    client = house.client()
    first = client.get("/", params={"status": "pending"}).text
    assert shares_in(first) == shares[:SHARES_PER_PAGE]
    (older,) = re.findall(r'href="(/\?[^"]+)" rel="next"', first)
    second = client.get(older.replace("&amp;", "&")).text
    assert "status=pending" in older
    assert shares_in(second) == shares[SHARES_PER_PAGE:]
    assert 'rel="next"' not in second


def test_a_page_after_a_share_that_is_gone_is_not_found(house: House) -> None:
    """An old or made-up cursor is answered with a page."""
    assert house.client().get("/", params={"after": "nonsense"}).status_code == HTTPStatus.NOT_FOUND


def test_a_failure_says_why_and_what_to_do(house: House) -> None:
    """The share's page has the outcome, the reason and the next step."""
    share = house.add_failure(Failure(Outcome.LOGIN_NEEDED, "the site asked for a login"))
    text = house.client().get(f"/shares/{share}").text
    for known in ("Login needed", "the site asked for a login", "YTDLP_COOKIES"):
        assert known in text, known


def test_a_long_sentence_is_cut_around_its_first_match() -> None:
    """A text without times may be one long sentence, of which the part with the words is shown."""
    text = "word " * 200 + "cake" + " word" * 200
    first = text.index("cake")
    parts = quote_parts(text, [(first, first + 4)])
    assert [part.text for part in parts if part.is_match] == ["cake"]
    whole = "".join(part.text for part in parts)
    assert whole.startswith("…")
    assert whole.endswith("…")
    assert len(whole) <= QUOTE_CHARACTERS + 2


def test_a_page_is_light(house: House) -> None:
    """A full library, and a page with an hour of speech, take less than 100 kB each with all their files."""
    for number in range(SHARES_PER_PAGE):
        house.add_video(title="t" * 200, author="a" * 80, seconds=number)
    words = [f"Line {number} says what {number * 7919 % 1000} others have not said before." for number in range(1200)]
    hour = house.add_video(transcript=spoken_transcript(*words, seconds=3.0))
    client = house.client()
    files = sum(len(client.get(f"/static/{name}").content) for name in ("door.css", "icon.svg", "player.js"))
    for path in ("/", f"/shares/{hour}"):
        page = client.get(path)
        assert words[-1] in page.text or path == "/"
        assert int(page.headers["content-length"]) + files < 100_000, path


def test_a_page_is_compressed_only_for_readers_who_take_that(house: House) -> None:
    """Both get the same page, and caches are told of the difference."""
    client = house.client()
    plain = client.get("/rollout", headers={"Accept-Encoding": "identity"})
    small = client.get("/rollout", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert plain.text == small.text
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"
