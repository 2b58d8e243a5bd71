"""The contract of `WorkLedger`, over SQLite and PostgreSQL: leases on media without a share."""

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from tests.support.catalog import add_share, at, begin, claim, due_ids, finish, lease, status_of


def test_a_lease_keeps_every_other_worker_off_the_media(each_catalog: OpenCatalog) -> None:
    """While a mover has a media, no other mover, claim or run gets it, until it is given back."""
    share_id = add_share(each_catalog)

    assert lease(each_catalog, "m", "mover")

    assert not lease(each_catalog, "m", "other", 1)
    assert not claim(each_catalog, share_id, "m", "tick", 1)
    assert begin(each_catalog, share_id, "m", "run", 1) is None
    assert each_catalog.leases.holds("mover", "m")
    each_catalog.leases.free("m", owner="mover")
    assert begin(each_catalog, share_id, "m", "run", 1) == 1
    assert not lease(each_catalog, "m", "mover", 2)


def test_a_lease_taken_again_by_its_owner_is_extended(each_catalog: OpenCatalog) -> None:
    """Leasing a media that one has already succeeds and extends the lease to the later end."""
    lease(each_catalog, "m", "mover")

    assert lease(each_catalog, "m", "mover", 30)

    assert not lease(each_catalog, "m", "other", 89)
    assert lease(each_catalog, "m", "other", 90)


def test_a_media_is_leased_until_its_moment(each_catalog: OpenCatalog) -> None:
    """A claim's, a run's and a mover's lease count alike; an ended lease, or none, does not count."""
    claimed, begun = add_share(each_catalog, seconds=1), add_share(each_catalog, seconds=2)
    claim(each_catalog, claimed, "m1", "tick")
    begin(each_catalog, begun, "m2", "run")
    lease(each_catalog, "m3", "mover")

    def leased(seconds: float) -> list[bool]:
        return [each_catalog.leases.is_leased(media_id, now=at(seconds)) for media_id in ("m1", "m2", "m3", "m4")]

    assert leased(59.999999) == [True, True, True, False]
    assert leased(60) == [False] * 4


def test_only_the_owners_lease_is_freed(each_catalog: OpenCatalog) -> None:
    """Freeing a lease of another owner, of nobody, or one of several leaves the others in place."""
    lease(each_catalog, "m1", "mover")
    lease(each_catalog, "m2", "mover")

    each_catalog.leases.free("m1", owner="other")
    each_catalog.leases.free("m3", owner="mover")
    assert each_catalog.leases.holds("mover", "m1")
    each_catalog.leases.free("m1", owner="mover")
    each_catalog.leases.free("m1", owner="mover")

    assert not each_catalog.leases.holds("mover", "m1")
    assert each_catalog.leases.holds("mover", "m2")


def test_a_heartbeat_and_a_release_reach_leases_without_shares(each_catalog: OpenCatalog) -> None:
    """A mover's leases are renewed together, show that it is alive, and are all freed at its end."""
    lease(each_catalog, "m1", "mover")
    lease(each_catalog, "m2", "mover")
    lease(each_catalog, "m3", "other")

    assert each_catalog.leases.renew("mover", until=at(500)) == {"m1", "m2"}
    assert each_catalog.leases.has_live_lease("mover", now=at(499))
    each_catalog.work.release("mover", now=at(1))

    assert [each_catalog.leases.is_leased(media_id, now=at(1)) for media_id in ("m1", "m2", "m3")] == [
        False,
        False,
        True,
    ]
    assert not each_catalog.leases.has_live_lease("mover", now=at(1))


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_mover_costs_a_share_only_time(each_catalog: OpenCatalog, is_begun: bool) -> None:
    """A share whose lease ran out is not due while a mover has its media, and is due as before afterwards."""
    share_id = add_share(each_catalog)
    if is_begun:
        begin(each_catalog, share_id, "m", "run")
    else:
        claim(each_catalog, share_id, "m", "tick")
    before = each_catalog.work.due(now=at(60), limit=9)

    lease(each_catalog, "m", "mover", 60)

    assert due_ids(each_catalog, 61) == []
    each_catalog.leases.free("m", owner="mover")
    assert each_catalog.work.due(now=at(62), limit=9) == before
    assert status_of(each_catalog, share_id) == "processing"


def test_a_mover_does_not_wait_for_a_finished_share(each_catalog: OpenCatalog) -> None:
    """The end of the work on a share frees its media for a mover."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, "m", "run")
    assert not lease(each_catalog, "m", "mover", 1)

    finish(each_catalog, share_id, "run", 2)

    assert lease(each_catalog, "m", "mover", 2)
    assert status_of(each_catalog, share_id) == "done"
