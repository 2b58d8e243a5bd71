"""Clean-up: what it removes is proven or no longer needed, what it keeps has a reason, and in doubt it stops."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typing_extensions import override

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.errors import CleanUpRefusedError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import Leftover, LeftoverKind
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpReport
from tests.plugins.vault import Vault

DENIED = StoreError(StoreErrorClass.ACCESS_DENIED, "403")


def store_and_move(vault: Vault, name: str = "a", **options: object) -> Media:
    """Store a video locally, move it to S3, and return the record that points to S3."""
    before = vault.store(name, **options)  # type: ignore[arg-type]
    vault.move(before, to=Backend.S3)
    return vault.media(before)


def local_copies(vault: Vault, media: Media) -> list[bool]:
    """Whether the local directory has the video, and the audio track."""
    return [Path(vault.local.url_of(key)).exists() for key in (media.video.key, audio_key_of(media))]


def audio_key_of(media: Media) -> str:
    """Return the audio track's key."""
    assert media.audio is not None
    return media.video.key.rpartition(".")[0] + ".audio" + Path(media.audio.url).suffix


def kept_counts(report: CleanUpReport) -> dict[str, int]:
    """Return the counts of what was kept, by reason. Nothing may have failed."""
    assert not report.failed, report.failed
    return dict(report.kept)


def test_a_copy_proven_in_s3_is_removed_with_a_tombstone(vault: Vault) -> None:
    """After the grace the local files of a moved media go, each with its evidence, and S3 keeps serving them."""
    media = store_and_move(vault)
    vault.let_pass(hours=25)

    report = vault.clean_up()

    assert report.removed_by_reason() == {"in_s3": 1}
    assert report.removed_bytes == media.size_bytes
    assert local_copies(vault, media) == [False, False]
    assert vault.media(media) == media
    assert vault.verify(is_deep=True).is_good
    tombstones = vault.catalog.tombstones.list(media_id=media.media_id)
    assert {tombstone.kind for tombstone in tombstones} == {"video", "audio", "json", "srt", "txt", "vtt"}
    for tombstone in tombstones:
        part = media.parts[PartKind(tombstone.kind)]
        assert tombstone.reason == "in_s3"
        assert tombstone.removed_at is not None
        assert tombstone.share_id == media.share_id
        assert tombstone.sha256 == part.digest.sha256
        assert tombstone.proof["objects"][tombstone.kind] == {
            "url": part.url,
            "size_bytes": part.digest.size_bytes,
            "sha256": part.digest.sha256,
        }


def test_within_the_grace_nothing_goes(vault: Vault) -> None:
    """The grace counts from the move, not from the download: an old file that has just moved stays for a day."""
    media = vault.store("a")
    vault.let_pass(days=3)
    vault.move(media, to=Backend.S3)
    vault.let_pass(hours=23)

    assert kept_counts(vault.clean_up()) == {"within_grace": 1}
    assert local_copies(vault, media) == [True, True]


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_clock_that_is_a_day_off_loses_nothing(vault: Vault, hours: int) -> None:
    """Whether the clock is a day early or late, what is removed is proven elsewhere."""
    proven, local = store_and_move(vault, "a"), vault.store("b")
    vault.let_pass(hours=hours + 1)

    vault.clean_up()

    assert vault.verify(is_deep=True).is_good
    assert local_copies(vault, local) == [True, True]
    assert local_copies(vault, proven) == ([True, True] if hours < 0 else [False, False])


def test_leased_media_are_left_alone(vault: Vault) -> None:
    """Files of a media that a run or a mover has leased stay, proven or not."""
    media = store_and_move(vault)
    vault.let_pass(hours=25)
    vault.lease(media)

    assert kept_counts(vault.clean_up()) == {"leased": 1}
    assert kept_counts(vault.clean_up(is_dry_run=True)) == {"leased": 1}
    assert local_copies(vault, media) == [True, True]


def test_the_catalog_is_no_proof(vault: Vault) -> None:
    """An object that is not in the bucket now keeps its local copy, whatever is recorded."""
    media, other = store_and_move(vault), store_and_move(vault, "b")
    vault.s3.delete(media.video.url)
    vault.let_pass(hours=25)

    report = vault.clean_up()

    assert report.removed_by_reason() == {"in_s3": 1}
    assert kept_counts(report) == {"not_in_s3": 1}
    assert [(found.kept, found.share_id) for found in report.to_look_at] == [("not_in_s3", media.share_id)]
    assert local_copies(vault, media) == [True, True]
    assert local_copies(vault, other) == [False, False]


def test_an_audio_track_that_is_not_in_s3_keeps_both_files(vault: Vault) -> None:
    """Every part of the media has to be proven before any of its files goes."""
    media = store_and_move(vault)
    assert media.audio is not None
    vault.s3.delete(media.audio.url)
    vault.let_pass(hours=25)

    assert kept_counts(vault.clean_up()) == {"not_in_s3": 1}
    assert local_copies(vault, media) == [True, True]


@pytest.mark.parametrize("change", ["size", "bytes"])
def test_other_bytes_in_s3_are_no_proof(vault: Vault, change: str) -> None:
    """An object of another size, or of the same size with another SHA-256, keeps the local copy."""
    media = store_and_move(vault)
    there = vault.s3.objects[media.video.url]
    data = there.data[:-1] if change == "size" else bytes(reversed(there.data))
    vault.s3.objects[media.video.url] = replace(there, data=data, recorded=None)
    vault.let_pass(hours=25)

    assert kept_counts(vault.clean_up()) == {"different_in_s3": 1}
    assert local_copies(vault, media) == [True, True]


def test_a_bucket_that_does_not_answer_keeps_the_local_copy(vault: Vault) -> None:
    """A request that fails is no proof for this media, and the next clean-up tries again."""
    media = store_and_move(vault)
    vault.let_pass(hours=25)
    vault.s3.fail_next("head", DENIED, times=2)

    assert kept_counts(vault.clean_up()) == {"unverified": 1}
    assert vault.clean_up().removed_by_reason() == {"in_s3": 1}
    assert vault.bytes_at(media.video.url) is not None


def test_a_local_video_goes_after_its_retention_once_it_is_transcribed(vault: Vault) -> None:
    """The media is expired, not lost: its record and transcript stay, and the gateway's link is cleared."""
    media = vault.store("a")
    vault.let_pass(days=6, hours=23)
    assert kept_counts(vault.clean_up()) == {"within_retention": 1}
    vault.let_pass(hours=2)

    report = vault.clean_up()

    assert report.removed_by_reason() == {"past_retention": 1}
    assert vault.media(media).state is MediaState.EXPIRED
    assert local_copies(vault, media) == [False, False]
    assert vault.media_url(media) is None
    assert vault.catalog.transcripts.get(media.share_id) is not None
    assert vault.catalog.shares.get(media.share_id).status == "done"
    assert {t.reason for t in vault.catalog.tombstones.list(media_id=media.media_id)} == {"past_retention"}
    verification = vault.verify()
    assert verification.is_good
    assert {line.finding.value for line in verification.lines} == {"expired"}


def test_a_video_without_its_transcript_is_kept_past_its_retention(vault: Vault) -> None:
    """The only copy of a video that still has to be transcribed stays, however old it is."""
    media = vault.store("a", is_transcribed=False)
    vault.let_pass(days=400)

    assert kept_counts(vault.clean_up()) == {"not_transcribed": 1}
    assert local_copies(vault, media) == [True, True]


def test_a_second_pending_share_keeps_the_video(vault: Vault) -> None:
    """One finished share is not enough while another of the same video is still pending."""
    media = vault.store("a")
    other = vault.catalog.shares.add(
        url="https://example.com/a",
        user_id="22222222-2222-4222-8222-222222222222",
        platform="generic",
        now=vault.clock(),
    ).share.share_id
    vault.catalog.work.begin(other, media.media_id, owner="dead", claim_id=None, now=vault.clock(), until=vault.clock())
    vault.let_pass(days=8)

    assert kept_counts(vault.clean_up()) == {"not_transcribed": 1}


def test_a_video_without_sound_needs_no_transcript(vault: Vault) -> None:
    """A video with nothing to transcribe goes after its retention like the others."""
    media = vault.store("a", is_transcribed=False, audio=None)
    failure = vault.run(media.share_id, "transcribe")["transcribe"]
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.NO_AUDIO
    vault.let_pass(days=8)

    assert vault.clean_up().removed_by_reason() == {"past_retention": 1}


def test_an_object_that_its_rule_has_deleted_is_expired(vault: Vault) -> None:
    """After its time an absent object has expired, which clean-up records once; before its time it is a loss."""
    media = vault.store("a", Backend.S3)
    assert media.expires_at is not None
    vault.s3.objects.clear()
    assert not vault.verify().is_good, "before its time it is missing"
    vault.let_pass(days=9)
    assert vault.verify().is_good

    assert vault.clean_up().removed_by_reason() == {"lifecycle": 1}
    assert vault.media(media).state is MediaState.EXPIRED
    assert vault.clean_up().removed_by_reason() == {}
    assert vault.verify().is_good
    assert vault.catalog.transcripts.get(media.share_id) is not None


def test_an_object_that_is_late_to_expire_stays_stored(vault: Vault) -> None:
    """S3 deletes some time after the rule says, and until then the media is there and recorded."""
    media = vault.store("a", Backend.S3)
    vault.let_pass(days=9)

    vault.clean_up()

    assert vault.media(media) == media
    assert vault.verify().is_good


def test_unknown_files_are_never_touched(vault: Vault) -> None:
    """Files that no record claims stay and are counted, even if their names look like ours."""
    vault.store("a")
    stranger = vault.media_dir / "temp" / "videos" / "2020" / "01" / "01" / "0123456789abcdef_1577836800000.mp4"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"somebody's")
    vault.let_pass(days=400)

    assert kept_counts(vault.clean_up())["unknown_to_the_catalog"] == 1
    assert stranger.exists()


def test_links_are_not_followed_out_of_the_directory(vault: Vault, tmp_path: Path) -> None:
    """A link in the directory, and its target, stay whatever the catalog says about their names."""
    media = store_and_move(vault)
    outside = tmp_path / "outside"
    outside.mkdir()
    path = Path(vault.local.url_of(media.video.key))
    path.rename(outside / "video.mp4")
    path.symlink_to(outside / "video.mp4")
    staging_target = outside / "work"
    staging_target.mkdir()
    (staging_target / "file").write_bytes(b"x")
    (vault.media_dir / ".staging").mkdir(exist_ok=True)
    (vault.media_dir / ".staging" / media.media_id).symlink_to(staging_target)
    vault.let_pass(days=30)

    vault.clean_up()

    assert (outside / "video.mp4").exists()
    assert (staging_target / "file").exists()


def test_an_empty_directory_where_media_are_expected_stops_clean_up(vault: Vault) -> None:
    """A directory that is not mounted looks empty: nothing is removed, and the message says where to look."""
    local, in_s3 = vault.store("a"), store_and_move(vault, "b")
    vault.media_dir.rename(vault.directory / "unmounted")
    vault.media_dir.mkdir()
    vault.let_pass(days=30)

    with pytest.raises(CleanUpRefusedError, match="YTDLP_DOWNLOAD_DIR"):
        vault.clean_up()

    assert vault.media(local).state is MediaState.STORED
    assert vault.media(in_s3).state is MediaState.STORED
    assert vault.catalog.tombstones.list() == []


def test_an_empty_bucket_where_media_are_expected_stops_clean_up(vault: Vault) -> None:
    """A bucket that was emptied, or is the wrong one, stops clean-up before it removes any local copy."""
    media = store_and_move(vault)
    vault.s3.objects.clear()
    vault.let_pass(hours=25)

    with pytest.raises(CleanUpRefusedError, match="S3_MEDIA_BUCKET"):
        vault.clean_up(is_dry_run=True)
    with pytest.raises(CleanUpRefusedError):
        vault.clean_up()

    assert local_copies(vault, media) == [True, True]


def test_a_listing_that_fails_stops_clean_up(vault: Vault) -> None:
    """Neither a bucket that cannot be listed nor a store that is not configured counts as empty."""
    media = store_and_move(vault)
    vault.let_pass(hours=25)
    vault.s3.fail_next("list", DENIED)
    # The fake's listing fails after its first object; a bucket that fails at once does so before any.
    objects, vault.s3.objects = dict(vault.s3.objects), {}
    with pytest.raises(CleanUpRefusedError, match="403"):
        vault.clean_up()
    vault.s3.objects = objects
    del vault.stores[Backend.S3]
    with pytest.raises(CleanUpRefusedError, match="AWS_REGION"):
        vault.clean_up()
    assert local_copies(vault, media) == [True, True]


def test_a_dry_run_reports_the_same_and_changes_nothing(vault: Vault) -> None:
    """What a dry run names is what the clean-up after it removes."""
    store_and_move(vault, "a")
    vault.store("b")
    (vault.media_dir / ".staging" / ("0" * 64)).mkdir(parents=True)
    vault.let_pass(days=8)
    before = vault.files()

    planned = vault.clean_up(is_dry_run=True)
    assert vault.files() == before
    assert vault.catalog.tombstones.list() == []
    done = vault.clean_up()

    assert planned.removed == done.removed
    assert planned.kept == done.kept
    assert len(done.removed) == 3


def test_abandoned_staging_goes_and_needed_staging_stays(vault: Vault) -> None:
    """A dead download's directory goes after a day; one that a staged record or a lease needs stays."""
    staged = vault.run(vault.share("a"), "fetch")["fetch"]
    assert isinstance(staged, Media)
    stored, leased = vault.store("b"), vault.store("c")
    staging = vault.media_dir / ".staging"
    for name in (stored.media_id, leased.media_id, "f" * 64, "transcribe-xyz"):
        (staging / name / "attempt").mkdir(parents=True)
        (staging / name / "attempt" / "video.mp4").write_bytes(b"half a vid")
    vault.lease(leased)
    assert "abandoned" not in vault.clean_up().removed_by_reason(), "younger than a day"
    vault.let_pass(hours=25)

    report = vault.clean_up()

    assert report.removed_by_reason() == {"abandoned": 3}
    assert sorted(path.name for path in staging.iterdir()) == sorted([staged.media_id, leased.media_id])
    assert Path(staged.video.url).exists()
    tombstones = [t for t in vault.catalog.tombstones.list() if t.kind == "staging"]
    assert {t.size_bytes for t in tombstones} == {10}
    assert all(t.removed_at is not None for t in tombstones)


def test_stale_leftovers_of_the_stores_go(vault: Vault) -> None:
    """Temporary files and multipart uploads of killed transfers go after a day, with tombstones."""
    media = vault.store("a")
    part = Path(media.video.url).with_name(".video.mp4.0123456789abcdef.part")
    part.write_bytes(b"half")
    vault.s3.planted.append(
        Leftover(LeftoverKind.MULTIPART_UPLOAD, "s3://fake-bucket/temp/videos/x.mp4#1", vault.clock(), None)
    )
    assert vault.clean_up().removed == []
    vault.let_pass(hours=25)

    assert vault.clean_up().removed_by_reason() == {"abandoned": 2}

    assert not part.exists()
    assert vault.s3.planted == []
    assert {t.kind for t in vault.catalog.tombstones.list()} == {"temporary file", "multipart upload"}


class StubbornStore(LocalStore):
    """A local store with a file that cannot be removed."""

    stubborn_url: str = ""

    @override
    def delete(self, url: str) -> None:
        if url == self.stubborn_url:
            raise StoreError(StoreErrorClass.ACCESS_DENIED, f"removing {url}: denied")
        super().delete(url)


def test_a_file_that_cannot_be_removed_is_reported_and_stops_nothing(vault: Vault) -> None:
    """It keeps its unconfirmed tombstone, the others go, and the next clean-up finishes it."""
    stuck, free = store_and_move(vault, "a"), store_and_move(vault, "b")
    vault.let_pass(hours=25)
    stubborn = StubbornStore(vault.media_dir)
    stubborn.stubborn_url = vault.local.url_of(stuck.video.key)
    vault.stores[Backend.LOCAL] = stubborn

    report = vault.clean_up()

    assert [failed.media_id for failed in report.failed] == [stuck.media_id]
    assert "denied" in (report.failed[0].detail or "")
    assert local_copies(vault, free) == [False, False]
    assert any(t.removed_at is None for t in vault.catalog.tombstones.list(media_id=stuck.media_id))
    vault.stores[Backend.LOCAL] = vault.local
    assert vault.clean_up().removed_by_reason() == {"in_s3": 1}
    assert all(t.removed_at is not None for t in vault.catalog.tombstones.list())


def test_a_crash_between_the_record_and_the_removal_is_finished_later(vault: Vault) -> None:
    """An expired media whose files are still there loses them at the next clean-up."""
    media = vault.store("a")
    assert vault.catalog.leases.take(media.media_id, owner="x", now=vault.clock(), until=vault.clock())
    vault.catalog.media.record_expired(media.media_id, [], owner="x", now=vault.clock())
    assert not [line for line in vault.verify().lines if line.finding.value == "missing"]
    vault.let_pass(hours=25)

    assert vault.clean_up().removed_by_reason() == {"expired": 1}
    assert local_copies(vault, media) == [False, False]


def test_a_second_clean_up_has_nothing_to_do(vault: Vault) -> None:
    """Clean-up can be repeated: the second changes no file and no record."""
    store_and_move(vault, "a")
    vault.store("b")
    vault.let_pass(days=8)
    vault.clean_up()
    files, tombstones = vault.files(), vault.catalog.tombstones.list()

    assert vault.clean_up().removed == []

    assert vault.files() == files
    assert vault.catalog.tombstones.list() == tombstones


def test_a_pending_share_of_the_same_video_keeps_it(vault: Vault) -> None:
    """A share that nobody has claimed yet needs the bytes too, although no record says yet which video it has."""
    media = vault.store("a")
    vault.let_pass(days=8)
    vault.catalog.shares.add(
        url="https://example.com/a",
        user_id="22222222-2222-4222-8222-222222222222",
        platform="generic",
        now=vault.clock(),
    )

    assert kept_counts(vault.clean_up()) == {"not_transcribed": 1}
    assert local_copies(vault, media) == [True, True]


def test_an_object_about_to_expire_is_no_second_copy(vault: Vault) -> None:
    """The local copy of an untranscribed video stays when the bucket's rule is about to delete the other copy."""
    media = store_and_move(vault, is_transcribed=False)
    vault.let_pass(days=7, hours=23)

    assert kept_counts(vault.clean_up()) == {"not_transcribed": 1}
    vault.s3.objects.clear()
    vault.s3.put(
        Path(vault.local.url_of(media.video.key)),
        f"{vault.rules.video_prefix}other.mp4",
        expected=media.video.digest,
        content_type="video/mp4",
        tags={},
        may_replace=False,
        may_consume=False,
    )
    vault.let_pass(days=3)
    assert kept_counts(vault.clean_up()) == {"not_transcribed": 1}
    assert local_copies(vault, media) == [True, True]


def test_a_disk_that_was_unmounted_keeps_unfinished_videos(vault: Vault) -> None:
    """An unfinished video that expired while its directory was not mounted is not removed when it is back."""
    media = store_and_move(vault, is_transcribed=False)
    vault.media_dir.rename(vault.directory / "unmounted")
    vault.s3.objects.clear()
    vault.let_pass(days=9)
    vault.clean_up()
    assert vault.media(media).state is MediaState.EXPIRED
    (vault.directory / "unmounted").rename(vault.media_dir)

    assert kept_counts(vault.clean_up()) == {"not_transcribed": 1}
    assert local_copies(vault, media) == [True, True]


def test_a_linked_staging_directory_is_not_swept(vault: Vault, tmp_path: Path) -> None:
    """Staging that is a link out of the directory is left alone, with everything behind it."""
    vault.store("a")
    outside = tmp_path / "outside"
    (outside / ("0" * 64)).mkdir(parents=True)
    staging = vault.media_dir / ".staging"
    staging.rmdir()
    staging.symlink_to(outside)
    vault.let_pass(days=3)

    vault.clean_up()

    assert (outside / ("0" * 64)).is_dir()


def test_names_in_staging_that_are_not_ours_are_left_alone(vault: Vault) -> None:
    """Only directories named after a media or a transcription are swept."""
    vault.store("a")
    (vault.media_dir / ".staging" / "somebody's").mkdir()
    vault.let_pass(days=3)

    assert kept_counts(vault.clean_up())["unknown_to_the_catalog"] == 1
    assert (vault.media_dir / ".staging" / "somebody's").is_dir()


def test_uploads_of_other_applications_are_left_alone(vault: Vault) -> None:
    """Only uploads below the prefix of our keys are aborted, because others may use the bucket."""
    theirs = Leftover(LeftoverKind.MULTIPART_UPLOAD, "s3://fake-bucket/other-app/backup.tar#1", vault.clock(), None)
    vault.s3.planted.append(theirs)
    vault.let_pass(days=3)

    assert vault.clean_up().removed == []
    assert vault.s3.planted == [theirs]


def test_a_track_that_was_lost_in_a_move_does_not_keep_the_video(vault: Vault) -> None:
    """A video whose audio track is missing everywhere is cleaned up, and expires, by the video's evidence alone."""
    media = vault.store("a")
    assert media.audio is not None
    vault.local.delete(media.audio.url)
    vault.move(media, to=Backend.S3)
    vault.let_pass(hours=25)

    assert vault.clean_up().removed_by_reason() == {"in_s3": 1}
    vault.s3.objects.clear()
    vault.let_pass(days=9)
    assert vault.clean_up().removed_by_reason() == {"lifecycle": 1}
    assert vault.media_url(media) is None


def test_a_track_that_expired_first_does_not_expire_the_video(vault: Vault) -> None:
    """While the video's object is there the media is stored, whatever has become of its track."""
    media = vault.store("a", Backend.S3)
    assert media.audio is not None
    vault.s3.delete(media.audio.url)
    vault.let_pass(days=9)

    assert vault.clean_up().removed == []
    assert vault.media(media) == media


def test_a_lost_lease_stops_one_media_only(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that takes a media over in the middle keeps it, and the clean-up goes on with the others."""
    first, second = vault.store("a"), vault.store("b")
    vault.let_pass(days=8)
    record_expired = vault.catalog.media.record_expired

    def lose_first(media_id: str, *args: object, **options: object) -> None:
        if media_id == first.media_id:
            vault.catalog.leases.free(media_id, owner="clean-up")
            vault.lease(first)
        record_expired(media_id, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(vault.catalog.media, "record_expired", lose_first)
    report = vault.clean_up()

    assert kept_counts(report) == {"leased": 1}
    assert local_copies(vault, first) == [True, True]
    assert local_copies(vault, second) == [False, False]


def test_the_proof_of_an_interrupted_deletion_is_kept(vault: Vault) -> None:
    """The clean-up that finishes a deletion confirms the tombstones of the one that decided it."""
    media = vault.store("a")
    vault.let_pass(days=8)
    stubborn = StubbornStore(vault.media_dir)
    stubborn.stubborn_url = media.video.url
    vault.stores[Backend.LOCAL] = stubborn
    assert vault.clean_up().failed
    vault.stores[Backend.LOCAL] = vault.local

    vault.clean_up()

    tombstones = vault.catalog.tombstones.list(media_id=media.media_id)
    assert {tombstone.kind: tombstone.reason for tombstone in tombstones} == dict.fromkeys(
        ("video", "audio", "json", "srt", "txt", "vtt"), "past_retention"
    )
    assert all(tombstone.removed_at and tombstone.proof["retention_days"] == 7 for tombstone in tombstones)


def test_an_upload_that_vanishes_while_staging_is_measured_stops_nothing(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that ends during clean-up removes its directory, and the rest is cleaned up all the same."""
    vault.store("a")
    staging = vault.media_dir / ".staging"
    for name in ("0" * 64, "1" * 64):
        (staging / name / "attempt").mkdir(parents=True)
    vault.let_pass(days=3)
    rglob = Path.rglob

    def vanish(self: Path, pattern: str) -> object:
        found = list(rglob(self, pattern))
        if self.name == "0" * 64:
            shutil.rmtree(self)
        return found

    monkeypatch.setattr(Path, "rglob", vanish)
    report = vault.clean_up()

    assert report.removed_by_reason() == {"abandoned": 1}
    assert not report.failed
