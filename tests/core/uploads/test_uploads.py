"""The pure rules of uploads: what may be declared, how it is divided, what its key and URNs are."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.links.upload_urls import (
    content_of,
    content_url,
    is_of_upload,
    link_of_upload,
    upload_id_of,
    upload_url,
)
from bookmarkai_assets.core.links.urls import RefusedLink, admit
from bookmarkai_assets.core.media.key_safety import is_safe_key
from bookmarkai_assets.core.sites.breaker import NO_LIMITS, SiteLimits, SiteRules, site_of
from bookmarkai_assets.core.uploads.keys import upload_id_of_key, upload_key
from bookmarkai_assets.core.uploads.parts import MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES, plan_parts
from bookmarkai_assets.core.uploads.upload import Declaration, RefusedDeclaration, declare

SHA256 = "ab" * 32
ID = "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"


def _declare(**changes: object) -> Declaration | RefusedDeclaration:
    fields: dict[str, object] = {
        "name": "holiday.mp4",
        "content_type": "video/mp4",
        "size_bytes": 1000,
        "sha256": SHA256,
        "max_bytes": 1000,
    }
    return declare(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("holiday.mp4", "holiday.mp4"),
        ("/home/me/holiday.mp4", "holiday.mp4"),
        ("C:\\Users\\me\\holiday.mp4", "holiday.mp4"),
        ("a\x00b\u202e.mp4", "ab.mp4"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_name_is_made_fit_to_show(name: str, shown: str) -> None:
    """Paths and invisible characters go, and it has a maximum length."""
    declared = _declare(name=name)
    assert isinstance(declared, Declaration)
    assert declared.name == shown


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "", "name"),
        ("name", "folder/", "name"),
        ("name", "\u202e\x00", "name"),
        ("content_type", "text/html", "content type"),
        ("content_type", "", "content type"),
        ("content_type", "video/mp4\r\nx: y", "content type"),
        ("content_type", "video/", "content type"),
        ("size_bytes", 0, "at least one byte, found 0"),
        ("size_bytes", -5, "found -5"),
        ("size_bytes", 1001, "at most 1.00 kB"),
        ("sha256", SHA256[1:], "64 hexadecimal digits"),
        ("sha256", "g" * 64, "64 hexadecimal digits"),
        ("sha256", SHA256 + "\n", "64 hexadecimal digits"),
    ],
)
def test_what_cannot_be_uploaded_is_refused_with_the_reason(field: str, value: object, reason: str) -> None:
    """The reason says what was expected, and repeats nothing that could be harmful."""
    refused = _declare(**{field: value})
    assert isinstance(refused, RefusedDeclaration)
    assert reason in refused.reason


def test_case_does_not_count() -> None:
    """A content type and a SHA-256 in capitals are the same ones."""
    declared = _declare(content_type=" Video/MP4", sha256=SHA256.upper())
    assert isinstance(declared, Declaration)
    assert (declared.content_type, declared.digest.sha256) == ("video/mp4", SHA256)


@given(st.integers(1, MAX_PARTS * MAX_PART_BYTES))
def test_parts_cover_a_file_within_the_servers_limits(size_bytes: int) -> None:
    """No more than 10,000 parts, of 5 MiB to 5 GiB each except the last one, next to each other."""
    plan = plan_parts(size_bytes)
    assert 1 <= plan.count <= MAX_PARTS
    assert MIN_PART_BYTES <= plan.part_bytes <= MAX_PART_BYTES
    last = plan.part(plan.count)
    assert 1 <= last.size_bytes <= plan.part_bytes
    assert last.offset + last.size_bytes == size_bytes
    assert last.offset == (plan.count - 1) * plan.part_bytes


@pytest.mark.parametrize("number", [0, 3, -1])
def test_there_is_no_part_beyond_the_file(number: int) -> None:
    """A part outside the plan is an error."""
    with pytest.raises(ValueError, match="from 1 to 2"):
        plan_parts(MIN_PART_BYTES + 1, part_bytes=MIN_PART_BYTES).part(number)


@pytest.mark.parametrize("size_bytes", [0, -1, MAX_PARTS * MAX_PART_BYTES + 1])
def test_a_file_that_has_no_plan_is_an_error(size_bytes: int) -> None:
    """An empty file and one beyond S3's limits have none."""
    with pytest.raises(ValueError, match="expected 1 to"):
        plan_parts(size_bytes)


@given(st.uuids())
def test_keys_and_urns_lead_back_to_their_upload(upload_id: UUID) -> None:
    """Both name the upload, and the key is safe on every backend."""
    key = upload_key("temp/uploads/", str(upload_id))
    assert is_safe_key(key)
    assert upload_id_of_key("temp/uploads/", key) == str(upload_id)
    assert upload_id_of(upload_url(str(upload_id))) == str(upload_id)


@given(st.text())
def test_other_texts_are_no_urns(text: str) -> None:
    """Whatever is read as an upload is written as one."""
    found = upload_id_of(text)
    assert found is None or upload_url(found) == text


@pytest.mark.parametrize("url", [upload_url(ID), content_url(SHA256)])
def test_nobody_can_share_a_urn(url: str) -> None:
    """As a link it is refused: it would be a share of another's upload."""
    assert isinstance(admit(url), RefusedLink)


def test_only_an_upload_is_a_recorded_shares_link() -> None:
    """A content's URN is a media's name and no share's link."""
    link = link_of_upload(upload_url(ID))
    assert link is not None
    assert (link.canonical_url, link.platform) == (upload_url(ID), "generic")
    assert link_of_upload(content_url(SHA256)) is None
    assert link_of_upload("https://example.com/") is None


def test_a_content_is_named_by_its_sha256() -> None:
    """In lower-case hex, and nothing else."""
    assert content_of(content_url(SHA256)) == SHA256
    assert content_of(content_url(SHA256.upper())) is None
    assert is_of_upload(content_url(SHA256))
    assert not is_of_upload("https://example.com/")


def test_uploads_have_a_site_without_limits() -> None:
    """Limits for hosts of no platform do not hold uploads up."""
    assert site_of(upload_url(ID)) == site_of(content_url(SHA256)) == "upload"
    rules = SiteRules(3, 60, 600, {"generic": SiteLimits(at_a_time=1)})
    assert rules.limits_of("upload") == NO_LIMITS
    assert rules.limits_of("example.com") != NO_LIMITS
