"""The rollback drill: a rollout on a real S3 server is rolled back in the middle of a batch, and resumed."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend, StorageMode, bucket_of
from bookmarkai_assets.core.media.ports import MediaStore
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.media.placing import place_media
from bookmarkai_assets.operations.rollout.deciding import resume, roll_back, set_stage
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare, run_step
from tests.plugins.vault import Vault
from tests.support.deadlines import HANG_SECONDS
from tests.support.s3_bench import make_store

HALF = 50
WORKERS = 4
BATCH = 60


@dataclass
class Watched:
    """A store that records when each put to it began."""

    store: MediaStore
    puts: list[float] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def put(self, *arguments: Any, **options: Any) -> Any:
        """Put, and record when."""
        self.puts.append(time.monotonic())
        return self.store.put(*arguments, **options)


@pytest.fixture
def drill(vault: Vault, seaweed: SeaweedServer, object_prefix: str) -> tuple[Vault, Watched]:
    """Return an installation in hybrid mode over the real server, at a stage of half."""
    watched: Any = Watched(make_store(seaweed))
    vault.stores[Backend.S3] = watched
    vault.use(StorageMode.HYBRID)
    vault.rules = replace(vault.rules, video_prefix=object_prefix)
    set_stage(vault.catalog, vault.rules, Stage(HALF), now=vault.clock(), actor="test", reason="the drill begins")
    return vault, watched


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.soak)])
def test_the_rollback_drill(drill: tuple[Vault, Watched], count: int) -> None:
    """After a rollback among that many media at 50%, nothing more goes to S3, all are readable, and sides are kept."""
    vault, s3 = drill
    before = [vault.share(f"before-{number}") for number in range(count)]
    run(vault, before, "fetch", "place")
    assert {media.share_id: media.backend for media in placed(vault, before)} == sides_of(before)
    at_first = len(s3.puts)
    first = [vault.share(f"first-{number}") for number in range(BATCH)]
    second = [vault.share(f"second-{number}") for number in range(BATCH)]

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, vault, first, "fetch", "place")
        wait_for(lambda: len(s3.puts) >= at_first + BATCH // 4)
        # Another process has a connection of its own.
        with open_catalog(str(vault.catalog.database.engine.url)) as elsewhere:
            rollback = roll_back(elsewhere, vault.rules, now=vault.clock(), actor="test", reason="the drill")
        rolled_back_at = time.monotonic()
        assert not running.done(), "the batch is running"
        running.result()
    decided_before = [media for media in placed(vault, first) if decision_of(media) != rollback.decision_id]
    late = sum(begun > rolled_back_at for begun in s3.puts)
    assert late <= 2 * WORKERS, "only what had its place already: a video and an audio track in each thread"
    assert {media.backend for media in placed(vault, first) if media not in decided_before} == {Backend.LOCAL}
    assert len(decided_before) < BATCH, "the rollback came in the middle"

    puts = len(s3.puts)
    run(vault, second, "fetch", "place")
    assert len(s3.puts) == puts, "not a byte goes to S3"
    assert {media.backend for media in placed(vault, second)} == {Backend.LOCAL}
    assert vault.verify(is_deep=True).is_good, "every byte of every media is readable"

    resume(vault.catalog, vault.rules, now=vault.clock(), actor="test", reason="the drill is over")
    everyone = [*before, *first, *second]
    everything = placed(vault, everyone)
    run(vault, everyone, "place", claim_id="again")
    assert placed(vault, everyone) == everything, "each share keeps its side"
    third = [vault.share(f"third-{number}") for number in range(WORKERS * 5)]
    run(vault, third, "fetch", "place")
    assert {media.share_id: media.backend for media in placed(vault, third)} == sides_of(third)
    assert vault.verify(is_deep=True).is_good


def run(vault: Vault, share_ids: Sequence[str], *steps: str, claim_id: str = "claim") -> None:
    """Do the steps for the shares as one batch's run does, several at a time."""
    hold = Hold(
        vault.catalog,
        vault.rules,
        vault.stores,
        f"run-{threading.get_ident()}-{steps}",
        claim_id=claim_id,
        clock=vault.clock,
        jitter=lambda: 0.5,
    )

    def fetch(leased: LeasedShare, _: object) -> object:
        return fetch_media(hold, leased, downloader=vault.downloader)

    def place(leased: LeasedShare, _: object) -> object:
        return place_media(hold, leased, media_of(vault, leased.media_id))

    actions = {"fetch": fetch, "place": place}
    todo: dict[str, Any] = dict.fromkeys(share_ids, "")
    for step in steps:
        done = run_step(hold, todo, actions[step], concurrency=WORKERS)
        assert not [result for result in done.values() if isinstance(result, Failure)]
    hold.release()


def sides_of(share_ids: Sequence[str]) -> dict[str, Backend]:
    """Return the side that each share has at a stage of half."""
    return {share_id: Backend.S3 if bucket_of(share_id) < HALF else Backend.LOCAL for share_id in share_ids}


def media_of(vault: Vault, media_id: str) -> Media:
    """Read a media's record."""
    media = vault.catalog.media.get(media_id)
    assert media is not None
    return media


def placed(vault: Vault, share_ids: Sequence[str]) -> list[Media]:
    """Read the records of the shares' media."""
    by_share = {media.share_id: media for media in vault.catalog.media.page(limit=1000)}
    return [by_share[share_id] for share_id in share_ids]


def decision_of(media: Media) -> int | None:
    """Return the decision under which a media was placed."""
    assert media.placement is not None
    return media.placement.decision_id


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)
