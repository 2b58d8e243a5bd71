"""Stores that fail for everybody: shares wait without an attempt, one at a time tries the store, and all go on."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import MediaState
from bookmarkai_assets.core.media.placement import Backend, StorageMode, bucket_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.media.placing import place_media
from bookmarkai_assets.operations.rollout.deciding import roll_back, set_stage
from bookmarkai_assets.operations.shares.claiming import claim_due_shares
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.reports import share_report
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.shares.store_turns import paused_stores, read_paused_stores, require_disk
from bookmarkai_assets.operations.transcripts.transcribing import transcribe_share
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.fakes.stores import FakeMediaStore, FakeObject
from tests.plugins.vault import Vault
from tests.support.deadlines import HANG_SECONDS

OF_THE_STORE = [
    StoreErrorClass.ACCESS_DENIED,
    StoreErrorClass.CONFIGURATION,
    StoreErrorClass.NO_SPACE,
    StoreErrorClass.OTHER,
    StoreErrorClass.THROTTLED,
    StoreErrorClass.TIMEOUT,
    StoreErrorClass.UNAVAILABLE,
]
DENIED = StoreError(StoreErrorClass.ACCESS_DENIED, "403 SignatureDoesNotMatch")


@dataclass
class Line:
    """The sensor and the runs that it launches, over a vault whose new media go to S3."""

    vault: Vault
    runs: Any = field(default_factory=itertools.count)

    def claim(self) -> list[Any]:
        """Do what a tick of the sensor does."""
        return claim_due_shares(
            self.vault.catalog,
            self.vault.rules,
            new_claim_id=lambda: f"claim-{next(self.runs)}",
            now=self.vault.clock(),
            positions=lambda _share_ids: {},
        )

    def run(self, share_ids: list[str], claim_id: str | None = None) -> dict[str, Any]:
        """Work on shares as a run does, and return what became of each."""
        vault, owner = self.vault, f"run-{next(self.runs)}"
        hold = Hold(vault.catalog, vault.rules, vault.stores, owner, vault.clock, claim_id=claim_id, jitter=lambda: 0.5)
        fetched = run_step(
            hold,
            dict.fromkeys(share_ids),
            lambda leased, _: fetch_media(hold, leased, downloader=vault.downloader).media,
        )
        placed = run_step(hold, fetched, lambda leased, media: place_media(hold, leased, media))
        done = run_step(hold, placed, lambda leased, media: transcribe_share(hold, leased, media, engine=vault.speech))
        hold.release()
        return dict(done)

    def tick(self) -> dict[str, Any]:
        """Claim what is due, and run it."""
        return {
            share_id: result
            for run in self.claim()
            for share_id, result in self.run(run.share_ids, run.claim_id).items()
        }

    def status(self, share_id: str) -> str:
        """Read a share's status."""
        return self.vault.catalog.shares.get(share_id).status

    def held_for(self, share_ids: list[str]) -> list[tuple[str | None, int]]:
        """Read what shares wait for, and how many attempts each has used."""
        progress = [self.vault.catalog.work.progress(share_id) for share_id in share_ids]
        return [(one.held_for, one.attempts) for one in progress]


@pytest.fixture
def line(vault: Vault) -> Line:
    """Return a line of runs of one share each to S3, whose disk has room."""
    vault.rules = replace(vault.rules, min_free_bytes=0, batch_size=20)
    vault.use(StorageMode.S3)
    return Line(vault)


@pytest.mark.parametrize("error_class", OF_THE_STORE)
def test_a_store_that_fails_for_everybody_holds_its_shares(line: Line, error_class: StoreErrorClass) -> None:
    """Whatever is wrong with it, no share uses an attempt, each says what it waits for, and all are done in the end."""
    vault = line.vault
    shares = [vault.share(str(number)) for number in range(3)]
    vault.s3.outage = StoreError(error_class, "the store's own words")

    results = line.tick()

    assert {result.outcome for result in results.values()} == {Outcome.POSTPONED}
    assert line.held_for(shares) == [("s3 store", 0)] * 3
    assert {line.status(share) for share in shares} == {"pending"}
    reason = vault.catalog.work.progress(shares[-1]).reason or ""
    assert "s3 store is paused until" in reason
    assert f"it fails for every share: {error_class}: the store's own words" in reason
    [paused] = read_paused_stores(vault.catalog, now=vault.clock())
    assert (paused.breaker.name, paused.waiting) == ("s3 store", 3)
    assert "3 shares wait" in paused.words
    assert line.tick() == {}

    vault.s3.outage = None
    vault.let_pass(seconds=20)
    sizes = [len(done) for _ in range(5) if (done := line.tick())]
    assert sizes[0] == 1, "one share tries the store first"
    assert sum(sizes) == 3
    assert {line.status(share) for share in shares} == {"done"}
    assert all(url.endswith((".mp4", ".wav", ".m4a", ".json", ".txt", ".srt", ".vtt")) for url in vault.s3.objects)


def test_a_store_that_is_still_down_pauses_longer(line: Line) -> None:
    """Each trial is one share, uses no attempt, and doubles the pause."""
    vault = line.vault
    shares = [vault.share(str(number)) for number in range(3)]
    vault.s3.outage = DENIED
    line.tick()
    for pause in (15, 30, 60, 120):
        vault.let_pass(seconds=pause - 5)
        assert line.tick() == {}
        vault.let_pass(seconds=6)
        assert len(line.tick()) == 1
    assert line.held_for(shares) == [("s3 store", 0)] * 3


def test_while_one_share_tries_the_store_no_other_does(line: Line) -> None:
    """A second tick claims nothing, and a person's run waits as well."""
    vault = line.vault
    shares = [vault.share(str(number)) for number in range(3)]
    vault.s3.outage = DENIED
    line.tick()
    vault.s3.outage = None
    vault.let_pass(seconds=20)
    [claimed] = line.claim()
    assert len(claimed.share_ids) == 1
    assert line.claim() == []
    [other] = [share for share in shares if share not in claimed.share_ids][:1]
    [result] = line.run([other]).values()
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.POSTPONED
    line.run(claimed.share_ids, claimed.claim_id)
    assert line.status(claimed.share_ids[0]) == "done"


def test_what_is_wrong_with_one_object_is_its_shares_own_failure(line: Line) -> None:
    """The store works for a probe, so the share uses an attempt, and others are not held up."""
    vault = line.vault
    first, second = vault.share("first"), vault.share("second")
    vault.s3.fail_next("put", StoreError(StoreErrorClass.UNAVAILABLE, "500"))
    results = line.tick()
    assert results[first].outcome is Outcome.STORAGE_FAILED
    assert vault.catalog.work.progress(first).attempts == 1
    assert line.status(second) == "done"
    assert paused_stores(vault.catalog, now=vault.clock()) == {}


def test_a_share_that_its_store_never_takes_is_parked(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poisoned object cannot hold up the others for ever: it runs out of attempts, also after an outage."""
    vault = line.vault
    poisoned = vault.share("poisoned")
    put = vault.s3.put
    vault.s3.outage = DENIED
    line.tick()
    vault.s3.outage = None

    def refuse(source: Path, key: str, **options: Any) -> Any:
        if "store-probe" not in key:
            raise StoreError(StoreErrorClass.UNAVAILABLE, "500")
        return put(source, key, **options)

    monkeypatch.setattr(vault.s3, "put", refuse)
    for _ in range(5):
        vault.let_pass(hours=2)
        line.tick()
    assert line.status(poisoned) == "error"
    assert vault.catalog.work.progress(poisoned).attempts == 3
    monkeypatch.undo()
    good = vault.share("good")
    vault.let_pass(minutes=1)
    line.tick()
    assert line.status(good) == "done"


def test_a_rollback_frees_the_shares_that_wait_for_s3(line: Line) -> None:
    """While S3 is paused, the next tick takes all of them up, and they go to the local directory."""
    vault = line.vault
    vault.use(StorageMode.HYBRID)
    set_stage(vault.catalog, vault.rules, Stage(100), now=vault.clock(), actor="test", reason="all")
    shares = [vault.share(str(number)) for number in range(3)]
    vault.s3.outage = DENIED
    line.tick()
    assert line.tick() == {}
    roll_back(vault.catalog, vault.rules, now=vault.clock(), actor="test", reason="S3 is down")
    results = line.tick()
    assert set(results) == set(shares)
    assert {line.status(share) for share in shares} == {"done"}
    assert vault.s3.objects == {}


def test_a_lower_percentage_frees_those_that_it_sends_elsewhere(line: Line) -> None:
    """The others go on waiting."""
    vault = line.vault
    vault.use(StorageMode.HYBRID, 100)
    shares = [vault.share(str(number)) for number in range(12)]
    vault.s3.outage = DENIED
    line.tick()
    vault.use(StorageMode.HYBRID, 50)
    freed = set(line.tick())
    assert freed == {share for share in shares if bucket_of(share) >= 50}
    assert 0 < len(freed) < 12


def test_a_store_that_cannot_be_read_holds_what_is_to_be_transcribed(line: Line) -> None:
    """The media stay where they are, whatever the policy says now, and the share goes on when the store works again."""
    vault = line.vault
    share = vault.share("a")
    vault.run(share, "fetch", "place")
    vault.s3.outage = StoreError(StoreErrorClass.TIMEOUT, "silent")
    vault.let_pass(minutes=2)
    [result] = line.tick().values()
    assert result.outcome is Outcome.POSTPONED
    assert line.held_for([share]) == [("s3 store", 1)], "the run that stored it"
    vault.use(StorageMode.LOCAL)
    assert line.tick() == {}
    vault.s3.outage = None
    vault.let_pass(seconds=20)
    line.tick()
    assert line.status(share) == "done"


def test_a_local_disk_that_takes_nothing_holds_its_shares(line: Line) -> None:
    """A full disk, a read-only one and one that is gone are stores that fail like any other."""
    vault = line.vault
    vault.use(StorageMode.LOCAL)
    share = vault.share("a")
    local = FakeMediaStore(Backend.LOCAL, clock=vault.clock)
    local.outage = StoreError(StoreErrorClass.NO_SPACE, "No space left on device")
    vault.stores[Backend.LOCAL] = local
    line.tick()
    assert line.held_for([share]) == [("local store", 0)]
    vault.stores[Backend.LOCAL] = vault.local
    vault.let_pass(seconds=20)
    line.tick()
    assert line.status(share) == "done"


def test_a_staging_directory_that_cannot_be_made_holds_the_share(line: Line) -> None:
    """Before anything is fetched: the disk of the local media is not what it was."""
    vault = line.vault
    share = vault.share("a")
    vault.media_dir.parent.mkdir(exist_ok=True)
    vault.media_dir.write_bytes(b"a file in the disk's place")
    line.tick()
    assert line.held_for([share]) == [("local store", 0)]
    assert vault.downloader.calls == []
    vault.media_dir.unlink()
    vault.let_pass(seconds=20)
    line.tick()
    assert line.status(share) == "done"


def test_an_unmounted_disk_holds_its_shares(line: Line) -> None:
    """Nothing is written to the bare mount point, and the shares go on when the disk is back."""
    vault = line.vault
    vault.use(StorageMode.LOCAL)
    vault.store("kept")
    vault.media_dir.rename(vault.directory / "unmounted")
    vault.media_dir.mkdir()
    share = vault.share("a")
    line.tick()
    assert line.held_for([share]) == [("local store", 0)]
    assert "mount its disk" in (vault.catalog.work.progress(share).reason or "")
    assert list(vault.media_dir.iterdir()) == []
    vault.media_dir.rmdir()
    (vault.directory / "unmounted").rename(vault.media_dir)
    vault.let_pass(seconds=20)
    line.tick()
    assert line.status(share) == "done"


def test_the_first_media_may_be_stored_while_the_disk_is_looked_at(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that was empty at the look, and has a file once the catalog has a media, is no missing disk."""
    vault = line.vault
    vault.use(StorageMode.LOCAL)

    def store_first(*_: object, **__: object) -> int:
        (vault.media_dir / "temp").mkdir(parents=True, exist_ok=True)
        return 1

    monkeypatch.setattr(vault.catalog.media, "stored_count", store_first)
    require_disk(vault.catalog, vault.rules, now=vault.clock())


def test_a_probe_that_a_killed_process_left_is_cleaned_up(line: Line) -> None:
    """After a day, from both backends, with a tombstone. A younger one may be somebody's right now."""
    vault = line.vault
    vault.store("kept")
    vault.s3.objects[vault.s3.url_of(f"{vault.rules.video_prefix}store-probe-1")] = FakeObject(
        b"probe", "application/octet-stream", modified_at=vault.clock()
    )
    local = vault.media_dir / vault.rules.video_prefix / "store-probe-2"
    local.write_bytes(b"probe")
    vault.clean_up()
    assert len(vault.s3.objects) == 1
    vault.let_pass(days=1, hours=1)
    vault.clean_up()
    assert vault.s3.objects == {}
    assert not local.exists()
    assert [tombstone.kind for tombstone in vault.catalog.tombstones.list(limit=2)] == ["probe", "probe"]


def test_a_finished_share_is_not_postponed(line: Line) -> None:
    """A person's run over it fails with the reason, because nothing would take it up again."""
    vault = line.vault
    vault.use(StorageMode.LOCAL)
    share = vault.share("a")
    line.tick()
    vault.use(StorageMode.S3)
    vault.s3.outage = DENIED
    [result] = line.run([share]).values()
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.STORAGE_FAILED
    assert line.status(share) == "done"


def test_a_persons_move_does_not_wait(line: Line) -> None:
    """`storage move` tries the store although it is paused for shares."""
    vault = line.vault
    media = vault.store("kept")
    vault.share("a")
    vault.s3.outage = DENIED
    line.tick()
    vault.s3.outage = None
    assert [move.outcome for move in vault.move(media, to=Backend.S3)] == ["moved"]


@pytest.fixture
def hanging(line: Line) -> Line:
    """Return a line at a stage of 100%, whose S3 takes connections and never answers."""
    line.vault.use(StorageMode.HYBRID)
    vault = line.vault
    set_stage(vault.catalog, vault.rules, Stage(100), now=vault.clock(), actor="test", reason="all")
    vault.s3.is_silent = True
    return line


def test_a_rollback_ends_an_upload_that_hangs(hanging: Line) -> None:
    """Its share goes to the local directory within seconds, without an attempt more, and is done."""
    vault = hanging.vault
    share = vault.share("a")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(hanging.tick)
        wait_for(lambda: vault.catalog.work.progress(share).attempts == 1)
        with open_catalog(str(vault.catalog.database.engine.url)) as elsewhere:
            roll_back(elsewhere, vault.rules, now=vault.clock(), actor="test", reason="it hangs")
        begun = time.monotonic()
        running.result(HANG_SECONDS)
    assert time.monotonic() - begun < HANG_SECONDS
    assert hanging.status(share) == "done"
    assert vault.catalog.work.progress(share).attempts == 1
    media = vault.media_of("a")
    assert media is not None
    assert (media.state, media.backend) == (MediaState.STORED, Backend.LOCAL)


def test_a_transfer_under_way_is_shown(hanging: Line) -> None:
    """Since when, of how many bytes and how far, while it lasts and no longer."""
    vault = hanging.vault
    share = vault.share("a")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(hanging.tick)
        wait_for(lambda: vault.catalog.work.progress(share).attempts == 1)
        vault.let_pass(seconds=3)
        try:
            wait_for(lambda: bool(vault.catalog.transfers.under_way(now=vault.clock())))
            report = share_report(vault.catalog, share, now=vault.clock())
        finally:
            vault.s3.is_silent = False
        running.result(HANG_SECONDS)
    [shown] = report.as_dict()["transfers_under_way"]
    [transfer] = report.under_way
    assert (shown["operation"], shown["backend"], shown["kind"], shown["moved_bytes"]) == ("put", "s3", "video", 0)
    assert shown["size_bytes"] > 0
    assert shown["moved_at"] is None
    assert "nothing has moved yet" in transfer.words
    assert list(share_report(vault.catalog, share, now=vault.clock()).under_way) == []
    assert hanging.status(share) == "done"


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + HANG_SECONDS
    while not is_so():
        assert time.monotonic() < end, "expected it by now"
        threading.Event().wait(0.01)


EVENTS = st.lists(st.sampled_from(["down", "up", "tick", "wait", "rollback", "resume"]), max_size=8)


@settings(max_examples=4)
@given(events=EVENTS)
def test_no_outage_costs_a_share_anything(tmp_path_factory: pytest.TempPathFactory, events: list[str]) -> None:
    """Whatever the order of outages, ticks and rollbacks, no attempt is lost, and all are done once the store works."""
    directory = tmp_path_factory.mktemp("line")
    values = load_settings(env_file=None, ytdlp_download_dir=directory / "media", download_min_free_bytes=0)
    with open_catalog(f"sqlite:///{directory / 'catalog.db'}") as catalog:
        line = Line(Vault(directory, catalog, make_rules(values)))
        vault = line.vault
        vault.use(StorageMode.S3)
        shares = [vault.share(str(number)) for number in range(3)]
        for event in events:
            match event:
                case "down":
                    vault.s3.outage = DENIED
                case "up":
                    vault.s3.outage = None
                case "rollback":
                    vault.use(StorageMode.LOCAL)
                case "resume":
                    vault.use(StorageMode.S3)
                case "wait":
                    vault.let_pass(seconds=17)
                case _:
                    line.tick()
            for share in shares:
                progress = vault.catalog.work.progress(share)
                assert line.status(share) in {"pending", "done"}
                assert progress.attempts <= (line.status(share) == "done")
        vault.s3.outage = None
        for _ in range(6):
            vault.let_pass(minutes=6)
            line.tick()
        assert {line.status(share) for share in shares} == {"done"}
        assert vault.verify().is_good
