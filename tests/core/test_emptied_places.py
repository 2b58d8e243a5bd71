"""Which directories are emptied by the system, as a table."""

# ruff: noqa: S108 - nothing is written there

from pathlib import PurePosixPath as Path

import pytest

from bookmarkai_assets.core.emptied_places import emptied_places, find_emptied_place

HOME = Path("/home/ada")
PLACES = emptied_places(
    home=HOME, temporary=Path("/scratch/job-7"), runtime=Path("/sessions/1000"), cache=Path("/data/caches")
)


@pytest.mark.parametrize(
    ("path", "place", "why"),
    [
        ("/tmp", "/tmp", "old"),
        ("/tmp/bookmarkai-videos", "/tmp", "old"),
        ("/var/tmp/media", "/var/tmp", "old"),
        ("/usr/tmp/media", "/usr/tmp", "old"),
        ("/private/tmp/media", "/private/tmp", "old"),
        ("/private/var/tmp/media", "/private/var/tmp", "old"),
        ("/private/var/folders/x7/k2/T/media", "/private/var/folders", "old"),
        ("/var/folders/x7/k2/T/media", "/var/folders", "old"),
        ("/run/media/ada/disk", None, ""),
        ("/run/user/1000/media", "/run", "memory"),
        ("/var/run/bookmarkai", "/var/run", "memory"),
        ("/var/lock/media", "/var/lock", "memory"),
        ("/dev/shm/media", "/dev/shm", "memory"),
        ("/var/cache/media", "/var/cache", "free space"),
        ("/home/ada/.cache/media", "/home/ada/.cache", "free space"),
        ("/home/ada/Library/Caches/media", "/home/ada/Library/Caches", "free space"),
        ("/data/caches/media", "/data/caches", "free space"),
        ("/scratch/job-7/media", "/scratch/job-7", "old"),
        ("/sessions/1000/media", "/sessions/1000", "logs out"),
        ("/srv/media", None, ""),
        ("/", None, ""),
        ("/tmpfiles/media", None, ""),
        ("/home/ada/tmp/media", None, ""),
        ("/home/ada/.cached/media", None, ""),
        ("/home/bob/.cache/media", None, ""),
        ("/var/lib/bookmarkai", None, ""),
        ("/var/running/media", None, ""),
        ("/srv/tmp/media", None, ""),
        ("/scratch/job-8/media", None, ""),
        ("/dev/shmem", None, ""),
    ],
)
def test_a_place_is_known_by_its_path(path: str, place: str | None, why: str) -> None:
    """Only whole names count, and only paths that are a listed directory or below one."""
    found = find_emptied_place(Path(path), PLACES)

    assert (str(found.directory) if found else None) == place
    assert why in (found.why if found else "")


def test_the_innermost_place_is_the_reason() -> None:
    """A user's session directory is usually below one that is in memory."""
    places = emptied_places(home=HOME, temporary=None, runtime=Path("/run/user/1000"), cache=None)

    found = find_emptied_place(Path("/run/user/1000/media"), places)

    assert found is not None
    assert str(found.directory) == "/run/user/1000"


@pytest.mark.parametrize("temporary", ["/", "/home", "/home/ada"])
def test_a_home_for_temporary_files_is_not_emptied(temporary: str) -> None:
    """A user who sets TMPDIR to his home does not have it emptied."""
    places = emptied_places(home=HOME, temporary=Path(temporary), runtime=None, cache=None)

    assert find_emptied_place(HOME / "media", places) is None


def test_a_user_without_a_home_has_the_places_of_the_machine() -> None:
    """A service may have no home."""
    places = emptied_places(home=None, temporary=Path("/scratch"), runtime=None, cache=None)

    assert find_emptied_place(Path("/scratch/media"), places) is not None
    assert find_emptied_place(Path("/tmp/media"), places) is not None
    assert find_emptied_place(Path("/srv/media"), places) is None
