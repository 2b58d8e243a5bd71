"""Looking at the directory of local media: what is found, what is advised, and that nothing is left behind."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.local_store.inspector import LocalInspector
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import InspectionStatus

OTHER_FILE_SYSTEM = Path("/dev/shm")  # noqa: S108 - in memory, where there is one
UNWRITABLE = Path("/proc")
"""Where not even the superuser makes a directory."""


@dataclass(frozen=True)
class Usage:
    """What a disk says of itself, in bytes."""

    total: int
    free: int


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Give a media directory that is there, and that a look must leave as empty as it was."""
    media = tmp_path / "media"
    media.mkdir()
    yield media
    assert list(media.iterdir()) == []


def inspector_of(root: Path, **options: object) -> LocalInspector:
    """Give an inspector of a directory with the staging below it, as it is wired."""
    return LocalInspector(root, **({"staging": root / ".staging"} | options))  # type: ignore[arg-type]


def test_a_good_directory_has_no_findings(root: Path) -> None:
    """Every look at a writable directory with room is ok, in the order of the names."""
    inspector = inspector_of(root, disk_usage=lambda _: Usage(100_000_000_000, 50_000_000_000))
    findings = [inspector.inspect(name) for name in inspector.looks]
    assert inspector.backend is Backend.LOCAL
    assert [finding.name for finding in findings] == ["directory", "free space", "staging"]
    assert {finding.status for finding in findings} == {InspectionStatus.OK}
    assert "50.0 GB free of 100.0 GB (50%)" in findings[1].found


def test_a_directory_that_is_not_there_yet_is_no_fault(root: Path) -> None:
    """The first put makes it; until then its nearest parent is looked at, and nothing is made."""
    inspector = inspector_of(root / "of" / "media")
    assert "will be made" in inspector.inspect("directory").found
    assert {inspector.inspect(name).status for name in ("directory", "staging")} == {InspectionStatus.OK}


def test_a_file_in_the_way_is_a_failure(tmp_path: Path) -> None:
    """A file where the directory or one of its parents should be is named."""
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    finding = inspector_of(in_the_way / "media").inspect("directory")
    assert finding.status is InspectionStatus.FAILED
    assert f"{in_the_way} is something else" in finding.found
    assert "YTDLP_DOWNLOAD_DIR" in (finding.remedy or "")


def test_a_relative_path_is_a_failure() -> None:
    """A path that means something else in each process's directory is refused."""
    finding = inspector_of(Path("media")).inspect("directory")
    assert finding.status is InspectionStatus.FAILED
    assert "absolute" in finding.found


@pytest.mark.skipif(not UNWRITABLE.is_dir(), reason="this system has no /proc")
def test_a_directory_that_cannot_be_written_is_a_failure() -> None:
    """The look tries it instead of reading mode bits, and names the user who may not."""
    finding = inspector_of(UNWRITABLE / "media").inspect("directory")
    assert finding.status is InspectionStatus.FAILED
    assert f"user (id {os.geteuid()})" in (finding.remedy or "")
    assert inspector_of(UNWRITABLE / "media").inspect("staging").status is InspectionStatus.FAILED


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_directory_is_a_failure(root: Path) -> None:
    """Missing rights are said as such."""
    root.chmod(0o500)
    try:
        finding = inspector_of(root).inspect("directory")
    finally:
        root.chmod(0o700)
    assert finding.status is InspectionStatus.FAILED
    assert "Permission denied" in finding.found


@pytest.mark.parametrize(
    ("total", "free", "status"),
    [
        (1_000_000_000_000, 50_000_000_000, InspectionStatus.OK),
        (1_000_000_000_000, 49_000_000_000, InspectionStatus.WARNING),
        (10_000_000_000, 1_000_000_000, InspectionStatus.OK),
        (10_000_000_000, 999_000_000, InspectionStatus.WARNING),
        (0, 0, InspectionStatus.WARNING),
    ],
)
def test_little_room_is_a_warning(root: Path, total: int, free: int, status: InspectionStatus) -> None:
    """Under 5% or under 1 GB free warns, and says how much there is."""
    finding = inspector_of(root, disk_usage=lambda _: Usage(total, free)).inspect("free space")
    assert finding.status is status
    assert (finding.remedy is None) is (status is InspectionStatus.OK)


@pytest.mark.skipif(not OTHER_FILE_SYSTEM.is_dir(), reason="this system has no /dev/shm")
def test_staging_on_another_file_system_is_a_warning(root: Path) -> None:
    """There each put copies instead of renaming."""
    if OTHER_FILE_SYSTEM.stat().st_dev == root.stat().st_dev:
        pytest.skip("the temporary directory is on /dev/shm itself")
    before = set(OTHER_FILE_SYSTEM.iterdir())
    finding = inspector_of(root, staging=OTHER_FILE_SYSTEM / "staging").inspect("staging")
    assert finding.status is InspectionStatus.WARNING
    assert "different file systems" in finding.found
    assert not [new for new in set(OTHER_FILE_SYSTEM.iterdir()) - before if "storage-check" in new.name]


def test_a_file_system_without_hard_links_is_a_warning(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a put still works, but only the lease keeps two workers from one name."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    finding = inspector_of(root).inspect("staging")
    assert finding.status is InspectionStatus.WARNING
    assert "no hard links" in finding.found
