"""The doctor's list of checks: each name is stated once, and unusable settings hide no check."""

import ast
from collections import Counter
from pathlib import Path

import pytest

import bookmarkai_assets
from bookmarkai_assets.cli.doctor.checks import CHECKS, make_checks
from bookmarkai_assets.cli.doctor.doctor_check import DoctorCheck, NeedsSettings
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.operations.health.doctor import Check, run_checks
from bookmarkai_assets.settings.settings import Settings, load_settings

PACKAGE = Path(bookmarkai_assets.__file__).parent
UNUSABLE = ConfigurationError("The settings are not usable:\n  S3_MEDIA_BUCKET is not set")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Load settings with a bucket, so that both backends are checked."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return load_settings(
        env_file=None, ytdlp_download_dir=tmp_path / "media", s3_media_bucket="media", aws_region="eu-west-1"
    )


def names_of(checks: list[Check]) -> list[str]:
    """Return the names of the checks' results."""
    return [name for check in checks for name in check.names]


def texts_in(module: Path) -> list[str]:
    """Return the string literals of a module."""
    nodes = ast.walk(ast.parse(module.read_text()))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_no_two_results_have_the_same_name(settings: Settings) -> None:
    """People, `--only` and programs that read the JSON distinguish results by their names alone."""
    for loaded in (settings, UNUSABLE):
        counts = Counter(names_of(make_checks(loaded)))
        assert [name for name, count in counts.items() if count > 1] == []


def test_a_name_is_stated_once(settings: Settings) -> None:
    """A check's name is in the list and in no other module between the command and the adapters."""
    modules = [
        *PACKAGE.glob("cli/doctor/*.py"),
        *PACKAGE.glob("operations/health/*.py"),
        PACKAGE / "wiring" / "health.py",
        PACKAGE / "core" / "health.py",
    ]
    stated = Counter(text for module in modules for text in texts_in(module))
    names = {*names_of(make_checks(settings)), *names_of(make_checks(UNUSABLE))}
    composed = {name for name in names if name.split(" ")[0] in set(Backend)}
    assert {name: stated[name] for name in names - composed} == dict.fromkeys(names - composed, 1)
    assert {name: stated[name] for name in composed} == dict.fromkeys(composed, 0)


@pytest.mark.parametrize("entry", CHECKS)
def test_unusable_settings_hide_no_check(entry: DoctorCheck, settings: Settings) -> None:
    """A check that needs settings is skipped and says why; any other runs under the same name."""
    checks = list(entry.prepare(UNUSABLE))
    if isinstance(entry, NeedsSettings):
        results = [timed.result for timed in run_checks(checks)]
        assert {(result.status, result.found) for result in results} == {
            (CheckStatus.SKIP, "not tried, because the settings are not usable")
        }
    else:
        assert names_of(checks) == names_of(list(entry.prepare(settings)))
