"""The demo's directory: its own, emptied each time, one demo at a time, and never somebody else's."""

import subprocess
from pathlib import Path

import pytest

from bookmarkai_assets.demo.state import DemoStateError, fresh_state, write_environment_file


def test_a_second_demo_starts_in_an_empty_directory(tmp_path: Path) -> None:
    """What the first demo left is removed: files, directories and links, but not what a link led to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("mine")
    with fresh_state(tmp_path / "demo") as state:
        (state / "media").mkdir()
        (state / "media" / "video.mp4").write_text("old")
        (state / "dagster.log").write_text("old")
        (state / "link").symlink_to(outside)
    with fresh_state(tmp_path / "demo") as state:
        assert [entry.name for entry in state.iterdir()] == ["made-by-bookmarkai-demo"]
    assert (outside / "kept").read_text() == "mine"


@pytest.mark.parametrize("is_file", [True, False])
def test_foreign_files_are_left_alone(tmp_path: Path, is_file: bool) -> None:
    """A directory with other things in it, or a file, is refused with a way out, and nothing of it is removed."""
    place = tmp_path / "precious"
    if is_file:
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "thesis.txt").write_text("mine")
    with pytest.raises(DemoStateError, match="--directory"), fresh_state(place):
        pytest.fail("the directory was taken")
    assert place.is_file() or (place / "thesis.txt").read_text() == "mine"


def test_two_demos_do_not_share_a_directory(tmp_path: Path) -> None:
    """While one runs the other is refused, and the first one's state stays."""
    with fresh_state(tmp_path / "demo") as state:
        (state / "media").mkdir()
        with pytest.raises(DemoStateError, match="found one running"), fresh_state(tmp_path / "demo"):
            pytest.fail("the directory was taken twice")
        assert (state / "media").is_dir()


def test_the_environment_file_is_for_the_owner_and_for_a_shell(tmp_path: Path) -> None:
    """A shell reads back what was written, including quotes, and nobody else may read the keys in it."""
    file = tmp_path / "environment"
    write_environment_file(file, {"S3_SECRET_KEY": "it's $HOME", "STORAGE_MODE": "hybrid"})
    assert file.stat().st_mode & 0o777 == 0o600
    shell = subprocess.run(
        ["/bin/sh", "-c", f'. {file}; echo "$S3_SECRET_KEY $STORAGE_MODE"'], capture_output=True, text=True, check=True
    )
    assert shell.stdout == "it's $HOME hybrid\n"
