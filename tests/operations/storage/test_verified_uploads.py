"""The verification of uploads: what has arrived and has no share is found, and nothing else is."""

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.uploads.upload import Upload, UploadStatus
from bookmarkai_assets.operations.storage.verifying import Finding, VerificationReport
from tests.fakes.stores import FakeObject
from tests.plugins.vault import Vault
from tests.support.uploads import DATA, new_upload


def begin(vault: Vault, *, is_sent: bool = True, status: UploadStatus = UploadStatus.AWAITING) -> Upload:
    """Record an upload that begins now, and put its object if it is sent."""
    upload = new_upload(created_at=vault.clock(), status=status)
    vault.catalog.uploads.add(upload)
    if is_sent:
        vault.s3.objects[vault.s3.url_of(upload.key)] = FakeObject(DATA, "video/mp4", modified_at=vault.clock())
    return upload


def found(report: VerificationReport) -> list[str]:
    """Return the URLs of the uploads that were overlooked."""
    return sorted(line.url for line in report.lines if line.finding is Finding.NOT_TAKEN_IN)


def test_an_upload_whose_share_was_never_made_is_found(vault: Vault) -> None:
    """Two hours after it began: before that, an event or the next round may still do it."""
    overlooked = [begin(vault), begin(vault, is_sent=False, status=UploadStatus.ARRIVED)]
    begin(vault, is_sent=False)
    for status in (UploadStatus.TAKEN_IN, UploadStatus.REFUSED, UploadStatus.ABANDONED):
        begin(vault, status=status)
    vault.let_pass(hours=1.9)
    assert found(vault.verify()) == []
    vault.let_pass(hours=0.1)
    report = vault.verify()
    assert found(report) == sorted(vault.s3.url_of(upload.key) for upload in overlooked)
    [line, _] = (line for line in report.lines if line.finding is Finding.NOT_TAKEN_IN)
    assert "uploaded_media" in (line.remedy or "")
    assert report.size_bytes[Finding.NOT_TAKEN_IN] == 2 * len(DATA)


def test_nothing_is_lost_by_it(vault: Vault) -> None:
    """The report is as good as without it: the upload is there, and no promise was made yet."""
    vault.store("a")
    begin(vault)
    vault.let_pass(hours=3)
    report = vault.verify()
    assert report.is_good
    assert report.counts[Finding.NOT_TAKEN_IN] == 1


def test_without_a_bucket_no_upload_is_looked_for(vault: Vault) -> None:
    """There is nowhere to look."""
    begin(vault)
    vault.let_pass(hours=3)
    del vault.stores[Backend.S3]
    assert vault.verify().counts[Finding.NOT_TAKEN_IN] == 0


def test_a_bucket_that_fails_meanwhile_makes_the_report_incomplete(vault: Vault) -> None:
    """It could be listed for the media, and not for the uploads."""
    upload = begin(vault)
    vault.let_pass(hours=3)
    listing = vault.s3.list

    def fail_for_uploads(prefix: str = "") -> object:
        if prefix == upload.key:
            raise StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
        return listing(prefix)

    vault.s3.list = fail_for_uploads  # type: ignore[method-assign, assignment]
    report = vault.verify()
    assert not report.is_good
    assert [(line.finding, line.detail) for line in report.lines] == [(Finding.UNVERIFIED, "no answer")]
