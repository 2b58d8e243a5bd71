"""Many uploads at once, good, bad and abandoned. `make soak` takes in 500 of which 100 are bad."""

from bookmarkai_assets.operations.uploads.arrivals import Arrival
from tests.load.uploads import BAD_KINDS, take_in_many
from tests.plugins.vault import Vault

GOOD, OF_EACH_KIND = 20, 2


def test_each_good_upload_is_one_share_and_nothing_is_left(vault: Vault) -> None:
    """Events come twice, in any order and from many threads, and some are of keys that are nobody's."""
    arrivals = take_in_many(vault, good=GOOD, of_each_kind=OF_EACH_KIND)
    assert arrivals[Arrival.TAKEN_IN] == GOOD + OF_EACH_KIND
    assert arrivals[Arrival.ABANDONED] == 3 * OF_EACH_KIND
    assert len(BAD_KINDS) == 5
