"""The no-loss report: every kind of finding, and when it fails."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.operations.storage.verification_progress import VerificationProgress
from bookmarkai_assets.operations.storage.verifying import SYMBOLS, Finding, VerificationReport, verify_storage
from tests.fakes.stores import digest_of_bytes
from tests.plugins.vault import Vault

EVERYWHERE = pytest.mark.parametrize("backend", list(Backend))


def findings(report: VerificationReport) -> dict[str, list[str]]:
    """Return the URLs of all findings other than the same, by finding."""
    found: dict[str, list[str]] = {}
    for line in report.lines:
        found.setdefault(line.finding.value, []).append(line.url)
    return found


@EVERYWHERE
@pytest.mark.parametrize("is_deep", [False, True])
def test_good_files_are_counted_and_not_listed(vault: Vault, backend: Backend, *, is_deep: bool) -> None:
    """Videos, audio tracks and transcripts' files in place are counted, and a deep verification reads them all."""
    media = [vault.store(name, backend) for name in "abc"]

    report = vault.verify(is_deep=is_deep)

    assert report.is_good
    assert list(report.lines) == []
    assert report.counts == {Finding.SAME: 3 * 6}
    size = sum(m.size_bytes for m in media)
    assert report.size_bytes[Finding.SAME] == size
    assert report.bytes_read == (size if is_deep else 0)


@EVERYWHERE
def test_a_deleted_file_is_missing(vault: Vault, backend: Backend) -> None:
    """A file or object that the catalog expects and that is not there fails the verification."""
    media, _ = vault.store("a", backend), vault.store("b", backend)
    assert media.audio is not None
    vault.stores[backend].delete(media.audio.url)

    report = vault.verify()

    assert not report.is_good
    assert findings(report) == {"missing": [media.audio.url]}
    assert next(iter(report.lines)).media_id == media.media_id
    assert next(iter(report.lines)).kind == "audio"


def damage_local(_: Vault, media: Media, data: bytes) -> None:
    """Write other bytes into the file."""
    Path(media.video.url).write_bytes(data)


def damage_s3(vault: Vault, media: Media, data: bytes) -> None:
    """Replace the object, as somebody with access to the bucket could."""
    vault.s3.objects[media.video.url] = replace(vault.s3.objects[media.video.url], data=data, recorded=None)


@pytest.mark.parametrize(("backend", "damage"), [(Backend.LOCAL, damage_local), (Backend.S3, damage_s3)])
def test_another_size_is_different_at_once(
    vault: Vault, backend: Backend, damage: Callable[[Vault, Media, bytes], None]
) -> None:
    """A truncated file or object is noticed without reading it."""
    media = vault.store("a", backend)
    damage(vault, media, b"short")

    report = vault.verify()

    assert not report.is_good
    assert findings(report) == {"different": [media.video.url]}


def test_rotten_bytes_are_found_by_a_deep_verification(vault: Vault) -> None:
    """Changed bytes of the same size are noticed when they are read, on the disk and in the bucket."""
    local, in_s3 = vault.store("a"), vault.store("b", Backend.S3)
    for media in (local, in_s3):
        data = vault.bytes_at(media.video.url)
        assert data is not None
        if media is local:
            damage_local(vault, media, bytes(reversed(data)))
        else:
            vault.s3.rot(media.video.url, bytes(reversed(data)))

    assert vault.verify().is_good, "by size alone they seem right"
    report = vault.verify(is_deep=True)

    assert not report.is_good
    assert {key: sorted(urls) for key, urls in findings(report).items()} == {
        "different": sorted([local.video.url, in_s3.video.url])
    }


def test_an_unclaimed_file_is_orphaned(vault: Vault, tmp_path: Path) -> None:
    """Files and objects that no record claims are reported and fail nothing."""
    vault.store("a")
    stranger = vault.media_dir / "stranger.bin"
    stranger.write_bytes(b"x")
    source = tmp_path / "source"
    source.write_bytes(b"y")
    vault.s3.put(
        source,
        "temp/videos/y.mp4",
        expected=digest_of_bytes(b"y"),
        content_type="video/mp4",
        tags={},
        may_replace=False,
        may_consume=False,
    )

    report = vault.verify()

    assert report.is_good
    assert sorted(findings(report)["orphaned"]) == sorted([str(stranger), "s3://fake-bucket/temp/videos/y.mp4"])


def test_the_source_of_a_move_is_in_both_places(vault: Vault) -> None:
    """The source of a move is a second copy until clean-up has removed it, and then no more."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)

    report = vault.verify(is_deep=True)
    assert report.is_good
    assert sorted(findings(report)["in_both_places"]) == sorted(blob.url for blob in media.parts.values())

    vault.let_pass(hours=25)
    vault.clean_up()
    assert findings(vault.verify(is_deep=True)) == {}


def test_a_second_copy_with_other_bytes_is_different(vault: Vault) -> None:
    """A copy with other bytes fails the verification: by its size at once, or by its bytes if they are read."""
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    damage_local(vault, media, bytes(reversed(Path(media.video.url).read_bytes())))
    assert vault.verify().is_good
    assert findings(vault.verify(is_deep=True))["different"] == [media.video.url]


def test_an_unanswered_request_is_unverified(vault: Vault) -> None:
    """An object about which the bucket does not answer is neither missing nor the same, and the report says why."""
    media = vault.store("a", Backend.S3)
    vault.s3.fail_next("head", StoreError(StoreErrorClass.ACCESS_DENIED, "403 for s3:GetObject"))

    report = vault.verify()

    assert not report.is_good
    assert report.verdict == "something could not be checked"
    assert len(findings(report)["unverified"]) == 1
    assert "s3:GetObject" in (next(iter(report.lines)).detail or "")
    assert media.media_id == next(iter(report.lines)).media_id


def test_a_store_that_cannot_be_listed_is_no_empty_one(vault: Vault) -> None:
    """What is recorded there is unverified without a request for each, and what is elsewhere is verified."""
    in_s3, local, lost = vault.store("a", Backend.S3), vault.store("b"), vault.store("c")
    vault.store("d", Backend.S3)  # so that the listing breaks off after an object, which is no whole one either
    vault.stores[Backend.LOCAL].delete(lost.video.url)
    vault.s3.fail_next("list", StoreError(StoreErrorClass.UNAVAILABLE, "503"))
    vault.s3.fail_next("head", StoreError(StoreErrorClass.OTHER, "it was asked again"), times=9)

    report = vault.verify()

    assert not report.is_good
    assert report.unanswered == {Backend.S3: "503"}
    assert report.verdict == "something is missing or different, and nothing could be checked in s3"
    assert report.counts == {Finding.UNVERIFIED: 12, Finding.SAME: 11, Finding.MISSING: 1}
    assert {blob.url for blob in in_s3.parts.values()} <= set(findings(report)["unverified"])
    assert findings(report)["missing"] == [lost.video.url]
    assert local.video.url not in str(list(report.lines))
    assert report.summary_as_dict()["backends_not_verified"] == {"s3": "503"}
    assert all("asked again" not in (line.detail or "") for line in report.lines)


def test_a_store_that_cannot_be_listed_is_never_good(vault: Vault) -> None:
    """This holds even where nothing is recorded there, because what else it has is unknown."""
    vault.store("a")
    vault.s3.fail_next("list", StoreError(StoreErrorClass.UNAVAILABLE, "503"))

    report = vault.verify()

    assert not report.is_good
    assert report.summary_as_dict()["ok"] is False
    assert report.verdict == "nothing could be checked in s3"
    assert report.counts == {Finding.SAME: 6}


def test_a_loss_comes_with_a_remedy(vault: Vault) -> None:
    """A second copy is moved back, a video missing everywhere is fetched again, and sound is in the video."""
    copied, lost, silent = vault.store("a"), vault.store("b"), vault.store("c")
    vault.move(copied, to=Backend.S3)
    vault.s3.delete(vault.media(copied).video.url)
    assert silent.audio is not None
    for url in (lost.video.url, silent.audio.url):
        vault.stores[Backend.LOCAL].delete(url)

    remedies = {line.url: line.remedy for line in vault.verify().lines if line.finding is Finding.MISSING}

    assert remedies == {
        vault.media(copied).video.url: f"bookmarkai storage move --to s3 --share {copied.share_id} puts it back from "
        f"{copied.video.url}",
        lost.video.url: f"bookmarkai shares retry {lost.share_id} fetches it again",
        silent.audio.url: None,
    }


def test_other_bytes_come_with_a_remedy(vault: Vault) -> None:
    """They may be all that is left, so a person sets them aside first. What then brings the video back is named."""
    copied, changed, sound = vault.store("a"), vault.store("b"), vault.store("c")
    vault.move(copied, to=Backend.S3)
    vault.s3.rot(vault.media(copied).video.url, b"x")
    assert sound.audio is not None
    for url in (changed.video.url, sound.audio.url):
        Path(url).write_bytes(b"x")

    remedies = {line.url: line.remedy for line in vault.verify(is_deep=True).lines if line.finding is Finding.DIFFERENT}

    move = f"bookmarkai storage move --to s3 --share {copied.share_id}"
    assert remedies == {
        vault.media(copied).video.url: f"set it aside, then {move} puts it back from {copied.video.url}",
        changed.video.url: f"set it aside, then bookmarkai shares retry {changed.share_id} fetches it again",
        sound.audio.url: f"bookmarkai shares show {sound.share_id} says where the rest of it is",
    }


def test_nothing_is_called_lost_while_a_store_does_not_answer(vault: Vault) -> None:
    """A copy may be where the store did not answer, so the remedy waits for the answer."""
    media = vault.store("a")
    vault.stores[Backend.LOCAL].delete(media.video.url)
    vault.s3.fail_next("list", StoreError(StoreErrorClass.UNAVAILABLE, "503"))
    [missing] = [line for line in vault.verify().lines if line.finding is Finding.MISSING]
    assert missing.remedy is None


def test_a_full_report_has_a_line_for_everything(vault: Vault) -> None:
    """On request what is the same is listed as well."""
    media = vault.store("a")
    report = verify_storage(vault.catalog, vault.stores, vault.rules, is_deep=False, now=vault.clock(), is_full=True)
    assert findings(report) == {"same": [blob.url for blob in media.parts.values()]}


def test_progress_counts_every_byte_that_is_read(vault: Vault) -> None:
    """It ends at its totals, without unclaimed bytes, and bytes of a failed read count once."""
    for name in "abc":
        vault.store(name)
    vault.store("d", Backend.S3)
    rotten = vault.store("e", Backend.S3)
    data = vault.bytes_at(rotten.video.url)
    assert data is not None
    vault.s3.rot(rotten.video.url, bytes(reversed(data)))
    (vault.media_dir / "stranger.bin").write_bytes(b"x" * 1000)
    reports = [VerificationProgress()]

    report = verify_storage(
        vault.catalog, vault.stores, vault.rules, is_deep=True, now=vault.clock(), on_progress=reports.append
    )

    assert report.counts[Finding.DIFFERENT] == 1
    last = reports[-1]
    assert (last.objects, last.objects_total) == (30, 30)
    assert last.done_bytes == last.total_bytes == sum(report.size_bytes.values()) - 1000
    objects = [progress.objects for progress in reports]
    assert objects == sorted(objects)
    assert len({progress.done_bytes for progress in reports}) > 5


def test_staged_media_are_not_verified(vault: Vault) -> None:
    """A download that is not stored yet is acknowledged to nobody, and its bytes are not orphaned."""
    vault.run(vault.share("a"), "fetch")
    assert list(vault.verify(is_deep=True).lines) == []


def test_a_media_that_moves_meanwhile_is_checked_again(vault: Vault) -> None:
    """What is gone because it was moved and cleaned up after the listing is found at its new location."""
    media = vault.store("a")
    page = vault.catalog.media.page
    seen = page(after="", limit=10)
    vault.move(media, to=Backend.S3)
    vault.let_pass(hours=25)
    vault.clean_up()

    class Stale:
        """A ledger whose pages are from before the move."""

        def __getattr__(self, name: str) -> object:
            return getattr(vault.catalog.media, name)

        def page(self, *, after: str = "", limit: int) -> object:
            return seen if after == "" else page(after=after, limit=limit)

    stale = replace(vault.catalog, media=Stale())  # type: ignore[arg-type]
    report = verify_storage(stale, vault.stores, vault.rules, is_deep=False, now=vault.clock())

    assert report.is_good
    assert report.counts[Finding.SAME] == 6


def test_what_seems_lost_is_read_again_at_once(vault: Vault) -> None:
    """A directory that is not mounted loses everything, and its media are not read again one by one."""
    for name in ("a", "b", "c"):
        vault.stores[Backend.LOCAL].delete(vault.store(name).video.url)
    ledger = vault.catalog.media
    asked: list[list[str]] = []

    class Counted:
        """A ledger that keeps what is read again."""

        def __getattr__(self, name: str) -> object:
            return getattr(ledger, name)

        def get(self, media_id: str) -> None:
            pytest.fail(f"{media_id} was read by itself")

        def get_all(self, media_ids: list[str]) -> Mapping[str, Media]:
            asked.append(media_ids)
            return ledger.get_all(media_ids)

    counted = replace(vault.catalog, media=Counted())  # type: ignore[arg-type]
    report = verify_storage(counted, vault.stores, vault.rules, is_deep=False, now=vault.clock())

    assert report.counts[Finding.MISSING] == 3
    assert [len(media_ids) for media_ids in asked] == [3]


def test_every_finding_has_a_symbol_of_its_own() -> None:
    """The lines of the report can be distinguished by their first character."""
    assert set(SYMBOLS) == set(Finding)
    assert len(set(SYMBOLS.values())) == len(Finding)


def test_an_empty_catalog_over_files_is_not_good(vault: Vault) -> None:
    """An empty catalog over files is a wrong or lost catalog, not a proof that nothing is lost."""
    vault.store("a")
    with vault.catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM media")

    report = vault.verify()

    assert not report.is_good
    assert "CATALOG_URL" in report.verdict


def test_an_empty_catalog_over_empty_stores_is_good(vault: Vault) -> None:
    """A new installation has lost nothing."""
    assert vault.verify().is_good


def test_losses_come_first(vault: Vault) -> None:
    """However many second copies a move has left, what is missing comes first in the report."""
    media = [vault.store(str(number)) for number in range(3)]
    vault.move(*media, to=Backend.S3)
    vault.s3.delete(vault.media(media[1]).video.url)

    assert next(iter(vault.verify().lines)).finding is Finding.MISSING
