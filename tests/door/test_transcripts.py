"""`GET /api/v1/shares/{id}/transcript` and `GET /api/v1/transcripts/search`."""

from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.door.negotiation import preferred
from tests.door.conftest import OTHER_USER, USER, OpenDoor, key_of
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import add_share, execute, transcript_of

SEARCH = "/api/v1/transcripts/search"
OFFERED = ("application/json", "text/plain", "application/x-subrip", "text/vtt")


def _spoken(catalog: OpenCatalog, *texts: str, user_id: str = USER) -> str:
    share_id = add_share(catalog, user_id=user_id)
    catalog.transcripts.put(share_id, transcript_of(*texts), now=datetime.now(UTC))
    return share_id


def _path(share_id: str) -> str:
    return f"/api/v1/shares/{share_id}/transcript"


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("json", OFFERED[0]), ("txt", OFFERED[1]), ("srt", OFFERED[2]), ("vtt", OFFERED[3])],
)
def test_each_form_is_what_the_command_exports(
    door: TestClient, bookmarkai: BookmarkAI, sqlite_catalog: OpenCatalog, form: str, media_type: str
) -> None:
    """By `format` and by `Accept`, a transcript is byte for byte what `bookmarkai transcripts export` writes."""
    share_id = _spoken(sqlite_catalog, "Crème brûlée.", "We bake a cake.")

    asked = [
        door.get(_path(share_id), params={"format": form}, headers={"Accept": "image/png"}),
        door.get(_path(share_id), headers={"Accept": f"image/png, {media_type}"}),
    ]

    exported = bookmarkai("transcripts", "export", share_id, "--format", form).out
    assert [answer.text for answer in asked] == [exported, exported]
    assert {answer.headers["Content-Type"].partition(";")[0] for answer in asked} == {media_type}
    assert {answer.headers["Vary"] for answer in asked} == {"Accept"}


def test_a_form_that_is_not_offered_is_not_acceptable(door: TestClient, sqlite_catalog: OpenCatalog) -> None:
    """An Accept that takes none of the forms is 406 and is told which there are."""
    answer = door.get(_path(_spoken(sqlite_catalog, "cake")), headers={"Accept": "image/png, text/html;q=0.5"})

    assert answer.status_code == 406
    assert all(media_type in answer.json()["detail"] for media_type in OFFERED)


def test_subtitles_need_times(door: TestClient, sqlite_catalog: OpenCatalog) -> None:
    """A transcript without times is 406 as subtitles, and a text all the same."""
    share_id = add_share(sqlite_catalog)
    execute(
        sqlite_catalog,
        "INSERT INTO transcripts (id, share_id, full_text, segments) VALUES (:id, :share, 'cake', NULL)",
        id=USER,
        share=share_id,
    )

    forms = [door.get(_path(share_id), params={"format": form}).status_code for form in ("vtt", "srt", "txt", "json")]

    assert forms == [406, 406, 200, 200]


def test_no_transcript_is_a_problem_that_says_how_far_the_share_is(
    door: TestClient, sqlite_catalog: OpenCatalog
) -> None:
    """A share without a transcript is 404, and the detail has its status."""
    answer = door.get(_path(add_share(sqlite_catalog)))

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:bookmarkai:problem:no-transcript"
    assert "pending" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, OFFERED[0]),
        ("", OFFERED[0]),
        ("*/*", OFFERED[0]),
        ("text/*", "text/plain"),
        ("text/vtt", "text/vtt"),
        ("TEXT/VTT ; Q=0.3", "text/vtt"),
        ("text/vtt;q=0.9, text/plain;q=0.8", "text/vtt"),
        ("text/*, text/plain;q=0", "text/vtt"),
        ("*/*;q=0.1, application/x-subrip", "application/x-subrip"),
        ("text/vtt;q=0", None),
        ("text/vtt;q=bad", None),
        ("text/vtt;q=nan", None),
        ("image/png", None),
        (",,;;", None),
    ],
)
def test_accept_is_read_as_rfc_9110_says(accept: str | None, media_type: str | None) -> None:
    """The most exact range counts, then its quality; of equals the first that is offered."""
    assert preferred(accept, OFFERED) == media_type


def test_what_was_said_is_found_as_by_the_command(
    door: TestClient, bookmarkai: BookmarkAI, sqlite_catalog: OpenCatalog
) -> None:
    """The hits are those of `bookmarkai transcripts search --json`, with a mark if there may be more."""
    for _ in range(2):
        _spoken(sqlite_catalog, "We bake a cake.", "No bread.")

    whole = door.get(SEARCH, params={"q": "cake -salt"}).json()
    cut = door.get(SEARCH, params={"q": "cake", "limit": 1}).json()

    printed = bookmarkai("transcripts", "search", "cake -salt", "--json").json
    assert [_without_moment(hit) for hit in whole["hits"]] == [_without_moment(hit) for hit in printed]
    assert len(printed) == 2
    assert (whole["is_cut"], cut["is_cut"], len(cut["hits"])) == (False, True, 1)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=",
        "q=***",
        'q="open',
        "q=-cake",
        "q=" + "x" * 1001,
        "q=cake&limit=0",
        "q=cake&limit=201",
        "q=cake&since=x",
    ],
)
def test_what_is_no_query_is_refused(door: TestClient, query: str) -> None:
    """A query that cannot be read is 422 and says what one may contain."""
    answer = door.get(f"{SEARCH}?{query}")

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_user_finds_only_what_that_user_has_shared(open_door: OpenDoor, sqlite_catalog: OpenCatalog) -> None:
    """A token of a user finds that user's videos alone, and an operator's all."""
    keys = [key_of("anna", Scope.READ, user_id=USER), key_of("ops", Scope.OPERATE)]
    door = open_door(door_tokens=",".join(key.line for key in keys))
    mine = _spoken(sqlite_catalog, "We bake a cake.")
    theirs = _spoken(sqlite_catalog, "They bake a cake.", user_id=OTHER_USER)

    found = [
        {hit["share_id"] for hit in door.get(SEARCH, params={"q": "cake"}, headers=key.headers).json()["hits"]}
        for key in keys
    ]

    assert found == [{mine}, {mine, theirs}]


def _without_moment(hit: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in hit.items() if name != "shared_at"}
