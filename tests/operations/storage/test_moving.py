"""Moving stored media both ways: nothing is fetched again, nothing is lost, and it can be repeated."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend, Decider, StorageMode
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.operations.media.placing import place_media
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import reopen_expired
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.storage.moving import MoveOutcome, move_media, preview_move
from tests.plugins.vault import Vault

BOTH_WAYS = pytest.mark.parametrize(("source", "target"), [(Backend.LOCAL, Backend.S3), (Backend.S3, Backend.LOCAL)])


@BOTH_WAYS
def test_a_move_brings_video_and_audio_track_and_keeps_the_source(
    vault: Vault, source: Backend, target: Backend
) -> None:
    """The record points to verified copies on the other backend under the same keys, and the source is still there."""
    before = vault.store("a", source)

    [move] = vault.move(before, to=target)

    after = vault.media(before)
    assert move.outcome is MoveOutcome.MOVED
    assert move.size_bytes == before.size_bytes
    assert after.backend is target
    assert after.placement is not None
    assert after.placement.decided_by is Decider.OPERATOR
    assert {kind: blob.digest for kind, blob in after.parts.items()} == {
        kind: blob.digest for kind, blob in before.parts.items()
    }
    for kind, blob in after.parts.items():
        assert vault.bytes_at(blob.url) == vault.bytes_at(before.parts[kind].url) is not None
        assert blob.content_type == vault.stores[target].head(blob.url).content_type
        assert vault.stores[target].head(blob.url).tags["share-id"] == before.share_id
    assert vault.media_url(before) == after.video.url, "the gateway's table follows"
    assert not list((vault.media_dir / ".staging").glob("*")), "nothing is left in staging"


@BOTH_WAYS
def test_a_move_can_be_repeated(vault: Vault, source: Backend, target: Backend) -> None:
    """A second move finds the media where it should be, and moving back finds the source and copies nothing."""
    media = vault.store("a", source)
    vault.move(media, to=target)
    puts = len([event for event in vault.catalog.events.for_share(media.share_id) if event.operation == "put"])

    assert [move.outcome for move in vault.move(media, to=target)] == [MoveOutcome.THERE]
    assert [move.outcome for move in vault.move(media, to=source)] == [MoveOutcome.MOVED]

    assert vault.media(media).video.url == media.video.url
    assert puts == len([event for event in vault.catalog.events.for_share(media.share_id) if event.operation == "put"])


@BOTH_WAYS
def test_a_leased_media_is_not_moved(vault: Vault, source: Backend, target: Backend) -> None:
    """A media that a run or another mover has leased stays where it is, and the mover says so."""
    media = vault.store("a", source)
    vault.lease(media)

    assert [move.outcome for move in vault.move(media, to=target)] == [MoveOutcome.LEASED]
    assert vault.media(media) == media


@pytest.mark.parametrize(
    ("operation", "source", "target"),
    [("put", Backend.LOCAL, Backend.S3), ("get", Backend.S3, Backend.LOCAL), ("head", Backend.LOCAL, Backend.S3)],
)
def test_a_failing_store_fails_the_move_and_nothing_else(
    vault: Vault, operation: str, source: Backend, target: Backend
) -> None:
    """The record stays, nothing is left behind, the other media move, and the next try succeeds."""
    first, second = vault.store("a", source), vault.store("b", source)
    vault.s3.fail_next(operation, StoreError(StoreErrorClass.THROTTLED, "SlowDown"))

    outcomes = {move.media_id: move for move in vault.move(first, second, to=target)}

    failed = [move for move in outcomes.values() if move.outcome is MoveOutcome.FAILED]
    assert len(failed) == 1
    assert "SlowDown" in (failed[0].detail or "")
    assert sorted(vault.media(m).backend or "" for m in (first, second)) == sorted([source, target])
    assert not list((vault.media_dir / ".staging").glob("*"))
    assert {move.outcome for move in vault.move(first, second, to=target)} == {MoveOutcome.MOVED, MoveOutcome.THERE}


def test_a_damaged_source_is_not_moved(vault: Vault) -> None:
    """Bytes that differ from the record are refused, and the record still says where they should be."""
    media = vault.store("a", Backend.S3)
    vault.s3.rot(media.video.url, b"something else")

    [move] = vault.move(media, to=Backend.LOCAL)

    assert move.outcome is MoveOutcome.FAILED
    assert vault.media(media) == media


def test_a_video_that_lost_its_audio_track_moves_without_it(vault: Vault) -> None:
    """The sound can still be read from the video, so the track stays recorded where it was lost."""
    media = vault.store("a")
    assert media.audio is not None
    vault.local.delete(media.audio.url)

    assert [move.outcome for move in vault.move(media, to=Backend.S3)] == [MoveOutcome.MOVED]

    after = vault.media(media)
    assert after.backend is Backend.S3
    assert after.audio == media.audio


def test_lost_bytes_are_restored_from_a_copy(vault: Vault) -> None:
    """A move to the recorded location restores what was lost there, while a copy is left."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    there = vault.media(media)
    vault.s3.delete(there.video.url)
    assert preview_move(vault.work(), there, Backend.S3).outcome is MoveOutcome.MOVED, "a dry run checks too"

    assert [move.outcome for move in vault.move(media, to=Backend.S3)] == [MoveOutcome.MOVED]

    assert vault.bytes_at(there.video.url) == vault.bytes_at(media.video.url)


def test_a_missing_video_cannot_be_moved(vault: Vault) -> None:
    """The move fails, names the location that should have it, and records nothing."""
    media = vault.store("a")
    vault.local.delete(media.video.url)

    [move] = vault.move(media, to=Backend.S3)

    assert move.outcome is MoveOutcome.FAILED
    assert media.video.url in (move.detail or "")
    assert vault.media(media) == media


def test_staged_and_expired_media_are_skipped(vault: Vault) -> None:
    """Only stored media are moved; for the others the move says their state, as a dry run does."""
    share_id = vault.share("a")
    staged = vault.run(share_id, "fetch")["fetch"]
    assert isinstance(staged, Media)
    expired = vault.store("b")
    vault.let_pass(days=8)
    vault.clean_up()
    assert vault.media(expired).state is MediaState.EXPIRED

    outcomes = [move.outcome for move in vault.move(staged, expired, to=Backend.S3)]

    assert sorted(outcomes) == [MoveOutcome.EXPIRED, MoveOutcome.NOT_STORED]
    assert preview_move(vault.work(), vault.media(expired), Backend.S3).outcome is MoveOutcome.EXPIRED
    assert preview_move(vault.work(), staged, Backend.S3).outcome is MoveOutcome.NOT_STORED


def test_simultaneous_movers_do_not_conflict(vault: Vault) -> None:
    """Of two simultaneous movers one moves each media, the other finds it leased or moved, and all arrive."""
    media = [vault.store(str(number)) for number in range(8)]
    results: list[list[MoveOutcome]] = []

    def mover(owner: str) -> None:
        from bookmarkai_assets.operations.storage.moving import move_media  # noqa: PLC0415 - the second mover's own call

        moves = move_media(vault.work(owner), [m.media_id for m in media], Backend.S3, workers=3)
        results.append([move.outcome for move in moves])

    threads = [threading.Thread(target=mover, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    outcomes = [outcome for result in results for outcome in result]
    assert outcomes.count(MoveOutcome.MOVED) == len(media)
    assert set(outcomes) <= {MoveOutcome.MOVED, MoveOutcome.LEASED, MoveOutcome.THERE}
    assert all(vault.media(m).backend is Backend.S3 for m in media)
    assert vault.verify(is_deep=True).is_good


def test_an_interrupted_mover_frees_its_leases(vault: Vault) -> None:
    """An interrupt in the middle ends the transfers, and another mover can begin at once."""
    media = [vault.store(str(number)) for number in range(4)]

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vault.move(*media, to=Backend.S3, on_move=stop)

    assert not any(vault.catalog.leases.is_leased(m.media_id, now=vault.clock()) for m in media)
    assert vault.verify().is_good


def test_without_a_bucket_nothing_can_be_moved_there(vault: Vault) -> None:
    """The message names the missing settings."""
    media = vault.store("a")
    del vault.stores[Backend.S3]

    with pytest.raises(StoreError, match="S3_MEDIA_BUCKET"):
        vault.move(media, to=Backend.S3)


@BOTH_WAYS
def test_materializing_again_moves_to_where_todays_mode_places(vault: Vault, source: Backend, target: Backend) -> None:
    """A person's run moves stored media to where the current mode places them, without a download."""
    media = vault.store("a", source)
    vault.place_on(target)

    results = vault.run(media.share_id, "fetch", "place", "transcribe", owner="backfill")

    assert not any(isinstance(result, Failure) for result in results.values())
    after = vault.media(media)
    assert after.backend is target
    assert after.placement is not None
    assert after.placement.decided_by is Decider.POLICY
    assert vault.bytes_at(after.video.url) == vault.bytes_at(media.video.url)
    assert vault.media_url(media) == after.video.url
    assert len(vault.downloader.calls) == 1


def test_the_sensors_runs_leave_stored_media_where_they_are(vault: Vault) -> None:
    """A new share of an old video does not ask for a move, whatever the current mode is."""
    media = vault.store("a", Backend.S3)
    vault.use(StorageMode.LOCAL)

    vault.run(media.share_id, "fetch", "place", "transcribe", claim_id="claim", owner="sensor's run")

    assert vault.media(media) == media


def test_lost_bytes_are_replaced_by_the_remaining_copy(vault: Vault) -> None:
    """When the recorded bytes are gone and a move left a copy, the next run records the copy instead of downloading."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    vault.s3.objects.clear()
    vault.use(StorageMode.S3)

    results = vault.run(media.share_id, "fetch", "place", claim_id="claim")

    assert not any(isinstance(result, Failure) for result in results.values())
    after = vault.media(media)
    assert after.video.url == media.video.url
    assert after.placement is not None
    assert after.placement.decided_by is Decider.FOUND
    assert len(vault.downloader.calls) == 1


def test_an_expired_media_is_downloaded_again(vault: Vault) -> None:
    """Asking for it again fetches and stores it and keeps the transcript; storing without fetching says what to do."""
    media = vault.store("a")
    vault.let_pass(days=8)
    vault.clean_up()

    failure = vault.run(media.share_id, "place", owner="first")["place"]
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.EXPIRED
    assert "raw_video" in failure.next_step
    assert vault.catalog.transcripts.get(media.share_id) is not None
    assert vault.catalog.shares.get(media.share_id).status == "done"

    vault.run(media.share_id, "fetch", "place", "transcribe", owner="second")
    after = vault.media(media)
    assert after.state is MediaState.STORED
    assert vault.bytes_at(after.video.url) is not None
    assert len(vault.downloader.calls) == 2
    assert vault.media_url(media) == after.video.url


def test_an_expired_share_is_fetched_again_when_it_is_asked_for(vault: Vault) -> None:
    """Adding the same link again, or `shares retry`, makes a done share due whose video expired."""
    media = vault.store("a")
    assert reopen_expired(vault.catalog, [media.share_id], now=vault.clock()) == [], "its video is there"
    vault.let_pass(days=8)
    vault.clean_up()

    assert reopen_expired(vault.catalog, [media.share_id], now=vault.clock()) == [media.share_id]

    assert [due.share_id for due in vault.catalog.work.due(now=vault.clock(), limit=5)] == [media.share_id]
    vault.run(media.share_id, "fetch", "place", "transcribe", owner="again")
    assert vault.bytes_at(vault.media(media).video.url) is not None
    assert vault.catalog.shares.get(media.share_id).status == "done"


def test_an_unfinished_share_whose_video_expired_is_not_parked(vault: Vault) -> None:
    """Storing finds nothing, but the share's next attempt can fetch it, so the failure is transient."""
    media = vault.store("a", Backend.S3, is_transcribed=False)
    vault.s3.objects.clear()
    vault.let_pass(days=9)
    vault.clean_up()
    assert vault.media(media).state is MediaState.EXPIRED

    failure = vault.run(media.share_id, "place", owner="backfill")["place"]

    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.MEDIA_MISSING
    assert failure.is_transient
    vault.let_pass(hours=2)
    vault.run(media.share_id, "fetch", "place", "transcribe", claim_id=None, owner="next")
    assert vault.catalog.shares.get(media.share_id).status == "done"


def test_a_lost_audio_track_is_put_back_from_the_other_backend(vault: Vault) -> None:
    """A move to the recorded location, and a person's run, restore any part of which a copy is left."""
    for name, bring_back in (
        ("a", lambda media: vault.move(media, to=Backend.S3)),
        ("b", lambda media: vault.run(media.share_id, "place", owner="backfill")),
    ):
        media = vault.store(name)
        vault.move(media, to=Backend.S3)
        there = vault.media(media)
        assert there.audio is not None
        vault.s3.delete(there.audio.url)
        vault.use(StorageMode.S3)

        bring_back(media)

        assert vault.bytes_at(there.audio.url) is not None
    assert vault.verify(is_deep=True).is_good


def test_a_damaged_audio_track_does_not_hold_up_its_video(vault: Vault) -> None:
    """The video moves, the damaged track stays recorded where it is, and verification names it."""
    media = vault.store("a", Backend.S3)
    assert media.audio is not None
    vault.s3.rot(media.audio.url, b"x")

    assert [move.outcome for move in vault.move(media, to=Backend.LOCAL)] == [MoveOutcome.MOVED]

    after = vault.media(media)
    assert after.backend is Backend.LOCAL
    assert after.audio == media.audio
    assert not vault.verify(is_deep=True).is_good


@pytest.mark.parametrize(("source", "operation"), [(Backend.LOCAL, "put"), (Backend.S3, "get")])
def test_an_audio_track_that_is_damaged_in_transit_is_not_given_up(
    vault: Vault, source: Backend, operation: str
) -> None:
    """Its bytes are right at the source, so the move fails as a whole, changes nothing, and succeeds when repeated."""
    media = vault.store("a", source)
    target = Backend.S3 if source is Backend.LOCAL else Backend.LOCAL
    damaged = StoreError(StoreErrorClass.CHECKSUM, "expected other bytes")
    vault.s3.fail_next(operation, damaged, after=1)  # the video goes first

    assert [move.outcome for move in vault.move(media, to=target)] == [MoveOutcome.FAILED]
    assert vault.media(media) == media

    assert [move.outcome for move in vault.move(media, to=target)] == [MoveOutcome.MOVED]
    after = vault.media(media)
    assert after.audio is not None
    assert vault.bytes_at(after.audio.url) is not None


def test_a_rollback_does_not_wait_for_the_bucket(vault: Vault) -> None:
    """With the local copy still there, a person's run moves a media back while S3 does not answer."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    vault.use(StorageMode.LOCAL)
    for operation in ("head", "get", "open", "put"):
        vault.s3.fail_next(operation, StoreError(StoreErrorClass.UNAVAILABLE, "503"), times=100)

    results = vault.run(media.share_id, "fetch", "place", "transcribe", owner="backfill")

    assert not any(isinstance(result, Failure) for result in results.values()), results
    assert vault.media(media).video.url == media.video.url


def test_an_object_lost_in_s3_is_put_there_again(vault: Vault) -> None:
    """A person's run puts a lost object back from the local copy instead of recording the copy as the location."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    there = vault.media(media)
    vault.s3.objects.clear()
    vault.use(StorageMode.S3)

    vault.run(media.share_id, "place", owner="backfill")

    assert vault.media(media).video.url == there.video.url
    assert vault.bytes_at(there.video.url) is not None


def test_an_object_about_to_expire_is_put_again(vault: Vault) -> None:
    """An object that its rule is about to delete does not count as done, and the move renews it."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    vault.move(media, to=Backend.LOCAL)
    vault.let_pass(days=7, hours=12)

    vault.move(media, to=Backend.S3)

    after = vault.media(media)
    assert after.expires_at is not None
    assert after.expires_at > vault.clock() + timedelta(days=6)
    assert vault.verify(is_deep=True).is_good


def test_a_mover_leaves_the_staging_of_others_alone(vault: Vault) -> None:
    """Another worker's staging for the same media stays when a move ends."""
    media = vault.store("a", Backend.S3)
    others = vault.media_dir / ".staging" / media.media_id / "another" / "video.mp4"
    others.parent.mkdir(parents=True)
    others.write_bytes(b"another's")

    vault.move(media, to=Backend.LOCAL)

    assert [path.name for path in others.parents[1].iterdir()] == ["another"]
    assert others.read_bytes() == b"another's"


def test_staging_that_cannot_be_made_fails_the_move_by_its_name(vault: Vault) -> None:
    """The disk's error is that media's failure, with the path, and stops no other."""
    media, other = vault.store("a", Backend.S3), vault.store("b")
    staging = vault.media_dir / ".staging"
    shutil.rmtree(staging)
    staging.write_text("a file where the directory should be")

    moves = {move.media_id: move for move in vault.move(media, other, to=Backend.LOCAL)}

    assert moves[media.media_id].outcome is MoveOutcome.FAILED
    assert str(staging) in (moves[media.media_id].detail or "")
    assert moves[other.media_id].outcome is MoveOutcome.THERE


def test_a_run_places_the_recorded_media(vault: Vault) -> None:
    """Somebody may move the media between the steps of a run, so the record under the lease counts."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    hold = Hold(vault.catalog, vault.rules, vault.stores, "run", vault.clock, jitter=lambda: 0.5)
    vault.use(StorageMode.S3)
    hold = replace(hold, rules=vault.rules)

    stale = run_step(hold, {media.share_id: media}, lambda leased, old: place_media(hold, leased, old))
    hold.release()

    placed = stale[media.share_id]
    assert isinstance(placed, Media)
    assert placed.backend is Backend.S3
    assert placed == vault.media(media)


def test_media_are_asked_for_as_they_are_needed(vault: Vault) -> None:
    """A large catalog is not in memory: when the first is done, few of the others have been asked for."""
    stored = [vault.store(f"video-{number}") for number in range(8)]
    asked: list[str] = []

    def media_ids() -> Iterator[str]:
        for media in stored:
            asked.append(media.media_id)
            yield media.media_id

    asked_by_then: list[int] = []
    moves = move_media(
        vault.work(), media_ids(), Backend.S3, workers=1, on_move=lambda _: asked_by_then.append(len(asked))
    )

    assert [move.outcome for move in moves] == [MoveOutcome.MOVED] * 8
    assert asked_by_then[0] <= 3


def test_a_leased_media_has_a_next_step(vault: Vault) -> None:
    """Somebody is working on it, so the same command succeeds later."""
    media = vault.store("a")
    assert vault.catalog.leases.take(
        media.media_id, owner="run", now=vault.clock(), until=vault.clock() + timedelta(hours=1)
    )
    [move] = move_media(vault.work("mover"), [media.media_id], Backend.S3)
    assert move.outcome is MoveOutcome.LEASED
    assert "run this command again" in (move.detail or "")
