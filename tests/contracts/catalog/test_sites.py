"""The contract of `SiteLedger`, over SQLite and PostgreSQL: slots for fetches, and the state of each site."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.sites.breaker import Site, SiteLimits, SiteRules, site_limits
from bookmarkai_assets.core.sites.ports import NoSlot, Slot
from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily
from tests.support.catalog import at

RULES = SiteRules(max_refusals=2, pause_seconds=60, max_pause_seconds=600)
H265, VP9 = (FormatFamily(codec, Delivery.FILE) for codec in (Codec.H265, Codec.VP9))
TWO = replace(RULES, limits=site_limits({"tiktok": 2}, {}))


def take(
    catalog: OpenCatalog, media_id: str, seconds: float = 0, *, rules: SiteRules = RULES, site: str = "tiktok"
) -> Slot | NoSlot:
    """Take a slot, and the lease on the media as a claim would."""
    slot = catalog.sites.take_slot(site, media_id, rules=rules, now=at(seconds))
    if isinstance(slot, Slot):
        catalog.leases.take(media_id, owner="run", now=at(seconds), until=at(seconds + 60))
    return slot


def refuse(catalog: OpenCatalog, media_id: str, seconds: float = 0) -> Site:
    """Take a slot and have the site turn the fetch away."""
    assert isinstance(take(catalog, media_id, seconds), Slot)
    return catalog.sites.record_refusal("tiktok", media_id, reason="blocked: no", rules=RULES, now=at(seconds))


def test_a_site_without_limits_has_a_slot_for_everybody(each_catalog: OpenCatalog) -> None:
    """A site without a recorded state has a slot for every fetch, which may start at once."""
    for number in range(20):
        assert take(each_catalog, f"m{number}") == Slot(at(0))
    assert each_catalog.sites.loads(now=at(1))["tiktok"].in_progress == 20


def test_a_limit_holds_until_a_fetch_ends(each_catalog: OpenCatalog) -> None:
    """The third of two has no slot, and the end of a fetch, good or bad, frees one."""
    take(each_catalog, "m1", rules=TWO)
    take(each_catalog, "m2", rules=TWO)

    refusal = take(each_catalog, "m3", rules=TWO)
    assert refusal == NoSlot("the limit for tiktok is 2 at a time", is_pause=False)
    assert isinstance(take(each_catalog, "other", rules=TWO, site="x"), Slot)

    each_catalog.sites.record_success("tiktok", "m1", now=at(1))
    assert isinstance(take(each_catalog, "m3", 1, rules=TWO), Slot)
    each_catalog.sites.free_slot("m2")
    assert isinstance(take(each_catalog, "m4", 1, rules=TWO), Slot)


def test_asking_again_returns_the_same_slot(each_catalog: OpenCatalog) -> None:
    """A run that begins finds the slot that its claim has taken, and takes no second one."""
    paced = replace(RULES, limits={"tiktok": SiteLimits(per_minute=10)})
    take(each_catalog, "m1", rules=paced)
    assert take(each_catalog, "m2", rules=paced) == Slot(at(6))
    assert take(each_catalog, "m2", 3, rules=paced) == Slot(at(6))
    assert each_catalog.sites.loads(now=at(3))["tiktok"].in_progress == 2


def test_the_slot_of_a_dead_run_is_free_when_its_lease_has_ended(each_catalog: OpenCatalog) -> None:
    """Nobody has to clean up after a crash."""
    take(each_catalog, "m1", rules=TWO)
    take(each_catalog, "m2", rules=TWO)
    assert isinstance(take(each_catalog, "m3", 59, rules=TWO), NoSlot)
    assert isinstance(take(each_catalog, "m3", 61, rules=TWO), Slot)


def test_as_many_get_a_slot_at_once_as_there_are(each_catalog: OpenCatalog) -> None:
    """All threads and processes share the one limit."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: take(each_catalog, f"m{n}", rules=TWO), range(16)))
    assert sum(isinstance(answer, Slot) for answer in answers) == 2


def test_a_site_that_refuses_pauses_and_is_probed_by_one(each_catalog: OpenCatalog) -> None:
    """After the limit of refusals nobody has a slot until the pause is over, and then one at a time."""
    assert refuse(each_catalog, "m1").is_closed
    assert refuse(each_catalog, "m2", 1).resumes_at == at(61)

    paused = take(each_catalog, "m3", 30)
    assert isinstance(paused, NoSlot)
    assert paused.is_pause
    assert "blocked: no" in paused.reason
    assert isinstance(take(each_catalog, "m3", 61), Slot)
    assert take(each_catalog, "m4", 61) == NoSlot("tiktok is tried again after a pause, 1 at a time", is_pause=True)

    assert each_catalog.sites.record_success("tiktok", "m3", now=at(62)).allowed == 2
    assert isinstance(take(each_catalog, "m4", 63), Slot)
    assert isinstance(take(each_catalog, "m5", 63), Slot)
    assert isinstance(take(each_catalog, "m6", 63), NoSlot)


def test_a_slot_from_before_the_pause_is_void(each_catalog: OpenCatalog) -> None:
    """A batch that was claimed before its site paused does not fetch any more."""
    take(each_catalog, "m0")
    refuse(each_catalog, "m1")
    refuse(each_catalog, "m2")
    answer = take(each_catalog, "m0", 1)
    assert isinstance(answer, NoSlot)
    assert answer.is_pause


def test_a_person_can_end_a_pause(each_catalog: OpenCatalog) -> None:
    """Resuming forgets the refusals, and says so where there are none."""
    assert not each_catalog.sites.resume("tiktok")
    refuse(each_catalog, "m1")
    refuse(each_catalog, "m2")
    assert each_catalog.sites.resume("tiktok")
    assert isinstance(take(each_catalog, "m3", 1), Slot)
    assert not each_catalog.sites.resume("tiktok")
    assert refuse(each_catalog, "m4", 2).is_closed


def test_a_reason_of_hostile_text_is_kept(each_catalog: OpenCatalog) -> None:
    """Characters of a site's words that the database cannot store are replaced, and the refusal counts."""
    site = each_catalog.sites.record_refusal("tiktok", "m", reason="a\x00b\ud800c", rules=RULES, now=at(0))
    assert site.refusals == 1
    assert each_catalog.sites.loads(now=at(0))["tiktok"].site.refusals == 1


def test_a_site_s_silent_formats_are_remembered_for_a_time(each_catalog: OpenCatalog) -> None:
    """Each site has its own, each until 30 days after it was last found, and then no more."""
    day = 24 * 3600
    each_catalog.sites.record_silent_formats("tiktok", {H265, VP9}, now=at(0))
    each_catalog.sites.record_silent_formats("x", {H265}, now=at(0))
    each_catalog.sites.record_silent_formats("tiktok", {H265}, now=at(10 * day))

    assert each_catalog.sites.silent_formats(now=at(30 * day - 1)) == {
        "tiktok": {H265: at(40 * day), VP9: at(30 * day)},
        "x": {H265: at(30 * day)},
    }
    assert each_catalog.sites.silent_formats(now=at(30 * day)) == {"tiktok": {H265: at(40 * day)}}
    assert each_catalog.sites.silent_formats(now=at(40 * day)) == {}
    each_catalog.sites.record_silent_formats("x", {H265}, now=at(41 * day))
    assert each_catalog.sites.silent_formats(now=at(41 * day)) == {"x": {H265: at(71 * day)}}


def test_silent_formats_are_not_among_the_loads(each_catalog: OpenCatalog) -> None:
    """A format without sound says nothing about whether the site may be fetched from."""
    each_catalog.sites.record_silent_formats("tiktok", {H265}, now=at(0))
    assert each_catalog.sites.loads(now=at(0)) == {}
    assert not each_catalog.sites.resume("tiktok")


def test_one_finding_at_many_runs_at_once_is_one(each_catalog: OpenCatalog) -> None:
    """Each share of a batch finds the same, in any order."""

    def record(number: int) -> None:
        families = [H265, VP9] if number % 2 else [VP9, H265]
        each_catalog.sites.record_silent_formats("tiktok", families, now=at(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(12)))
    assert set(each_catalog.sites.silent_formats(now=at(12))["tiktok"]) == {H265, VP9}


def test_only_the_named_sites_slot_is_freed(each_catalog: OpenCatalog) -> None:
    """A media that waits for a store keeps its slot there when its site needs none any more."""
    each_catalog.sites.record_refusal("s3 store", "other", reason="down", rules=RULES, now=at(0))
    each_catalog.sites.record_refusal("s3 store", "other", reason="down", rules=RULES, now=at(0))
    taken = each_catalog.sites.take_slot("s3 store", "m", rules=RULES, now=at(61))
    assert isinstance(taken, Slot)
    each_catalog.sites.free_slot("m", site="tiktok")
    assert isinstance(each_catalog.sites.take_slot("s3 store", "m2", rules=RULES, now=at(62)), NoSlot)
    each_catalog.sites.free_slot("m", site="s3 store")
    assert isinstance(each_catalog.sites.take_slot("s3 store", "m2", rules=RULES, now=at(63)), Slot)
