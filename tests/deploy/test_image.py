"""deploy/Dockerfile makes the image that the project wants. What needs a build is in tools/image_check.py."""

import re
import subprocess
import sys

from tests.deploy.image_rules import problems_of_image, read_dockerfile
from tests.deploy.tools import DEPLOY, DOCKERFILE, hadolint
from tests.support.project import PROJECT


def test_hadolint_finds_nothing() -> None:
    """Nor does it at its lowest level but style."""
    assert hadolint(DOCKERFILE) == []


def test_the_image_is_as_the_project_wants_it() -> None:
    """Pinned by digest; no privileges, build tools or secrets; a health check, an init process and an SBOM."""
    assert problems_of_image(DOCKERFILE.read_text(encoding="utf-8")) == []


def test_the_build_sees_only_what_it_needs() -> None:
    """Everything is kept out but what is named, and each name is copied by some stage."""
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept_out = [line for line in lines if line and not line.startswith("#")]
    assert kept_out[0] == "*"
    let_in = [line.removeprefix("!") for line in kept_out if line.startswith("!")]
    _, stages = read_dockerfile(DOCKERFILE.read_text(encoding="utf-8"))
    copied = [
        source
        for stage in stages
        for one in stage.instructions
        if one.word == "COPY" and "--from=" not in one.rest
        for source in one.rest.split()[:-1]
    ]
    assert all((PROJECT / source).exists() for source in [*copied, *let_in])
    assert all(any(source == name or source.startswith(f"{name}/") for name in let_in) for source in copied)
    assert all(any(source == name or source.startswith(f"{name}/") for source in copied) for name in let_in)


def test_every_package_of_the_build_is_pinned() -> None:
    """What the Dockerfile and the printed requirements install is in constraints.txt."""
    pinned = {
        _normal(line.split("==")[0])
        for line in (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    done = subprocess.run(
        [
            sys.executable,
            DEPLOY / "image" / "requirements.py",
            PROJECT / "pyproject.toml",
            "door",
            "postgres",
            "celery",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    needed = {_normal(re.split(r"[<>=\[]", line)[0]) for line in done.stdout.split()}
    assert {"dagster", "dagster-celery", "fastapi", "yt-dlp"} <= needed
    assert needed | {"cyclonedx-bom", "hatchling", "setuptools"} <= pinned


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
