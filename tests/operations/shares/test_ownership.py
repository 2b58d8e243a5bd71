"""Whose shares exist for whom."""

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import UnknownShareError
from bookmarkai_assets.operations.shares.ownership import share_of_user
from tests.support.catalog import USER, add_share

OTHER_USER = "22222222-2222-4222-8222-222222222222"
NOBODYS = "99999999-9999-4999-8999-999999999999"


def test_a_share_exists_for_its_user_and_for_whoever_sees_all(sqlite_catalog: OpenCatalog) -> None:
    """A share is found for its own user, and with no user named."""
    share_id = add_share(sqlite_catalog)

    assert [share_of_user(sqlite_catalog, share_id, user).share_id for user in (USER, None)] == [share_id] * 2


def test_another_users_share_is_unknown_in_the_same_words(sqlite_catalog: OpenCatalog) -> None:
    """The error for another user's share differs from that for none by the id alone."""
    share_id = add_share(sqlite_catalog)
    said = []
    for wanted in (share_id, NOBODYS):
        with pytest.raises(UnknownShareError) as refused:
            share_of_user(sqlite_catalog, wanted, OTHER_USER)
        said.append(str(refused.value).replace(wanted, "ID"))

    assert said[0] == said[1]
