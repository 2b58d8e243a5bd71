"""An empty catalog is filled again from what the bucket and the disk hold."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend, Decider, Placement, StorageMode, bucket_of
from bookmarkai_assets.core.media.ports import ListedObject, StoredObject
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.operations.rollout.deciding import roll_back, set_stage
from bookmarkai_assets.operations.storage.rebuilding import RebuildReport, rebuild_catalog
from tests.plugins.vault import Vault


@pytest.fixture
def empty_catalog(tmp_path: Path, sqlite_template: Path) -> Iterator[OpenCatalog]:
    """Return a catalog of its own without a row."""
    file = tmp_path / "rebuilt.db"
    file.write_bytes(sqlite_template.read_bytes())
    with open_catalog(f"sqlite:///{file}") as catalog:
        yield catalog


def rebuild(vault: Vault, catalog: OpenCatalog, *, is_dry_run: bool = False) -> RebuildReport:
    """Rebuild a catalog from the vault's stores."""
    return rebuild_catalog(catalog, vault.stores, vault.rules, now=vault.clock(), is_dry_run=is_dry_run)


def as_restored(media: Media, restored: Media) -> Media:
    """Return the original record as a rebuild makes it, with what stores cannot know taken from the restored one."""
    return replace(
        media,
        info=replace(media.info, description=None, thumbnail_url=None),
        download_seconds=restored.download_seconds,
        upload_seconds=None,
        placement=restored.placement,
        stored_at=restored.stored_at,
        expires_at=restored.expires_at,
    )


@pytest.mark.parametrize("backend", list(Backend))
def test_a_record_is_restored_from_what_was_stored(vault: Vault, empty_catalog: OpenCatalog, backend: Backend) -> None:
    """Share, link, title, bytes and audio track come back as they were, and the placement says that it was found."""
    media = [vault.store(name, backend) for name in ("a", "b")]

    report = rebuild(vault, empty_catalog)

    assert report.unrestorable == []
    assert {restored.media_id for restored in report.restored} == {m.media_id for m in media}
    for original in media:
        restored = empty_catalog.media.get(original.media_id)
        assert restored is not None
        assert restored == as_restored(original, restored)
        assert restored.download_seconds == pytest.approx(original.download_seconds, abs=0.001)
        assert restored.placement is not None
        assert restored.placement.decided_by is Decider.FOUND
        assert restored.placement.backend is backend
        assert (restored.expires_at is None) == (backend is Backend.LOCAL)


def test_a_rebuilt_catalog_needs_no_download(vault: Vault, empty_catalog: OpenCatalog) -> None:
    """Verification finds everything, and a new share of an old link reuses the bytes."""
    media = vault.store("a", Backend.S3)
    rebuild(vault, empty_catalog)
    vault.catalog = empty_catalog

    assert vault.verify(is_deep=True).is_good
    share_id = vault.share("a")
    vault.run(share_id, "fetch", "place", "transcribe", claim_id="claim")

    assert vault.catalog.shares.get(share_id).status == "done"
    assert len(vault.downloader.calls) == 1
    assert vault.media(media).share_id == media.share_id


def test_a_damaged_transcripts_file_keeps_no_video_from_being_restored(
    vault: Vault, empty_catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left out, because it can be made again; the others are tied to their video, and none is taken for one."""
    media = vault.store("a", Backend.S3)
    damaged, head = media.transcript_files[PartKind.JSON].url, vault.s3.head

    def checked_head(url: str) -> StoredObject:
        if url == damaged:
            raise StoreError(StoreErrorClass.CHECKSUM, "not the bytes that were put")
        return head(url)

    monkeypatch.setattr(vault.s3, "head", checked_head)

    report = rebuild(vault, empty_catalog)

    assert report.unrestorable == []
    restored = empty_catalog.media.get(media.media_id)
    assert restored is not None
    assert set(restored.transcript_files) == {"srt", "txt", "vtt"}
    assert restored.video == media.video


def test_records_that_exist_are_left_as_they_are(vault: Vault) -> None:
    """A rebuild over a complete catalog changes nothing."""
    media = vault.store("a")

    report = rebuild(vault, vault.catalog)

    assert report.restored == []
    assert report.known == 1
    assert vault.media(media) == media


def test_a_dry_run_restores_nothing(vault: Vault, empty_catalog: OpenCatalog) -> None:
    """A dry run names what the rebuild after it restores."""
    vault.store("a")
    planned = rebuild(vault, empty_catalog, is_dry_run=True)
    assert empty_catalog.media.page(limit=10) == []
    done = rebuild(vault, empty_catalog)
    assert [m.media_id for m in planned.restored] == [m.media_id for m in done.restored]
    assert rebuild(vault, empty_catalog).known == 1, "and it can be repeated"


@pytest.mark.parametrize("mode", [StorageMode.LOCAL, StorageMode.S3])
def test_a_video_in_both_backends_is_recorded_where_todays_mode_places_it(
    vault: Vault, empty_catalog: OpenCatalog, mode: StorageMode
) -> None:
    """There is one record, in the backend that the operator wants now, and the other copy is left to clean-up."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    vault.use(mode)

    rebuild(vault, empty_catalog)

    restored = empty_catalog.media.get(media.media_id)
    assert restored is not None
    assert restored.backend == mode.value
    assert restored.state is MediaState.STORED


def test_an_unusable_file_is_named(vault: Vault, empty_catalog: OpenCatalog) -> None:
    """A file with a key of ours but unusable tags is reported with what to do, and other files are skipped."""
    media = vault.store("a")
    video = Path(media.video.url)
    video.with_name(f".{video.name}.json").unlink()
    (vault.media_dir / "notes.txt").write_text("hello")

    report = rebuild(vault, empty_catalog)

    assert report.restored == []
    assert [unrestorable.url for unrestorable in report.unrestorable] == [media.video.url]
    assert "share the link again" in report.unrestorable[0].reason


def test_a_link_too_long_for_the_tags_is_found_among_the_shares(vault: Vault) -> None:
    """Where the gateway's shares still exist, they have the link that did not fit into the object's tags."""
    name = "?q=" + "x" * 1900
    media = vault.store(name)
    with vault.catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM media")

    report = rebuild(vault, vault.catalog)

    assert report.unrestorable == []
    assert vault.media(media).canonical_url == media.canonical_url


def test_done_shares_are_tied_to_their_media_again(vault: Vault) -> None:
    """With the gateway's tables left, moves and clean-up after a rebuild go on as if nothing had been lost."""
    media = vault.store("a")
    with vault.catalog.database.writing() as connection:
        for table in ("media", "share_work", "leases"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - three constants

    rebuild(vault, vault.catalog)
    vault.move(media, to=Backend.S3)
    vault.let_pass(hours=25)
    assert vault.clean_up().removed_by_reason() == {"in_s3": 1}

    assert vault.media_url(media) == vault.media(media).video.url
    assert vault.catalog.media.is_settled(media.media_id)
    assert vault.catalog.work.due(now=vault.clock(), limit=5) == []


@pytest.mark.parametrize("is_elsewhere", [True, False])
def test_a_lost_audio_track_is_not_forgotten(vault: Vault, empty_catalog: OpenCatalog, *, is_elsewhere: bool) -> None:
    """A track that is elsewhere is recorded there; a missing one is recorded as lost, and the video is read."""
    media = vault.store("a")
    if is_elsewhere:
        vault.move(media, to=Backend.S3)
        vault.use(StorageMode.S3)
    there = vault.media(media)
    assert there.audio is not None
    vault.stores[there.backend or Backend.LOCAL].delete(there.audio.url)

    rebuild(vault, empty_catalog)
    restored = empty_catalog.media.get(media.media_id)

    assert restored is not None
    assert restored.audio is not None
    assert restored.audio.digest == there.audio.digest
    assert restored.video.url == there.video.url
    assert (vault.bytes_at(restored.audio.url) is not None) == is_elsewhere
    vault.catalog = empty_catalog
    share_id = vault.share("a")
    results = vault.run(share_id, "fetch", "place", "transcribe", claim_id="claim")
    assert not any(isinstance(result, Failure) for result in results.values()), results


# --- The policy in force ----------------------------------------------------------------------------------------------

NOTHING, SHADOW, EVERYTHING = Stage(0), Stage(0, is_shadow=True), Stage(100)


def decide(vault: Vault, *stages: Stage, is_rolled_back: bool = False) -> int | None:
    """Have an operator set these stages and maybe roll back, and return the id of the newest decision."""
    now, actor, reason = vault.clock(), "ann", "because"
    ids = [
        set_stage(vault.catalog, vault.rules, stage, now=now, actor=actor, reason=reason).decision_id
        for stage in stages
    ]
    if is_rolled_back:
        ids.append(roll_back(vault.catalog, vault.rules, now=now, actor=actor, reason=reason).decision_id)
    return ids[-1] if ids else None


def lose_media(vault: Vault) -> None:
    """Delete the media's records and leave everything else, including the rollout's decisions."""
    with vault.catalog.database.writing() as connection:
        for table in ("media", "share_work", "leases"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - three constants


def store_in_both(vault: Vault, name: str = "a") -> Media:
    """Have a video stored in the local directory and, as a move leaves it, in S3 as well."""
    media = vault.store(name)
    vault.move(media, to=Backend.S3)
    return media


def placement_of(vault: Vault, media: Media) -> Placement:
    """Read the recorded placement."""
    placement = vault.media(media).placement
    assert placement is not None
    return placement


@pytest.mark.parametrize(
    ("mode", "split", "stages", "is_rolled_back", "recorded"),
    [
        ("local", 100, [], False, ("local", "local", 100, False)),
        ("s3", 0, [], False, ("s3", "s3", 0, False)),
        ("hybrid", 0, [], False, ("local", "hybrid", 0, False)),
        ("hybrid", 100, [], False, ("s3", "hybrid", 100, False)),
        ("local", 0, [EVERYTHING], False, ("local", "local", 0, False)),
        ("local", 0, [EVERYTHING], True, ("local", "local", 0, False)),
        ("s3", 0, [NOTHING], False, ("s3", "s3", 0, False)),
        ("s3", 0, [EVERYTHING], True, ("local", "local", 0, True)),
        ("s3", 0, [], True, ("local", "local", 0, True)),
        ("hybrid", 100, [NOTHING], False, ("local", "hybrid", 0, True)),
        ("hybrid", 0, [EVERYTHING], False, ("s3", "hybrid", 100, True)),
        ("hybrid", 100, [SHADOW], False, ("local", "hybrid", 0, True)),
        ("hybrid", 100, [NOTHING, EVERYTHING], True, ("local", "local", 100, True)),
    ],
)
def test_a_found_media_is_recorded_under_the_policy_in_force(
    vault: Vault, mode: str, split: int, stages: list[Stage], is_rolled_back: bool, recorded: tuple[str, str, int, bool]
) -> None:
    """The policy only chooses between two copies: what is in one backend is recorded there.

    The record has the mode, the percentage and the decision of the policy in force, and says that the media was found.
    """
    media = {Backend.LOCAL: vault.store("a"), Backend.S3: vault.store("b", Backend.S3)}
    both = store_in_both(vault, "c")
    vault.use(StorageMode(mode), split)
    decision_id = decide(vault, *stages, is_rolled_back=is_rolled_back)
    lose_media(vault)

    report = rebuild(vault, vault.catalog)

    chosen, mode_then, percentage, is_followed = recorded
    assert len(report.restored) == 3
    for backend, one in (*media.items(), (Backend(chosen), both)):
        found = placement_of(vault, one)
        assert found == Placement(
            backend=backend,
            mode=StorageMode(mode_then),
            percentage=percentage,
            bucket=bucket_of(one.share_id),
            decided_by=Decider.FOUND,
            decision_id=decision_id if is_followed else None,
        )
        assert found.reason == f"its bytes were found in {backend}"


def test_a_decision_lost_with_the_catalog_no_longer_counts(vault: Vault, empty_catalog: OpenCatalog) -> None:
    """Neither a record nor the next placement names it, so only the settings are left of the policy."""
    both = store_in_both(vault)
    vault.use(StorageMode.HYBRID, 100)
    decide(vault, NOTHING, is_rolled_back=True)

    rebuild(vault, empty_catalog)

    vault.catalog = empty_catalog
    assert placement_of(vault, both).backend is Backend.S3
    vault.run(vault.share("new"), "fetch", "place")
    new = vault.media_of("new")
    assert new is not None
    for media in (both, new):
        found = placement_of(vault, media)
        assert (found.mode, found.percentage, found.decision_id) == (StorageMode.HYBRID, 100, None)
    assert new.backend is Backend.S3


def test_under_a_rollback_the_local_copy_stays_the_recorded_one(vault: Vault) -> None:
    """Clean-up deletes local copies of media recorded in S3, so that record would undo the rollback at night."""
    both = store_in_both(vault)
    vault.use(StorageMode.S3)
    decide(vault, is_rolled_back=True)
    lose_media(vault)

    rebuild(vault, vault.catalog)
    vault.let_pass(hours=25)

    assert vault.clean_up().removed_by_reason() == {}
    assert vault.bytes_at(both.video.url) is not None
    assert isinstance(vault.run(both.share_id, "place")["place"], Media)
    assert vault.media(both).video.url == both.video.url
    assert placement_of(vault, both).decided_by is Decider.FOUND, "there was nothing to bring home"


@pytest.mark.parametrize(
    ("mode", "found_in", "stages", "is_rolled_back", "wanted"),
    [
        (StorageMode.S3, Backend.S3, [], True, Backend.LOCAL),
        (StorageMode.HYBRID, Backend.S3, [NOTHING], False, Backend.LOCAL),
        (StorageMode.HYBRID, Backend.LOCAL, [EVERYTHING], False, Backend.S3),
        (StorageMode.LOCAL, Backend.S3, [EVERYTHING], False, Backend.LOCAL),
    ],
)
def test_the_policy_in_force_counts_for_later_placements(
    vault: Vault, mode: StorageMode, found_in: Backend, stages: list[Stage], is_rolled_back: bool, wanted: Backend
) -> None:
    """The sensor's runs leave a found media alone, and a person's run moves it where the policy says.

    A new one goes there at once. Both then name the decision that the policy follows, and no longer that they were
    found.
    """
    media = vault.store("a", found_in)
    vault.use(mode, 50)
    standing = decide(vault, *stages, is_rolled_back=is_rolled_back)
    lose_media(vault)
    rebuild(vault, vault.catalog)

    vault.run(media.share_id, "place", claim_id="claim")
    assert placement_of(vault, media).backend is found_in
    vault.run(media.share_id, "place")
    vault.run(vault.share("new"), "fetch", "place")

    new = vault.media_of("new")
    assert new is not None
    for each in (media, new):
        placement = placement_of(vault, each)
        assert (placement.backend, placement.decided_by) == (wanted, Decider.POLICY)
        assert placement.decision_id == (None if mode is StorageMode.LOCAL else standing)


def test_a_rollback_while_stores_are_listed_counts(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing a large bucket takes long, so the policy is read when a record is made."""
    both = store_in_both(vault)
    vault.use(StorageMode.S3)
    lose_media(vault)
    list_keys = vault.s3.list

    def roll_back_first(prefix: str) -> Iterator[ListedObject]:
        decide(vault, is_rolled_back=True)
        yield from list_keys(prefix)

    monkeypatch.setattr(vault.s3, "list", roll_back_first)

    rebuild(vault, vault.catalog)

    assert placement_of(vault, both).backend is Backend.LOCAL


def test_a_dry_run_chooses_as_the_rebuild_does(vault: Vault) -> None:
    """It names the copy that the policy in force chooses, and records nothing."""
    both = store_in_both(vault)
    vault.use(StorageMode.S3)
    decide(vault, is_rolled_back=True)
    lose_media(vault)

    planned = rebuild(vault, vault.catalog, is_dry_run=True)

    assert [restored.video.url for restored in planned.restored] == [both.video.url]
    assert vault.catalog.media.get(both.media_id) is None
