"""Checking the directory of local media: what is found, what is advised, and that nothing is left behind."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.local_store.inspector import LocalInspector
from bookmarkai_assets.core.emptied_places import EmptiedPlace
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.core.media.placement import Backend
from tests.support.scratch import other_file_system

UNWRITABLE = Path("/proc")
"""A directory in which not even the superuser can make another."""


@dataclass(frozen=True)
class Usage:
    """What a disk reports of itself, in bytes."""

    total: int
    free: int


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Return a media directory, which a check must leave as empty as it was."""
    media = tmp_path / "media"
    media.mkdir()
    yield media
    assert list(media.iterdir()) == []


def inspector_of(root: Path, **options: object) -> LocalInspector:
    """Return an inspector of a directory with staging below it, as it is wired."""
    return LocalInspector(root, **({"staging": root / ".staging"} | options))  # type: ignore[arg-type]


def test_a_good_directory_passes_every_check(root: Path) -> None:
    """A directory that is writable and has room passes every check, and the checks come in the order of their names."""
    inspector = inspector_of(root, disk_usage=lambda _: Usage(100_000_000_000, 50_000_000_000))
    results = {name: inspector.run_check(name) for name in inspector.checks}
    assert inspector.backend is Backend.LOCAL
    assert list(results) == ["directory", "free space", "staging", "places"]
    assert {result.status for result in results.values()} == {CheckStatus.PASS}
    assert "50.0 GB free of 100.0 GB (50%)" in results["free space"].found


def test_a_directory_that_the_system_empties_is_a_warning(root: Path, tmp_path: Path) -> None:
    """Each path that must stay is named with its setting, its location and what happens there; the others are not."""
    places = [EmptiedPlace(tmp_path / "media", "which goes at night"), EmptiedPlace(tmp_path / "run", "in memory")]
    inspector = inspector_of(
        root,
        places=places,
        kept={"DAGSTER_HOME": tmp_path / "run" / "dagster", "CATALOG_URL": tmp_path / "srv" / "catalog.db"},
    )

    result = inspector.run_check("places")

    assert result.status is CheckStatus.WARN
    assert f"YTDLP_DOWNLOAD_DIR is {root}, in {tmp_path / 'media'}, which goes at night" in result.found
    assert f"DAGSTER_HOME is {tmp_path / 'run' / 'dagster'}, in {tmp_path / 'run'}, in memory" in result.found
    assert "CATALOG_URL" not in f"{result.found}{result.remedy}"
    assert "set YTDLP_DOWNLOAD_DIR and DAGSTER_HOME to it" in (result.remedy or "")


def test_a_directory_that_stays_passes(root: Path, tmp_path: Path) -> None:
    """Emptied locations beside it do not matter, nor paths that do not exist yet."""
    inspector = inspector_of(
        root, places=[EmptiedPlace(tmp_path / "med", "x")], kept={"DAGSTER_HOME": tmp_path / "of" / "dagster"}
    )

    assert inspector.run_check("places").status is CheckStatus.PASS


@pytest.mark.parametrize("is_place_linked", [False, True])
def test_symbolic_links_are_followed(root: Path, tmp_path: Path, *, is_place_linked: bool) -> None:
    """A link that leads to an emptied location counts as that location, and so does a location that is a link."""
    (tmp_path / "link").symlink_to(tmp_path / "place")
    place, path = (
        (tmp_path / "link", tmp_path / "place") if is_place_linked else (tmp_path / "place", tmp_path / "link")
    )

    inspector = inspector_of(root, places=[EmptiedPlace(place, "at night")], kept={"DAGSTER_HOME": path / "dagster"})

    assert "DAGSTER_HOME" in inspector.run_check("places").found
    assert "YTDLP_DOWNLOAD_DIR" not in inspector.run_check("places").found


def test_a_directory_that_does_not_exist_yet_passes(root: Path) -> None:
    """The first put makes a missing directory. Until then its nearest parent is checked, and nothing is made."""
    inspector = inspector_of(root / "of" / "media")
    assert "will be made" in inspector.run_check("directory").found
    assert {inspector.run_check(name).status for name in ("directory", "staging")} == {CheckStatus.PASS}


def test_a_file_in_the_way_is_a_failure(tmp_path: Path) -> None:
    """A file where the directory or one of its parents should be is named."""
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    result = inspector_of(in_the_way / "media").run_check("directory")
    assert result.status is CheckStatus.FAIL
    assert f"{in_the_way} is something else" in result.found
    assert "YTDLP_DOWNLOAD_DIR" in (result.remedy or "")


def test_a_relative_path_is_a_failure() -> None:
    """A relative path is refused, because it means something else in each process."""
    result = inspector_of(Path("media")).run_check("directory")
    assert result.status is CheckStatus.FAIL
    assert "absolute" in result.found


@pytest.mark.skipif(not UNWRITABLE.is_dir(), reason="this system has no /proc")
def test_a_directory_that_cannot_be_written_is_a_failure() -> None:
    """The check tries to write instead of reading mode bits, and names the user who may not."""
    result = inspector_of(UNWRITABLE / "media").run_check("directory")
    assert result.status is CheckStatus.FAIL
    assert f"user (id {os.geteuid()})" in (result.remedy or "")
    assert inspector_of(UNWRITABLE / "media").run_check("staging").status is CheckStatus.FAIL


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_directory_is_a_failure(root: Path) -> None:
    """A lack of permission is reported as that."""
    root.chmod(0o500)
    try:
        result = inspector_of(root).run_check("directory")
    finally:
        root.chmod(0o700)
    assert result.status is CheckStatus.FAIL
    assert "Permission denied" in result.found


@pytest.mark.parametrize(
    ("total", "free", "status"),
    [
        (1_000_000_000_000, 50_000_000_000, CheckStatus.PASS),
        (1_000_000_000_000, 49_000_000_000, CheckStatus.WARN),
        (10_000_000_000, 1_000_000_000, CheckStatus.PASS),
        (10_000_000_000, 999_000_000, CheckStatus.WARN),
        (0, 0, CheckStatus.WARN),
    ],
)
def test_little_room_is_a_warning(root: Path, total: int, free: int, status: CheckStatus) -> None:
    """Less than 5% or less than 1 GB free is a warning that says how much there is."""
    result = inspector_of(root, disk_usage=lambda _: Usage(total, free)).run_check("free space")
    assert result.status is status
    assert (result.remedy is None) is (status is CheckStatus.PASS)


def test_staging_on_another_file_system_is_a_warning(root: Path) -> None:
    """Staging on another file system is a warning, because each put has to copy instead of renaming."""
    other = other_file_system(root)
    before = set(other.iterdir())
    result = inspector_of(root, staging=other / "staging").run_check("staging")
    assert result.status is CheckStatus.WARN
    assert "different file systems" in result.found
    assert not [new for new in set(other.iterdir()) - before if "storage-check" in new.name]


def test_a_file_system_without_hard_links_is_a_warning(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hard links a put still works, but only the lease keeps two workers from one name, so it is a warning."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    result = inspector_of(root).run_check("staging")
    assert result.status is CheckStatus.WARN
    assert "no hard links" in result.found
