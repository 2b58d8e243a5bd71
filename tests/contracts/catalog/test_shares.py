"""The contract of `ShareTable`, over SQLite and PostgreSQL."""

from datetime import timedelta, timezone
from uuid import UUID, uuid4

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.errors import IdempotencyKeyError, UnknownShareError
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.core.shares.share import Share
from tests.support.catalog import GONE, USER, add_share, at, begin, columns_of, execute

OTHER_USER = "22222222-2222-4222-8222-222222222222"


def test_a_new_share_is_pending_with_the_time_it_was_made(each_catalog: OpenCatalog) -> None:
    """A share is recorded as pending, under a new UUID, with the given moment to the microsecond."""
    made = at(0.123456)

    added = each_catalog.shares.add(url="https://example.com/1", user_id=USER, platform="tiktok", now=made)

    assert added.is_new
    assert str(UUID(added.share.share_id)) == added.share.share_id
    assert added.share == Share(added.share.share_id, USER, "https://example.com/1", "tiktok", "pending", made)
    assert each_catalog.shares.get(added.share.share_id) == added.share


def test_adding_a_link_again_returns_the_first_share(each_catalog: OpenCatalog) -> None:
    """The same link of the same user is one share, which the second call returns unchanged."""
    first = each_catalog.shares.add(url="https://example.com/1", user_id=USER, platform="tiktok", now=at(0))

    second = each_catalog.shares.add(url="https://example.com/1", user_id=USER, platform="generic", now=at(9))

    assert not second.is_new
    assert second.share == first.share
    assert len(each_catalog.shares.list()) == 1


def test_two_users_may_share_one_link(each_catalog: OpenCatalog) -> None:
    """A link is one share per user."""
    ids = {add_share(each_catalog, url="https://example.com/1", user_id=user) for user in (USER, OTHER_USER)}

    assert len(ids) == 2


def test_the_gateway_sees_a_share_as_its_own(each_catalog: OpenCatalog) -> None:
    """The row leaves the gateway's own columns alone: idempotency key, title and platform data."""
    share_id = add_share(each_catalog)

    assert columns_of(each_catalog, share_id, "idempotency_key", "title", "platform_data", "media_url") == (None,) * 4


def test_ids_may_be_chosen_by_the_caller(sqlite_url: str) -> None:
    """The source of new ids is a parameter."""
    wanted = str(uuid4())

    with open_catalog(sqlite_url, new_id=lambda: wanted) as catalog:
        assert add_share(catalog) == wanted


def test_a_user_must_be_a_uuid(each_catalog: OpenCatalog) -> None:
    """A user id that is no UUID is refused before anything is recorded."""
    with pytest.raises(ValueError, match="UUID"):
        add_share(each_catalog, user_id="alice")

    assert each_catalog.shares.list() == []


def test_a_time_without_a_zone_is_refused(each_catalog: OpenCatalog) -> None:
    """A naive datetime is ambiguous, so it is refused."""
    with pytest.raises(ValueError, match="time zone"):
        each_catalog.shares.add(url="https://example.com/1", user_id=USER, platform="x", now=at(0).replace(tzinfo=None))


def test_times_come_back_in_utc(each_catalog: OpenCatalog) -> None:
    """A moment given in another zone is returned as the same moment in UTC."""
    tokyo = at(0).astimezone(timezone(timedelta(hours=9)))

    share = each_catalog.shares.add(url="https://example.com/1", user_id=USER, platform="x", now=tokyo).share

    assert share.created_at == at(0)
    assert share.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("share_id", ["6ed89cbd-95cc-4a99-8567-4964fdce8797", "not-a-uuid", "", "X'FF00'"])
def test_an_unknown_id_is_an_error_that_names_it(each_catalog: OpenCatalog, share_id: str) -> None:
    """Reading a missing share raises, also for an id that could never exist."""
    with pytest.raises(UnknownShareError, match="expected a share with the id"):
        each_catalog.shares.get(share_id)


def test_shares_are_listed_newest_first(each_catalog: OpenCatalog) -> None:
    """The list begins with the newest share and stops at the limit."""
    oldest, middle, newest = (add_share(each_catalog, seconds=seconds) for seconds in (1, 2, 3))

    assert [share.share_id for share in each_catalog.shares.list()] == [newest, middle, oldest]
    assert [share.share_id for share in each_catalog.shares.list(limit=2)] == [newest, middle]


def test_shares_are_listed_by_status(each_catalog: OpenCatalog) -> None:
    """Naming statuses leaves out the shares with any other."""
    done, failed, _ = (add_share(each_catalog, seconds=seconds) for seconds in (1, 2, 3))
    execute(each_catalog, "UPDATE shares SET status = 'done' WHERE id = :id", id=done)
    execute(each_catalog, "UPDATE shares SET status = 'error' WHERE id = :id", id=failed)

    assert [share.share_id for share in each_catalog.shares.list(statuses={"done", "error"})] == [failed, done]


def test_a_share_made_by_the_gateway_without_a_platform_is_unknown(each_catalog: OpenCatalog) -> None:
    """A row that leaves its columns to their defaults is a pending share of an unknown platform, created now."""
    share_id = str(uuid4())
    execute(
        each_catalog,
        "INSERT INTO shares (id, user_id, url) VALUES (:id, :user, 'https://example.com/1')",
        id=share_id,
        user=USER,
    )

    share = each_catalog.shares.get(share_id)

    assert (share.platform, share.status) == ("unknown", "pending")
    assert share.created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("document", "language"),
    [
        ('{"language": "de-AT", "title": "x"}', "de"),
        ('{"language": "PT_br"}', "pt"),
        ('{"language": "not a language"}', None),
        ('{"language": 7}', None),
        ('{"title": "x"}', None),
        ("[]", None),
        (None, None),
    ],
)
def test_the_gateway_may_hint_at_a_language(
    each_catalog: OpenCatalog, document: str | None, language: str | None
) -> None:
    """`platform_data.language` is read as Whisper names languages, and anything else is no hint."""
    share_id = add_share(each_catalog)
    execute(each_catalog, "UPDATE shares SET platform_data = :document", document=document)

    assert each_catalog.shares.hinted_language(share_id) == language


def titled(catalog: OpenCatalog, url: str, *, title: str | None = None, author: str | None = None) -> str:
    """Add a share of a video whose title and author are known, and return its id."""
    share_id = add_share(catalog, url=url)
    execute(
        catalog,
        "UPDATE shares SET title = :title, author = :author WHERE id = :id",
        title=title,
        author=author,
        id=share_id,
    )
    return share_id


@pytest.mark.parametrize(
    "words",
    [
        ["creme"],
        ["BRÛLÉE", "baker"],
        ["me br"],
        ["@Jose", "7300"],
        ["tiktok"],
        ["strasse"],
        ["100%_[a] 'x'"],
    ],
)
def test_shares_are_found_by_parts_of_words(each_catalog: OpenCatalog, words: list[str]) -> None:
    """All the words must be in link, title, author or platform; case and accents do not matter, nor does any syntax."""
    wanted = titled(
        each_catalog,
        "https://www.tiktok.com/@jose/video/7300",
        title="Crème bru\u0302le\u0301e, Straße 100%_[a] 'x'",
        author="The Baker",
    )
    titled(each_catalog, "https://example.com/1", title="Crepes")
    titled(each_catalog, "https://example.com/2")

    assert [share.share_id for share in each_catalog.shares.list(words=words)] == [wanted]


def test_a_share_is_found_by_a_part_of_its_id(each_catalog: OpenCatalog) -> None:
    """As a person has it from the beginning of a partition's name."""
    wanted, _ = add_share(each_catalog), add_share(each_catalog)

    assert [share.share_id for share in each_catalog.shares.list(words=[wanted[:13].upper()])] == [wanted]
    assert each_catalog.shares.list(words=[wanted, "elsewhere"]) == []


def test_words_and_platforms_and_the_limit_go_together(each_catalog: OpenCatalog) -> None:
    """The limit counts what is wanted, and not what was read."""
    link = "https://www.youtube.com/watch?v={}"
    wanted = [add_share(each_catalog, url=link.format(f"cake{n}"), seconds=-n) for n in range(3)]
    add_share(each_catalog, url="https://example.com/cake", seconds=5)
    add_share(each_catalog, url=link.format("salt"), seconds=5)

    found = each_catalog.shares.list(words=["cake"], platforms=[Platform.YOUTUBE], limit=2)

    assert [share.share_id for share in found] == wanted[:2]


def test_shares_are_listed_by_when_they_were_shared(each_catalog: OpenCatalog) -> None:
    """From the first moment on, and before the second."""
    _, second, third, _ = (add_share(each_catalog, seconds=seconds) for seconds in (1, 2, 3, 4))

    found = each_catalog.shares.list(since=at(2), until=at(4))

    assert [share.share_id for share in found] == [third, second]


def test_a_share_has_its_videos_title_and_author(each_catalog: OpenCatalog) -> None:
    """Once somebody has written them; before, it has neither."""
    share_id = titled(each_catalog, "https://example.com/1", title="A cake", author="The Baker")

    assert (each_catalog.shares.get(share_id).title, each_catalog.shares.get(share_id).author) == (
        "A cake",
        "The Baker",
    )
    assert each_catalog.shares.get(add_share(each_catalog)).title is None


def test_many_shares_are_read_in_the_order_of_their_ids(each_catalog: OpenCatalog) -> None:
    """Unknown ids are left out, and so is what is no id."""
    one, other = add_share(each_catalog), add_share(each_catalog)

    found = each_catalog.shares.read([other, str(uuid4()), "typed in", one])

    assert [share.share_id for share in found] == [other, one]


def test_the_shares_of_a_link_are_those_of_its_media_too(each_catalog: OpenCatalog) -> None:
    """Another form of the link is another text, and the same media. The newest share comes first."""
    as_is = add_share(each_catalog, url="https://example.com/1", seconds=1)
    other_form = add_share(each_catalog, url="https://example.com/1?from=a-friend", seconds=2)
    begin(each_catalog, other_form, "m1", "run", seconds=3)
    add_share(each_catalog, url="https://example.com/2", seconds=4)

    found = each_catalog.shares.of_link(["https://example.com/1"], ["m1"])

    assert [share.share_id for share in found] == [other_form, as_is]


def test_ids_without_a_row_are_named(each_catalog: OpenCatalog) -> None:
    """They keep their order, and may be any text that somebody typed."""
    known = add_share(each_catalog)
    strangers = ["typed in", str(uuid4()), known.upper(), f"urn:uuid:{known}", "X'FF'", ""]

    assert each_catalog.shares.without_row([strangers[0], known, *strangers[1:]]) == strangers
    assert each_catalog.shares.without_row([]) == []


def test_a_list_goes_on_after_a_share(each_catalog: OpenCatalog) -> None:
    """Pages of any size make the whole list, also where many were shared at the same moment."""
    for number in range(7):
        add_share(each_catalog, seconds=number // 3)
    whole = [share.share_id for share in each_catalog.shares.list()]
    paged: list[str] = []
    while page := each_catalog.shares.list(after=paged[-1] if paged else None, limit=2):
        paged += [share.share_id for share in page]
    assert paged == whole
    assert len(whole) == 7
    with pytest.raises(UnknownShareError, match="expected the id of a share to list after, found 'no-id'"):
        each_catalog.shares.list(after="no-id")


def test_shares_are_counted_as_they_are_listed(each_catalog: OpenCatalog) -> None:
    """With each of the restrictions, the count is the length of the list."""
    shares = [add_share(each_catalog, seconds=number) for number in range(5)]
    begin(each_catalog, shares[0], "m", "run")
    each_catalog.work.fail(shares[0], GONE, owner="run", now=at(1), retry_at=None)
    assert each_catalog.shares.count() == 5
    assert each_catalog.shares.count(statuses=["pending"]) == 4
    assert each_catalog.shares.count(outcomes=[Outcome.GONE]) == 1
    assert each_catalog.shares.count(since=at(1), until=at(4)) == 3


def test_a_users_shares_are_read_alone(each_catalog: OpenCatalog) -> None:
    """With a user, the list, its pages and the count have that user's shares alone."""
    mine = [add_share(each_catalog, seconds=n) for n in (0, 2)]
    theirs = add_share(each_catalog, seconds=1, user_id=OTHER_USER)

    def listed(user_id: str, after: str | None = None) -> list[str]:
        return [share.share_id for share in each_catalog.shares.list(user_id=user_id, after=after)]

    assert listed(USER) == mine[::-1]
    assert listed(USER, after=mine[1]) == [mine[0]]
    assert listed(OTHER_USER) == [theirs]
    assert listed("nobody") == []
    assert [each_catalog.shares.count(user_id=user) for user in (USER, OTHER_USER, "nobody")] == [2, 1, 0]
    with pytest.raises(UnknownShareError):
        listed(USER, after=theirs)


def test_an_idempotency_key_belongs_to_one_share(each_catalog: OpenCatalog) -> None:
    """A key is kept with the share that it made, comes again with that share, and is refused with another."""

    def add(url: str, user_id: str = USER) -> AddedShare:
        return each_catalog.shares.add(url=url, user_id=user_id, platform="generic", now=at(0), idempotency_key="key")

    first = add("https://example.com/1")

    assert first.is_new
    assert columns_of(each_catalog, first.share.share_id, "idempotency_key") == ("key",)
    assert add("https://example.com/1") == AddedShare(first.share, is_new=False)
    for url, user_id in (("https://example.com/2", USER), ("https://example.com/1", OTHER_USER)):
        with pytest.raises(IdempotencyKeyError, match="use a new key"):
            add(url, user_id)
    assert len(each_catalog.shares.list()) == 1


def test_a_known_share_takes_no_key(each_catalog: OpenCatalog) -> None:
    """A key that comes with a share that exists already is not kept, so it may still make another one."""
    add_share(each_catalog, url="https://example.com/1")

    again, other = (
        each_catalog.shares.add(url=url, user_id=USER, platform="generic", now=at(0), idempotency_key="key")
        for url in ("https://example.com/1", "https://example.com/2")
    )

    assert (again.is_new, other.is_new) == (False, True)
