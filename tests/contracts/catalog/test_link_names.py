"""The contract of `LinkNames`, and of `WorkLedger` where a link changes a share's media, over SQLite and PostgreSQL."""

from functools import partial

from bookmarkai_assets.adapters.catalog import OpenCatalog
from tests.support.catalog import add_share, at, begin, claim, due_ids, fail, finish, lease, together

SHORT = "https://vm.tiktok.com/ZMabc123/"
VIDEO = "https://www.tiktok.com/@_/video/7300000000000000001"


def test_an_unknown_link_has_no_answer(each_catalog: OpenCatalog) -> None:
    """A link that was never looked up returns None."""
    assert each_catalog.links.get(SHORT) is None


def test_each_link_has_its_own_answer(each_catalog: OpenCatalog) -> None:
    """The answer is for that exact link and no other."""
    assert each_catalog.links.record(SHORT, VIDEO, now=at(0)) == VIDEO
    assert each_catalog.links.get(SHORT) == VIDEO
    assert each_catalog.links.get(SHORT.lower()) is None
    assert each_catalog.links.get(VIDEO) is None


def test_the_first_answer_stays(each_catalog: OpenCatalog) -> None:
    """A later answer returns the first one, so that one link never leads to two videos."""
    each_catalog.links.record(SHORT, VIDEO, now=at(0))
    assert each_catalog.links.record(SHORT, f"{VIDEO}9", now=at(1)) == VIDEO
    assert each_catalog.links.get(SHORT) == VIDEO


def test_simultaneous_answers_become_one(each_catalog: OpenCatalog) -> None:
    """Whichever is first, every caller goes on with the same video."""
    answers = together([partial(each_catalog.links.record, SHORT, f"{VIDEO}{n}", now=at(n)) for n in range(4)])
    assert set(answers) == {each_catalog.links.get(SHORT)}


def test_a_share_with_a_known_link_waits_for_its_video(each_catalog: OpenCatalog) -> None:
    """Put back under its link's own name, a share is not listed while another has the video that the link leads to."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "link", "run")
    fail(each_catalog, share, "run", 1, retry_in=5)
    assert lease(each_catalog, "video", "another run", 10)
    assert due_ids(each_catalog, 11) == [share]

    assert not claim(each_catalog, share, "video", "tick", 12)

    assert due_ids(each_catalog, 13) == []
    each_catalog.leases.free("video", owner="another run")
    assert due_ids(each_catalog, 14) == [share]
    assert claim(each_catalog, share, "video", "tick", 15)


def test_a_run_continues_a_share_under_another_media(each_catalog: OpenCatalog) -> None:
    """The run begins the share again under the video's own media, without an attempt, and its end frees that lease."""
    share = add_share(each_catalog)
    assert begin(each_catalog, share, "link", "run") == 1
    assert begin(each_catalog, share, "video", "run", 1) == 1
    each_catalog.leases.free("link", owner="run")
    assert each_catalog.work.progress(share).media_id == "video"

    finish(each_catalog, share, "run", 2)

    for media_id in ("link", "video"):
        assert not each_catalog.leases.is_leased(media_id, now=at(3))
