"""Links for uploads over a real server: what they allow, and all that they do not."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.adapters.s3_store.uploads import S3Uploads
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.uploads.parts import MIN_PART_BYTES, plan_parts
from bookmarkai_assets.core.uploads.ports import UploadedObject, UploadForm
from bookmarkai_assets.core.uploads.upload import Upload
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.catalog import at
from tests.support.uploads import DATA, new_upload

HOUR = 3600
FORBIDDEN = (400, 403)
IN_PARTS = os.urandom(MIN_PART_BYTES) + b"the second part"

http = urllib3.PoolManager(retries=False)


@pytest.fixture
def uploads(seaweed: SeaweedServer, object_prefix: str) -> S3Uploads:
    """Return the bucket's uploads below the test's own prefix."""
    return S3Uploads(
        seaweed.bucket,
        object_prefix,
        region=seaweed.region,
        endpoint=seaweed.endpoint,
        access_key=seaweed.access_key,
        secret_key=seaweed.secret_key,
        use_path_style=True,
    )


@pytest.fixture
def upload(object_prefix: str) -> Upload:
    """Return an upload of `DATA`."""
    return new_upload(prefix=object_prefix)


def _post(form: UploadForm, data: bytes = DATA, **changes: str | None) -> int:
    """Send a form as a browser does, with some fields changed, added or (None) left out. Return the status."""
    fields: dict[str, Any] = {name: value for name, value in {**form.fields, **changes}.items() if value is not None}
    fields["file"] = ("holiday.mp4", data, "application/octet-stream")
    return http.request("POST", form.url, fields=fields).status


def _put(url: str, data: bytes, **headers: str) -> int:
    return http.request("PUT", url, body=data, headers=headers).status


def test_a_form_stores_its_file(uploads: S3Uploads, upload: Upload) -> None:
    """The object has the declared size, and the metadata that says by which upload it came."""
    form = uploads.make_form(upload, now=at(0), seconds=HOUR)
    assert form.expires_at == at(HOUR)
    assert form.url.startswith(uploads.origin)

    assert _post(form) == 201

    found = uploads.head(upload.key)
    assert found is not None
    assert found == UploadedObject(len(DATA), upload.digest.sha256, upload.upload_id, found.modified_at)
    [listed] = uploads.list()
    assert (listed.key, listed.url, listed.size_bytes) == (upload.key, uploads.url_of(upload.key), len(DATA))


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"!", b""])
def test_a_form_takes_no_other_length(uploads: S3Uploads, upload: Upload, data: bytes) -> None:
    """Not one byte more or less than declared."""
    assert _post(uploads.make_form(upload, now=at(0), seconds=HOUR), data) in FORBIDDEN
    assert uploads.head(upload.key) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "temp/videos/somebody-elses.mp4"},
        {"key": "${filename}"},
        {"Content-Type": "text/html"},
        {"Content-Type": None},
        {"x-amz-meta-sha256": "0" * 64},
        {"x-amz-meta-sha256": None},
        {"x-amz-meta-upload-id": "11111111-1111-4111-8111-111111111111"},
        {"x-amz-meta-more": "undeclared"},
        {"x-amz-server-side-encryption": None},
        {"policy": "eyJjb25kaXRpb25zIjogW119"},
        {"x-amz-signature": "0" * 64},
        {"policy": None},
    ],
    ids=lambda changes: "-".join(f"{name}={str(value)[:12]}" for name, value in changes.items()),
)
def test_a_form_that_was_changed_is_refused(uploads: S3Uploads, upload: Upload, changes: dict[str, Any]) -> None:
    """Another key, type or metadata, something undeclared, another policy, no signature: nothing is stored."""
    assert _post(uploads.make_form(upload, now=at(0), seconds=HOUR), **changes) in FORBIDDEN
    assert list(uploads.list()) == []


def test_an_expired_form_is_refused(uploads: S3Uploads, upload: Upload) -> None:
    """Its time is in the policy, and the server holds to it."""
    assert _post(uploads.make_form(upload, now=at(0), seconds=-HOUR)) in FORBIDDEN
    assert uploads.head(upload.key) is None


def test_a_form_may_replace_its_own_object(uploads: S3Uploads, upload: Upload) -> None:
    """Other bytes of the same size pass, because no condition looks at bytes: whoever reads them has to compare."""
    form = uploads.make_form(upload, now=at(0), seconds=HOUR)
    assert _post(form) == 201
    assert _post(form, b"x" * len(DATA)) == 201
    found = uploads.head(upload.key)
    assert found is not None
    assert found.sha256 == upload.digest.sha256 != hashlib.sha256(b"x" * len(DATA)).hexdigest()


def test_the_store_reads_what_was_sent(
    uploads: S3Uploads, upload: Upload, parted: Upload, s3_store: S3Store, tmp_path: Path
) -> None:
    """By the declared digest, whole and verified, however it was sent."""
    assert _post(uploads.make_form(upload, now=at(0), seconds=HOUR)) == 201
    (tmp_path / "parts.mp4").write_bytes(IN_PARTS)
    plan = plan_parts(len(IN_PARTS), part_bytes=MIN_PART_BYTES)
    uploads.complete_parts(parted, [uploads.send_part(parted, part, tmp_path / "parts.mp4") for part in plan])
    at_once = new_upload(b"sent at once", prefix=uploads.prefix)
    (tmp_path / "at_once.mp4").write_bytes(b"sent at once")
    uploads.send_at_once(at_once, tmp_path / "at_once.mp4")

    for one, data in ((upload, DATA), (parted, IN_PARTS), (at_once, b"sent at once")):
        s3_store.get(uploads.url_of(one.key), tmp_path / one.upload_id, expected=one.digest)
        assert (tmp_path / one.upload_id).read_bytes() == data


def test_the_store_refuses_replaced_bytes(
    uploads: S3Uploads, upload: Upload, s3_store: S3Store, tmp_path: Path
) -> None:
    """It compares what arrives, and not only what the metadata says."""
    assert _post(uploads.make_form(upload, now=at(0), seconds=HOUR), b"x" * len(DATA)) == 201
    with pytest.raises(StoreError) as raised:
        s3_store.get(uploads.url_of(upload.key), tmp_path / "file", expected=upload.digest)
    assert raised.value.error_class is StoreErrorClass.CHECKSUM
    assert not (tmp_path / "file").exists()


@pytest.fixture
def parted(uploads: S3Uploads, object_prefix: str) -> Iterator[Upload]:
    """Return an upload in two parts, which the server awaits."""
    upload = new_upload(IN_PARTS, prefix=object_prefix, part_bytes=MIN_PART_BYTES)
    multipart_id = uploads.begin_parts(upload)
    yield replace(upload, multipart_id=multipart_id)
    uploads.abort_parts(upload, multipart_id)


def test_parts_by_links_become_one_object(uploads: S3Uploads, parted: Upload) -> None:
    """In any order, each by its own link. What is there is listed meanwhile, so that an upload can go on."""
    plan = plan_parts(len(IN_PARTS), part_bytes=MIN_PART_BYTES)
    links = uploads.make_part_links(parted, list(plan), now=at(0), seconds=HOUR)
    assert uploads.arrived_parts(parted) == []
    for link in reversed(links):
        part = plan.part(link.number)
        assert _put(link.url, IN_PARTS[part.offset :][: part.size_bytes]) == 200
    arrived = uploads.arrived_parts(parted)
    assert arrived is not None
    assert [(part.number, part.size_bytes) for part in arrived] == [(1, MIN_PART_BYTES), (2, 15)]
    assert uploads.head(parted.key) is None

    assert uploads.complete_parts(parted, arrived)

    found = uploads.head(parted.key)
    assert found is not None
    assert found == UploadedObject(len(IN_PARTS), parted.digest.sha256, parted.upload_id, found.modified_at)


def test_parts_of_a_file_here_are_sent_with_checksums(uploads: S3Uploads, parted: Upload, tmp_path: Path) -> None:
    """They are the same parts as those by links, and the object is read back as the file was."""
    file = tmp_path / "holiday.mp4"
    file.write_bytes(IN_PARTS)
    plan = plan_parts(len(IN_PARTS), part_bytes=MIN_PART_BYTES)
    sent = [uploads.send_part(parted, part, file) for part in plan]
    assert uploads.arrived_parts(parted) == sent
    assert uploads.complete_parts(parted, sent)
    found = uploads.head(parted.key)
    assert found is not None
    assert found.size_bytes == len(IN_PARTS)


def test_a_parts_link_takes_no_other_length(uploads: S3Uploads, parted: Upload) -> None:
    """The exact size is signed."""
    plan = plan_parts(len(IN_PARTS), part_bytes=MIN_PART_BYTES)
    [link] = uploads.make_part_links(parted, [plan.part(2)], now=at(0), seconds=HOUR)
    assert _put(link.url, b"longer than the second part") in FORBIDDEN
    assert uploads.arrived_parts(parted) == []


def test_a_parts_link_is_for_that_part_alone(uploads: S3Uploads, parted: Upload) -> None:
    """Another number, another key or another signature are refused."""
    plan = plan_parts(len(IN_PARTS), part_bytes=MIN_PART_BYTES)
    [link] = uploads.make_part_links(parted, [plan.part(2)], now=at(0), seconds=HOUR)
    data = IN_PARTS[-15:]
    for forged in (
        link.url.replace("partNumber=2", "partNumber=1"),
        link.url.replace(parted.upload_id, "11111111-1111-4111-8111-111111111111"),
        link.url[:-4] + "0000",
    ):
        assert forged != link.url
        assert _put(forged, data) in FORBIDDEN
    assert uploads.arrived_parts(parted) == []


def test_a_dropped_upload_is_gone(uploads: S3Uploads, parted: Upload) -> None:
    """Its parts are None and not none, it cannot be completed, and dropping it again is no error."""
    uploads.abort_parts(parted, parted.multipart_id or "")
    assert uploads.arrived_parts(parted) is None
    assert not uploads.complete_parts(parted, [])
    uploads.abort_parts(parted, parted.multipart_id or "")


def test_deleting_is_repeatable(uploads: S3Uploads, upload: Upload) -> None:
    """An absent object is a success."""
    assert _post(uploads.make_form(upload, now=at(0), seconds=HOUR)) == 201
    uploads.delete(upload.key)
    uploads.delete(upload.key)
    assert uploads.head(upload.key) is None


def test_a_bucket_that_is_not_there_is_an_error(seaweed: SeaweedServer, upload: Upload) -> None:
    """It is not the same as an object that has not arrived."""
    elsewhere = S3Uploads(
        "no-such-bucket",
        "temp/uploads/",
        region=seaweed.region,
        endpoint=seaweed.endpoint,
        access_key=seaweed.access_key,
        secret_key=seaweed.secret_key,
        use_path_style=True,
    )
    with pytest.raises(StoreError, match="expected a bucket named no-such-bucket"):
        elsewhere.head(upload.key)
