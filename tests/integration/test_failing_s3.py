"""A real S3 server that hangs, is down or takes no credentials, in the middle of a rollout."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.adapters.s3_store.patience import Patience
from bookmarkai_assets.core.media.placement import Backend, StorageMode
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.media.placing import place_media
from bookmarkai_assets.operations.rollout.deciding import roll_back, set_stage
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.shares.store_turns import read_paused_stores
from tests.plugins.vault import Vault
from tests.support.deadlines import HANG_SECONDS
from tests.support.http_stub import unanswered_url
from tests.support.s3_bench import make_store
from tests.support.stopped_server import stopped

WORKERS = 4
SHARES = 7
FEW = 2
SHORT = Patience(silent_seconds=0.4, request_seconds=0.6, poll_seconds=0.05)
LONG = Patience(silent_seconds=2 * HANG_SECONDS, request_seconds=2 * HANG_SECONDS, poll_seconds=0.05)


@pytest.fixture
def rollout(vault: Vault, seaweed: SeaweedServer, object_prefix: str) -> Vault:
    """Return an installation at a stage of 100% over the real server."""
    vault.rules = replace(vault.rules, video_prefix=object_prefix, min_free_bytes=0)
    vault.use(StorageMode.HYBRID)
    set_stage(vault.catalog, vault.rules, Stage(100), now=vault.clock(), actor="test", reason="all")
    vault.stores[Backend.S3] = make_store(seaweed, patience=SHORT)
    return vault


def run(vault: Vault, share_ids: list[str], owner: str) -> dict[str, Any]:
    """Fetch and place shares as one batch's run does, several at a time."""
    hold = Hold(vault.catalog, vault.rules, vault.stores, owner, vault.clock, claim_id="claim", jitter=lambda: 0.5)
    fetched = run_step(
        hold,
        dict.fromkeys(share_ids),
        lambda leased, _: fetch_media(hold, leased, downloader=vault.downloader).media,
        concurrency=WORKERS,
    )
    placed = run_step(hold, fetched, lambda leased, media: place_media(hold, leased, media), concurrency=WORKERS)
    hold.release()
    return dict(placed)


def attempts(vault: Vault, share_ids: list[str]) -> list[int]:
    """Read how many attempts shares have used."""
    return [vault.catalog.work.progress(share_id).attempts for share_id in share_ids]


def backends(vault: Vault, share_ids: list[str]) -> set[Backend | None]:
    """Read where the shares' media are."""
    by_share = {media.share_id: media.backend for media in vault.catalog.media.page(limit=100)}
    return {by_share[share_id] for share_id in share_ids}


def test_a_rollback_frees_uploads_that_hang(rollout: Vault, seaweed: SeaweedServer) -> None:
    """Seven uploads hang. The rollback ends them, and all are stored locally in the same run, long before a failure."""
    rollout.stores[Backend.S3] = make_store(seaweed, patience=LONG)
    shares = [rollout.share(str(number)) for number in range(SHARES)]
    with stopped(seaweed), ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, rollout, shares, "run")
        wait_for(lambda: sum(attempts(rollout, shares)) == SHARES)
        rollout.let_pass(seconds=3)
        wait_for(lambda: len(rollout.catalog.transfers.under_way(now=rollout.clock())) == WORKERS)
        with open_catalog(str(rollout.catalog.database.engine.url)) as elsewhere:
            roll_back(elsewhere, rollout.rules, now=rollout.clock(), actor="test", reason="it hangs")
        begun = time.monotonic()
        results = running.result(HANG_SECONDS)
        assert time.monotonic() - begun < HANG_SECONDS
    assert not [result for result in results.values() if isinstance(result, Failure)]
    assert backends(rollout, shares) == {Backend.LOCAL}
    assert attempts(rollout, shares) == [1] * SHARES
    assert list(rollout.catalog.transfers.under_way(now=rollout.clock())) == []


def wrong_secret(seaweed: SeaweedServer) -> Any:
    """Return a store with credentials that the server does not know."""
    return make_store(seaweed, secret_key="wrong", patience=SHORT)


def missing_bucket(seaweed: SeaweedServer) -> Any:
    """Return a store over a bucket that does not exist."""
    return make_store(seaweed, bucket="no-such-bucket", patience=SHORT)


@pytest.mark.parametrize(
    ("broken", "error_class"), [(wrong_secret, "access_denied"), (missing_bucket, "configuration")]
)
def test_a_store_that_refuses_everybody_holds_the_shares(
    rollout: Vault, seaweed: SeaweedServer, broken: Callable[[SeaweedServer], Any], error_class: str
) -> None:
    """No share uses an attempt, the reason is the server's, and all go on once the settings are right."""
    rollout.stores[Backend.S3] = broken(seaweed)
    check_outage(rollout, error_class)
    rollout.stores[Backend.S3] = make_store(seaweed)
    check_recovery(rollout)


def test_a_server_that_is_down_holds_the_shares(
    rollout: Vault, seaweed: SeaweedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections are refused."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    with unanswered_url() as url:
        rollout.stores[Backend.S3] = make_store(seaweed, url, patience=SHORT)
        check_outage(rollout, "unavailable")
    rollout.stores[Backend.S3] = make_store(seaweed)
    check_recovery(rollout)


def test_a_server_that_hangs_holds_the_shares(rollout: Vault, seaweed: SeaweedServer) -> None:
    """Each failure is on record as `timeout`, and the shares go on once the server does."""
    with stopped(seaweed):
        check_outage(rollout, "timeout")
    check_recovery(rollout)


def check_outage(vault: Vault, error_class: str) -> None:
    """Have shares meet the outage: all are postponed without an attempt, and the failures are on record."""
    shares = [vault.share(str(number)) for number in range(FEW)]
    results = run(vault, shares, "run")
    assert {result.outcome for result in results.values()} == {Outcome.POSTPONED}
    assert attempts(vault, shares) == [0] * FEW
    assert {vault.catalog.work.progress(share).held_for for share in shares} == {"s3 store"}
    [paused] = read_paused_stores(vault.catalog, now=vault.clock())
    assert (paused.breaker.reason or "").startswith(error_class)
    assert paused.waiting == FEW
    events = [event for share in shares for event in vault.catalog.events.for_share(share) if event.operation == "put"]
    assert {event.error_class for event in events} == {error_class}


def check_recovery(vault: Vault) -> None:
    """Have the shares tried again, one by one as the breaker lets them, until all are in S3."""
    shares = [share.share_id for share in vault.catalog.shares.list(statuses=["pending"])]
    for number in range(len(shares)):
        vault.let_pass(seconds=60)
        run(vault, shares, f"again-{number}")
    assert backends(vault, shares) == {Backend.S3}
    [store] = read_paused_stores(vault.catalog, now=vault.clock())
    assert not store.breaker.is_paused(vault.clock())
    assert (store.breaker.allowed, store.waiting) == (1 + 2 * FEW, 0), "a video and an audio track each"
    assert vault.verify(is_deep=True).is_good
    assert not list(Path(vault.rules.staging_dir).glob("*/*"))


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + HANG_SECONDS
    while not is_so():
        assert time.monotonic() < end, "expected it by now"
        time.sleep(0.02)
