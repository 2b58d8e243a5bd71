"""The contract of `ShareTable`, over SQLite and PostgreSQL."""

from datetime import timedelta, timezone
from uuid import UUID, uuid4

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.errors import UnknownShareError
from bookmarkai_assets.core.shares.share import Share
from tests.support.catalog import USER, add_share, at, columns_of, execute

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
