"""The contract of `TranscriptSearch`, over SQLite and PostgreSQL."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookmarkai_assets.adapters.catalog import OpenCatalog, schema, search
from bookmarkai_assets.adapters.catalog.opening import open_catalog
from bookmarkai_assets.core.errors import ConfigurationError, SearchQueryError
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.search.ports import Hit, Indexed
from bookmarkai_assets.core.search.query import is_match, parse_query
from bookmarkai_assets.core.transcripts.transcript import Segment
from tests.support.catalog import USER, add_share, at, begin, execute, stored_media, together, transcript_of
from tests.support.examples import examples

OTHER_USER = "22222222-2222-4222-8222-222222222222"
TIKTOK = "https://www.tiktok.com/@user/video/{}"
SENTENCES = (
    "We bake a cake.",
    "A pancake is no cake, is it?",
    "Sugar free, sugar free!",
    "Free sugar for bakers",
    "Crème brûlée, s'il vous plaît",
    "東京タワーに行く",
    "京東で買い物",
    "ผมกินข้าวผัด",
    "AND OR NOT NEAR words:1 'quoted' \\ & | ! <-> :*",
    "♪♪♪",
    "Straße 24/7 x́y",
)


def add_spoken(catalog: OpenCatalog, *texts: str, url: str | None = None, seconds: float = 0) -> str:
    """Add a share that was made at that moment, with a transcript, and return its id."""
    share_id = add_share(catalog, url=url, seconds=seconds)
    catalog.transcripts.put(share_id, transcript_of(*texts), now=at(seconds + 1))
    return share_id


def find(
    catalog: OpenCatalog,
    text: str,
    *,
    platform: Platform | None = None,
    since: datetime | None = None,
    limit: int = 20,
) -> list[str]:
    """Return the sentences that are found, in order."""
    return [hit.text for hit in catalog.search.search(parse_query(text), platform=platform, since=since, limit=limit)]


def write_as_gateway(
    catalog: OpenCatalog, share_id: str, said: str, segments: str | None, *, seconds: float = 1
) -> str:
    """Write a transcript as another program does, and return its id."""
    transcript_id = str(uuid4())
    execute(
        catalog,
        "INSERT INTO transcripts (id, share_id, full_text, segments, updated_at) "
        "VALUES (:id, :share, :said, :segments, :moment)",
        id=transcript_id,
        share=share_id,
        said=said,
        segments=segments,
        moment=at(seconds).isoformat(),
    )
    return transcript_id


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("cake", [0, 1]),
        ("CAKE bake", [0]),
        ("cake*", [0, 1]),
        ("pan*", [1]),
        ('"sugar free"', [2]),
        ('"free sugar"', [2, 3]),
        ('"free sugar f"', []),
        ('"free sugar fo"*', [3]),
        ("sugar -bakers", [2]),
        ('sugar -"sugar free" -nothing', [3]),
        ("sugar -bak*", [2]),
        ("creme BRULEE", [4]),
        ("crème", [4]),
        ("東京", [5]),
        ("京東", [6]),
        ("東 行", [5]),
        ("ข้าว", [7]),
        ("ขาว", []),
        ("and or not near", [8]),
        ("strasse 7 xy", [10]),
        ("nobody", []),
    ],
)
def test_sentences_are_found_by_their_words(each_catalog: OpenCatalog, question: str, found: list[int]) -> None:
    """Words, phrases, prefixes, exclusions, any case and accents, and scripts without spaces work on both databases."""
    add_spoken(each_catalog, *SENTENCES)

    assert find(each_catalog, question) == [SENTENCES[n] for n in found]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[list[OpenCatalog]]:
    """Return a catalog in each database whose transcripts contain `SENTENCES`."""
    server = request.getfixturevalue("postgres_server")
    file = tmp_path_factory.mktemp("search") / "catalog.db"
    with (
        server.database(template="catalog_template") as url,
        open_catalog(f"sqlite:///{file}") as sqlite,
        open_catalog(url) as postgres,
    ):
        for catalog in (sqlite, postgres):
            add_spoken(catalog, *SENTENCES)
        yield [sqlite, postgres]


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(max_size=40)
    | st.text(alphabet="abe cake\"'*-&|!<>:()\\^+{},.;%_\x00東京é", max_size=25)
    | st.lists(
        st.sampled_from(["sugar", "fre*", '"free sugar"', "-cake", "AND", "NEAR(a", "東", "'quoted'", "x:1"])
    ).map(" ".join)
)
def test_no_query_is_syntax_for_a_database(filled: list[OpenCatalog], text: str) -> None:
    """Any query is refused in our words, or answered by both databases with the sentences that match."""
    try:
        query = parse_query(text)
    except SearchQueryError:
        return

    for catalog in filled:
        assert [hit.text for hit in catalog.search.search(query)] == [
            said for said in SENTENCES if is_match(query, said)
        ]


def test_a_hit_has_its_moment_and_its_video(each_catalog: OpenCatalog) -> None:
    """A hit has share, title, canonical URL, platform, seconds, the sentence as it was said, and its matches."""
    share_id = add_share(each_catalog, url=TIKTOK.format(1), seconds=5)
    media = stored_media("m", share_id)
    begin(each_catalog, share_id, "m", "run")
    each_catalog.media.record_staged(replace(media, canonical_url=TIKTOK.format(2)), owner="run", now=at(6))
    said = Segment(61.5, 64.25, " Eat cake,\x00 CAKE!", -0.25, 0.01)
    each_catalog.transcripts.put(share_id, replace(transcript_of(), segments=(said,)), now=at(7))

    assert each_catalog.search.search(parse_query("cake")) == [
        Hit(
            rank=1,
            share_id=share_id,
            title=media.info.title,
            url=TIKTOK.format(2),
            platform=Platform.TIKTOK,
            shared_at=at(5),
            start_seconds=61.5,
            end_seconds=64.25,
            text="Eat cake,\ufffd CAKE!",
            matches=[(4, 8), (11, 15)],
        )
    ]


def test_the_newest_video_comes_first_and_its_sentences_in_order(each_catalog: OpenCatalog) -> None:
    """Videos are ordered by their first transcription, also after another one, up to the limit."""
    add_spoken(each_catalog, "cake 1", "cake 2", seconds=0)
    oldest = add_spoken(each_catalog, "cake 3", "tea", "cake 4", seconds=10)
    add_spoken(each_catalog, "cake 5", seconds=20)

    each_catalog.transcripts.put(oldest, transcript_of("cake 3", "tea", "cake 4"), now=at(100))

    assert find(each_catalog, "cake") == ["cake 5", "cake 3", "cake 4", "cake 1", "cake 2"]
    assert [hit.rank for hit in each_catalog.search.search(parse_query("cake"), limit=2)] == [1, 2]
    assert find(each_catalog, "cake", limit=2) == ["cake 5", "cake 3"]


def test_a_user_finds_what_that_users_shares_say(each_catalog: OpenCatalog) -> None:
    """With a user, only sentences of that user's shares are found, however many others there are."""
    mine = add_spoken(each_catalog, "We bake a cake.")
    for seconds in range(1, 4):
        share_id = add_share(each_catalog, seconds=seconds, user_id=OTHER_USER)
        each_catalog.transcripts.put(share_id, transcript_of("They bake a cake."), now=at(seconds + 1))

    def found(user_id: str | None) -> list[str]:
        hits = each_catalog.search.search(parse_query("cake"), user_id=user_id, limit=2)
        return [hit.share_id for hit in hits]

    assert found(USER) == [mine]
    assert len(found(OTHER_USER)) == len(found(None)) == 2
    assert mine not in found(OTHER_USER)
    assert found("nobody") == []


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_an_impossible_limit_is_refused(each_catalog: OpenCatalog, limit: int) -> None:
    """A limit is between one and a thousand sentences."""
    with pytest.raises(ValueError, match="limit"):
        each_catalog.search.search(parse_query("cake"), limit=limit)


def test_only_a_platforms_videos_are_found(each_catalog: OpenCatalog) -> None:
    """The platform is the link's, whatever the gateway calls it, and Twitter and X are one."""
    add_spoken(each_catalog, "cake on tiktok", url=TIKTOK.format(1))
    add_spoken(each_catalog, "cake on x", url="https://twitter.com/user/status/1")
    add_spoken(each_catalog, "cake elsewhere")

    assert find(each_catalog, "cake", platform=Platform.TIKTOK) == ["cake on tiktok"]
    assert find(each_catalog, "cake", platform=Platform.X) == ["cake on x"]
    assert find(each_catalog, "cake", platform=Platform.TWITTER) == ["cake on x"]
    assert find(each_catalog, "cake", platform=Platform.GENERIC) == ["cake elsewhere"]
    assert find(each_catalog, "cake", platform=Platform.REDDIT) == []
    assert find(each_catalog, "tiktok", platform=Platform.X) == []


def test_only_what_was_shared_since_is_found(each_catalog: OpenCatalog) -> None:
    """The time of sharing counts, including the boundary, not the time of transcription."""
    old = add_share(each_catalog, seconds=0)
    add_spoken(each_catalog, "cake of noon", seconds=100)
    add_spoken(each_catalog, "cake of later", seconds=200)
    each_catalog.transcripts.put(old, transcript_of("cake of old"), now=at(300))

    assert find(each_catalog, "cake", since=at(100)) == ["cake of later", "cake of noon"]
    assert find(each_catalog, "cake", since=at(100.5)) == ["cake of later"]
    assert find(each_catalog, "cake", since=at(200) + timedelta(microseconds=1)) == []
    assert len(find(each_catalog, "cake", since=at(0))) == 3


def test_writing_again_replaces_what_is_found(each_catalog: OpenCatalog) -> None:
    """Words of an earlier transcript are not found any more, nor those of one that became empty."""
    share_id = add_spoken(each_catalog, "first words", "and more words")

    each_catalog.transcripts.put(share_id, transcript_of("second words"), now=at(5))
    assert find(each_catalog, "words") == ["second words"]
    assert find(each_catalog, "first") == []

    each_catalog.transcripts.put(share_id, transcript_of(), now=at(6))
    assert find(each_catalog, "words") == []


def test_a_deleted_transcript_is_not_found(each_catalog: OpenCatalog) -> None:
    """A share or transcript that the gateway deletes is not found from then on, and `index` removes its words."""
    for table, column in (("shares", "id"), ("transcripts", "share_id")):
        share_id = add_spoken(each_catalog, f"cake of {table}")
        assert find(each_catalog, "cake") == [f"cake of {table}"]

        execute(each_catalog, f"DELETE FROM {table} WHERE {column} = :id", id=share_id)  # noqa: S608 - as above

        assert find(each_catalog, "cake") == []
    assert each_catalog.search.index(limit=10) == Indexed(transcripts=0, waiting=0)
    with each_catalog.database.engine.connect() as connection:
        for table in ("transcript_segments", "transcript_documents"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0  # noqa: S608 - as above


def test_the_gateways_transcripts_are_found_once_indexed(each_catalog: OpenCatalog) -> None:
    """`index` adds new, changed and replaced rows, a few at a time, and only those."""
    add_spoken(each_catalog, "ours")
    shares = [add_share(each_catalog, seconds=n) for n in range(3)]
    segments = json.dumps([{"start": 0, "end": 2.5, "text": "Old words"}, {"start": 3, "end": 4, "text": "more"}])
    ids = [write_as_gateway(each_catalog, share_id, "Old words", segments) for share_id in shares]
    assert find(each_catalog, "words") == []
    assert each_catalog.search.count_unindexed() == 3

    assert each_catalog.search.index(limit=2) == Indexed(transcripts=2, waiting=1)
    assert each_catalog.search.index(limit=2) == Indexed(transcripts=1, waiting=0)
    assert each_catalog.search.index(limit=2) == Indexed(transcripts=0, waiting=0)

    assert [hit.share_id for hit in each_catalog.search.search(parse_query("old words"))] == shares[::-1]
    execute(
        each_catalog,
        "UPDATE transcripts SET full_text = 'New words', segments = NULL, updated_at = :moment WHERE id = :id",
        id=ids[0],
        moment=at(9).isoformat(),
    )
    execute(each_catalog, "DELETE FROM transcripts WHERE id = :id", id=ids[1])
    write_as_gateway(each_catalog, shares[1], "Other words", None, seconds=2)
    assert each_catalog.search.count_unindexed() == 2
    assert each_catalog.search.index(limit=9) == Indexed(transcripts=2, waiting=0)
    assert find(each_catalog, "words") == ["Old words", "Other words", "New words"]


def test_a_transcript_deleted_before_its_turn_is_skipped(each_catalog: OpenCatalog) -> None:
    """A transcript that is deleted while it waits to be indexed is skipped, and the others are found."""
    ids = [
        write_as_gateway(each_catalog, add_share(each_catalog, seconds=n), f"words {n}", None, seconds=n)
        for n in range(3)
    ]
    assert each_catalog.search.index(limit=1).waiting == 2
    execute(each_catalog, "DELETE FROM transcripts WHERE id = :id", id=ids[1])

    while each_catalog.search.index(limit=1).transcripts:
        pass

    assert find(each_catalog, "words") == ["words 2", "words 0"]


def test_of_several_transcripts_of_a_share_the_latest_is_found(each_catalog: OpenCatalog) -> None:
    """The gateway may keep several, and the one that is shown is the one that is found."""
    share_id = add_share(each_catalog)
    write_as_gateway(each_catalog, share_id, "newest words", None, seconds=5)
    write_as_gateway(each_catalog, share_id, "oldest words", None, seconds=1)

    each_catalog.search.index(limit=9)

    assert find(each_catalog, "words") == ["newest words"]
    assert each_catalog.search.count_unindexed() == 0


@pytest.mark.parametrize(
    "segments",
    [
        None,
        "[]",
        '{"words": []}',
        '[{"t": 1}]',
        '[{"start": "0", "end": 1, "text": "x"}]',
        '"text"',
        "[" * 90 + "]" * 90,
    ],
)
def test_segments_of_another_form_are_found_by_the_whole_text(each_catalog: OpenCatalog, segments: str | None) -> None:
    """Where the segments are not a list of times and texts, the whole text is found, without a time."""
    write_as_gateway(each_catalog, add_share(each_catalog), "The whole text", segments)

    each_catalog.search.index(limit=9)

    (hit,) = each_catalog.search.search(parse_query("whole"))
    assert (hit.text, hit.start_seconds, hit.end_seconds) == ("The whole text", None, None)


def test_a_malformed_row_keeps_no_other_from_being_found(sqlite_catalog: OpenCatalog) -> None:
    """On SQLite a column may contain anything: what can be read is found, and the indexing upgrade does not fail."""
    odd = add_share(sqlite_catalog)
    write_as_gateway(sqlite_catalog, odd, "odd words", '[{"start": 1e999, "end": 1, "text": "far words"}, {"start": ')
    write_as_gateway(
        sqlite_catalog, add_share(sqlite_catalog), "x", f'[{{"start": 1{"0" * 400}, "end": NaN, "text": "huge words"}}]'
    )
    execute(sqlite_catalog, "UPDATE shares SET created_at = X'FF00', url = 7, title = X'FF' WHERE id = :id", id=odd)
    execute(sqlite_catalog, "UPDATE transcripts SET updated_at = 'yesterday'")
    add_spoken(sqlite_catalog, "good words")

    sqlite_catalog.search.index(limit=9)

    assert sorted(find(sqlite_catalog, "words")) == ["good words", "huge words", "odd words"]
    assert sqlite_catalog.search.count_unindexed() == 0


def test_a_long_text_is_found_in_all_its_parts(each_catalog: OpenCatalog) -> None:
    """A text without segments, however long, is shown by the part that matches, and nothing of it is lost."""
    words = [f"word{n}" for n in range(5000)]
    write_as_gateway(each_catalog, add_share(each_catalog), f"«{'. '.join(words)}»", None)

    each_catalog.search.index(limit=9)

    for wanted in ("word0", "word199", "word200", "word4999"):
        (hit,) = each_catalog.search.search(parse_query(wanted))
        assert len(hit.text) < 3000
        ((start, end),) = hit.matches
        assert hit.text[start:end] == wanted
    parts = find(each_catalog, "word*", limit=1000)
    assert "".join(parts).replace(" ", "") == f"«{'.'.join(words)}»"


def test_a_transcript_of_repetition_is_found(each_catalog: OpenCatalog) -> None:
    """Twenty thousand repetitions of a word, as engines hallucinate them, and an endless word do no harm."""
    add_spoken(each_catalog, "la " * 20_000, "x" * 100_000, "ö" * 5000)

    assert len(find(each_catalog, '"la la la"', limit=1000)) == 100
    assert len(find(each_catalog, "x" * 100)) == 1
    assert len(find(each_catalog, "o" * 70)) == 1


def test_a_missing_share_has_no_hits(each_catalog: OpenCatalog) -> None:
    """The transcript of a share that the gateway deleted meanwhile is written, and is not found."""
    each_catalog.transcripts.put(str(uuid4()), transcript_of("cake"), now=at(1))

    assert find(each_catalog, "cake") == []
    assert each_catalog.search.count_unindexed() == 0


def test_shares_of_one_video_are_both_found(each_catalog: OpenCatalog) -> None:
    """Each user's share is a hit of its own."""
    link = "https://example.com/video/7"
    for user in (USER, str(uuid4())):
        share_id = add_share(each_catalog, url=link, user_id=user)
        each_catalog.transcripts.put(share_id, transcript_of("cake"), now=at(1))

    assert len({hit.share_id for hit in each_catalog.search.search(parse_query("cake"))}) == 2


def test_a_python_without_full_text_search_is_refused(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening says what this Python's SQLite lacks, before any transcript is lost."""
    monkeypatch.setattr(schema, "FULL_TEXT_MODULE", "fts99")

    with pytest.raises(ConfigurationError, match=r"to have the module fts99, found SQLite 3\..* built without it; use"):
        open_catalog(sqlite_url)


@pytest.mark.parametrize("frequent", [40, 7, 1])
def test_an_old_word_is_found_beside_newer_ones(
    each_catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch, frequent: int
) -> None:
    """However often the newest sentences have a word, all hits come once, in order, from newest to oldest."""
    monkeypatch.setattr(search, "NEWEST", 10)
    monkeypatch.setattr(search, "NEWEST_PER_HIT", 0)
    said = [f"cake {n}" if n < 30 or n % frequent == 0 else f"tea {n}" for n in range(200)]
    for first in range(0, 200, 20):
        add_spoken(each_catalog, *said[first : first + 20], seconds=first)
    # Videos from the last to the first, each from its beginning on.
    wanted = [text for first in range(180, -1, -20) for text in said[first : first + 20] if text.startswith("cake")]

    for limit in (1, 3, 5, 10, 45, 400):
        assert find(each_catalog, "cake", limit=limit) == wanted[:limit]
    assert find(each_catalog, "cake", since=at(100), limit=400) == [
        text for text in wanted if int(text.split()[1]) >= 100
    ]


def test_writers_and_indexers_do_not_disturb_each_other(each_catalog: OpenCatalog) -> None:
    """While some index and others write the same transcripts again, nothing fails, and the last words are found."""
    shares = [add_share(each_catalog, seconds=n) for n in range(12)]
    for share_id in shares:
        write_as_gateway(each_catalog, share_id, "gateway words", None)

    def write() -> None:
        for share_id in shares[::2]:
            each_catalog.transcripts.put(share_id, transcript_of("new words"), now=at(2))

    def index() -> None:
        while each_catalog.search.index(limit=3).transcripts:
            pass

    together([write, index, write, index])
    index()

    assert sorted(find(each_catalog, "words", limit=100)) == ["gateway words"] * 6 + ["new words"] * 6
    assert each_catalog.search.count_unindexed() == 0


def test_words_are_found_in_every_language_of_a_transcript(each_catalog: OpenCatalog) -> None:
    """Each by the rules of its own script, whatever the transcript's language is."""
    share_id = add_share(each_catalog)
    spoken = transcript_of("We bake a cake.", "Die Straße ist groß.", "東京タワーに行く")
    languages = ("en", "de", "ja")
    segments = tuple(replace(one, language=name) for one, name in zip(spoken.segments, languages, strict=True))
    each_catalog.transcripts.put(share_id, replace(spoken, segments=segments), now=at(1))
    assert [find(each_catalog, words) for words in ("cake", "strasse gross", "東京")] == [
        [one.text] for one in segments
    ]
