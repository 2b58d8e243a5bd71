"""Variables that are exported, in `.env`, or both: one order, also below `dagster dev`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bookmarkai_assets.settings.env_file import apply_env_file, environment_of_dagster_dev
from bookmarkai_assets.settings.settings import load_settings, overridden_names

NAMES = {"STORAGE_MODE", "S3_SPLIT_PERCENTAGE"}


def test_what_is_exported_counts_below_dagster_dev() -> None:
    """It has put the file's value over the exported one, which comes back."""
    environment = {"STORAGE_MODE": "s3", "AWS_PROFILE": "file", "PATH": "/bin"}
    exported = {"STORAGE_MODE": "local", "AWS_PROFILE": "mine", "PATH": "/usr/bin"}
    apply_env_file({"STORAGE_MODE": "s3", "AWS_PROFILE": "file"}, NAMES, environment, exported=exported)
    assert environment == {"STORAGE_MODE": "local", "AWS_PROFILE": "mine", "PATH": "/bin"}


def test_a_setting_of_the_file_is_read_from_the_file_again() -> None:
    """So a change of the file counts for the next run, and a line that is gone counts no more."""
    environment = {"STORAGE_MODE": "s3", "S3_SPLIT_PERCENTAGE": "50"}
    apply_env_file({"STORAGE_MODE": "hybrid"}, NAMES, environment, exported={})
    assert environment == {}


def test_other_variables_of_the_file_reach_the_libraries() -> None:
    """boto3 looks for its own in the environment. What is exported counts there, too."""
    environment = {"AWS_PROFILE": "mine"}
    values = {"AWS_PROFILE": "file", "AWS_ACCESS_KEY_ID": "key", "STORAGE_MODE": "s3", "EMPTY": None}
    apply_env_file(values, NAMES, environment, exported=None)
    assert environment == {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "key"}


def test_a_variable_that_is_set_twice_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the values differ. The exported one counts."""
    file = tmp_path / ".env"
    file.write_text("STORAGE_MODE=s3\nS3_EXPIRY_DAYS=30\nLEASE_SECONDS=40\n")
    monkeypatch.setenv("STORAGE_MODE", "local")
    monkeypatch.setenv("S3_EXPIRY_DAYS", "30")
    assert overridden_names(file) == ["STORAGE_MODE"]
    settings = load_settings(env_file=file)
    assert (settings.storage_mode, settings.lease_seconds) == ("local", 40)
    assert overridden_names(tmp_path / "none") == []


@pytest.mark.parametrize(
    "command", [["python", "-m", "dagster", "dev"], ["/venv/bin/python", "/venv/bin/dg", "dev", "--port", "1"]]
)
def test_dagster_dev_is_found_above(tmp_path: Path, command: list[str]) -> None:
    """At any distance, as the system shows it, whatever the processes between are called."""
    add_process(tmp_path, 9, parent=8, command=["python", "-m", "dagster", "api", "execute_run"])
    add_process(tmp_path, 8, parent=1, command=["python", "-m", "dagster", "code-server"])
    add_process(tmp_path, 1, parent=0, command=command, environ={"STORAGE_MODE": "local", "A": "b=c"})
    assert environment_of_dagster_dev(proc=tmp_path, pid=9) == {"STORAGE_MODE": "local", "A": "b=c"}


@pytest.mark.parametrize("command", [["bash"], ["npm", "run", "dev"], ["dagster-daemon", "run"]])
def test_other_commands_are_not_dagster_dev(tmp_path: Path, command: list[str]) -> None:
    """What does not read `.env` leaves the environment as it is. Nor is it an error if the system tells nothing."""
    add_process(tmp_path, 9, parent=8, command=["python"])
    add_process(tmp_path, 8, parent=0, command=command, environ={"STORAGE_MODE": "local"})
    assert environment_of_dagster_dev(proc=tmp_path, pid=9) is None
    assert environment_of_dagster_dev(proc=tmp_path / "none", pid=9) is None


def add_process(
    proc: Path, pid: int, *, parent: int, command: list[str], environ: dict[str, str] | None = None
) -> None:
    """Write what the system shows of a process."""
    directory = proc / str(pid)
    directory.mkdir()
    (directory / "stat").write_text(f"{pid} (odd) name)) S {parent} 1 1")
    (directory / "cmdline").write_bytes(b"".join(one.encode() + b"\0" for one in command))
    entries = [f"{name}={value}" for name, value in (environ or {}).items()]
    (directory / "environ").write_bytes(b"".join(one.encode() + b"\0" for one in entries))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what a process was started with")
def test_a_real_process_knows_what_was_exported(tmp_path: Path) -> None:
    """As below `dagster dev`: a parent that changes its environment, and a child that loads the settings."""
    (tmp_path / ".env").write_text("STORAGE_MODE=s3\nS3_MEDIA_BUCKET=media\nAWS_REGION=eu-central-1\n")
    child = (
        "from bookmarkai_assets.settings.settings import load_settings;"
        "print(load_settings().storage_mode, load_settings().s3_media_bucket)"
    )
    parent = (
        "import os, subprocess, sys; os.environ.update(STORAGE_MODE='s3', S3_MEDIA_BUCKET='stale');"
        f"sys.exit(subprocess.run([sys.executable, '-c', {child!r}]).returncode)  # dagster"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent, "dev"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "STORAGE_MODE": "local", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["local", "media"]
