"""deploy/up makes what is missing, replaces nothing, and starts everything. Docker is stood in for by a script."""

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bookmarkai_assets.core.door.tokens import parse_lines
from bookmarkai_assets.settings.settings import load_settings
from tests.deploy.tools import DEPLOY, everything, program
from tests.support.deadlines import HANG_SECONDS

DOCKER = f"""#!/bin/sh
echo "docker $*" >> "$DOCKER_LOG"
case "$*" in
  *hash-password)
    if [ -z "$REAL" ]; then echo '$2a$04$made.up'; else exec {program("caddy")} hash-password --bcrypt-cost 4; fi ;;
  *"token new"*)
    while [ "$1" != bookmarkai ]; do shift; done
    shift
    if [ -z "$REAL" ]; then printf 'bmk_made-up\n%s:made-up\n' "$4"; else
      exec {sys.executable} -m bookmarkai_assets.cli "$@"
    fi ;;
  "compose ps --quiet code-server") printf '%s' "$RUNNING" ;;
  "compose ps --quiet worker") printf '%s\n' $RUNNING ;;
  "compose config --services") printf '%s\n' code-server $SERVICES ;;
  "inspect "*new-*) sed -n 's/^BOOKMARKAI_IMAGE=//p' .env ;;
  "inspect "*) echo bookmarkai:before ;;
  "compose run "*) exit "${{MIGRATE_CODE:-0}}" ;;
  *"compose up"*) exit "${{UP_CODE:-0}}" ;;
esac
"""
"""It makes up hashes and tokens, which take time, unless REAL is set.

RUNNING has the ids of the workers that run; those with `new` are of this image.
"""


@dataclass(frozen=True)
class Checkout:
    """A copy of deploy/ in a repository of its own, with a Docker that only writes down what it is told."""

    deploy: Path
    environment: dict[str, str]

    def up(self, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run deploy/up."""
        return subprocess.run(
            [str(self.deploy / "up")],
            env={**self.environment, **changes},
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )

    def docker(self) -> list[str]:
        """Return what Docker was told."""
        return Path(self.environment["DOCKER_LOG"]).read_text(encoding="utf-8").splitlines()

    def secret(self, name: str) -> str:
        """Return a secret."""
        return (self.deploy / "secrets" / name).read_text(encoding="utf-8").strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Make a checkout with one commit."""
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(DOCKER, encoding="utf-8")
    docker.chmod(0o755)
    project = tmp_path / "project"
    ignored = shutil.ignore_patterns("secrets", ".env")
    shutil.copytree(DEPLOY, project / "deploy", ignore=ignored)
    (project / ".gitignore").write_text(".env\ndeploy/secrets/\n", encoding="utf-8")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "DOCKER_LOG": str(tmp_path / "docker.log")}
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    commit = ["git", *author, "commit", "--quiet", "--message", "all"]
    for command in (["git", "init", "--quiet"], ["git", "add", "--all"], commit):
        subprocess.run(command, cwd=project, env=environment, check=True)
    return Checkout(project / "deploy", environment)


def test_one_command_makes_everything(checkout: Checkout) -> None:
    """Each secret that compose.yaml names, in a directory that nobody else can enter; then all services start."""
    done = checkout.up()
    assert done.returncode == 0, done.stderr

    secrets = checkout.deploy / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in secrets.iterdir()}
    assert everything()["secrets"].keys() <= files.keys()
    assert set(files.values()) == {0o444}
    assert checkout.docker()[0] == "docker compose build migrate"
    assert checkout.docker()[-1] == "docker compose up --detach --wait --remove-orphans"
    assert all(checkout.secret(name) not in done.stdout for name in files)


def test_the_secrets_fit_each_other(checkout: Checkout) -> None:
    """What one service is given opens the other, with the real programs for hashes and tokens."""
    assert checkout.up(REAL="1").returncode == 0
    password = checkout.secret("catalog_password")
    assert f":{password}@postgres:5432/dagster" in checkout.secret("dagster_postgres_url")
    assert checkout.secret("celery_result_backend") == f"db+{checkout.secret('dagster_postgres_url')}"
    assert checkout.secret("celery_broker_url").split(":")[2].startswith(checkout.secret("rabbitmq_password"))
    assert checkout.secret("rabbitmq_login").endswith(f"default_pass = {checkout.secret('rabbitmq_password')}")
    [identity] = json.loads(checkout.secret("seaweedfs_s3_config"))["identities"]
    keys = {"accessKey": checkout.secret("s3_access_key"), "secretKey": checkout.secret("s3_secret_key")}
    assert identity["credentials"] == [keys]
    tokens = parse_lines(checkout.secret("door_tokens").splitlines())
    assert [(token.caller.name, sorted(token.caller.scopes)) for token in tokens] == [
        ("operator", ["operate"]),
        ("prometheus", ["read"]),
    ]
    assert len((checkout.deploy / "secrets" / "oidc_cookie_secret").read_bytes()) == 32
    assert len(checkout.secret("door_session_key")) >= 32
    assert checkout.secret("ui_operators").startswith("operator $2a$")
    assert [line.split()[0] for line in checkout.secret("ui_viewers").splitlines()] == ["operator", "viewer"]
    assert load_settings(env_file=None, door_tokens_file=checkout.deploy / "secrets" / "door_tokens") is not None


def test_a_second_time_replaces_nothing(checkout: Checkout) -> None:
    """Neither do the operator's own settings change."""
    assert checkout.up().returncode == 0
    env = checkout.deploy / ".env"
    env.write_text(env.read_text(encoding="utf-8").replace("=localhost", "=media.example.com"), encoding="utf-8")
    before = {file: file.read_bytes() for file in (*(checkout.deploy / "secrets").iterdir(), env)}
    done = checkout.up()
    assert (done.returncode, "made" in done.stdout) == (0, False)
    assert "https://media.example.com/" in done.stdout
    assert {file: file.read_bytes() for file in before} == before


def test_a_lost_secret_is_made_again_from_what_there_is(checkout: Checkout) -> None:
    """The database keeps its password."""
    assert checkout.up().returncode == 0
    before = checkout.secret("dagster_postgres_url")
    (checkout.deploy / "secrets" / "dagster_postgres_url").unlink()
    assert checkout.up().returncode == 0
    assert checkout.secret("dagster_postgres_url") == before


def test_the_image_is_named_by_its_commit(checkout: Checkout) -> None:
    """So that the one before is still there to go back to. What was changed since says so, and is never `latest`."""
    assert checkout.up().returncode == 0
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(command, cwd=checkout.deploy, capture_output=True, text=True, check=True).stdout.strip()
    assert _image(checkout) == f"bookmarkai:{commit}"
    (checkout.deploy / "compose.yaml").write_text((DEPLOY / "compose.yaml").read_text(encoding="utf-8") + "\n")
    assert checkout.up().returncode == 0
    assert _image(checkout) == f"bookmarkai:{commit}-changed"


def test_an_image_of_a_registry_is_left_alone(checkout: Checkout) -> None:
    """Nothing is built then."""
    (checkout.deploy / ".env").write_text("BOOKMARKAI_IMAGE=registry.example.com/bookmarkai:1\n", encoding="utf-8")
    assert checkout.up().returncode == 0
    assert _image(checkout) == "registry.example.com/bookmarkai:1"
    assert not any("build" in line for line in checkout.docker())


def test_an_upgrade_replaces_one_after_the_other(checkout: Checkout) -> None:
    """The schema first, and a worker only when the one before it has been replaced. Those of this image stay."""
    assert checkout.up(RUNNING="old-1 new-2 old-3", SERVICES="worker").returncode == 0
    docker = checkout.docker()
    begin = docker.index("docker compose ps --quiet code-server") + 1
    another = "docker compose up --detach --wait --no-deps --no-recreate worker"
    assert [line for line in docker[begin:] if not line.startswith(("docker inspect", "docker compose config"))] == [
        "docker compose run --rm --no-deps migrate",
        "docker compose up --detach --wait --no-deps code-server",
        "docker compose up --detach --wait --no-deps daemon webserver webserver-view door",
        "docker compose ps --quiet worker",
        *("docker stop old-1", "docker rm old-1", another),
        *("docker stop old-3", "docker rm old-3", another),
        "docker compose up --detach --wait --remove-orphans",
    ]


def test_without_the_profile_no_worker_is_started(checkout: Checkout) -> None:
    """Compose would start a service that is named, whatever its profile."""
    assert checkout.up(RUNNING="old-1").returncode == 0
    assert not any("worker" in line for line in checkout.docker())


def test_a_failed_migration_replaces_nothing(checkout: Checkout) -> None:
    """What runs goes on with the version that it has."""
    done = checkout.up(RUNNING="old-1", SERVICES="worker", MIGRATE_CODE="1")
    assert (done.returncode, "is up" in done.stdout) == (1, False)
    assert checkout.docker()[-1] == "docker compose run --rm --no-deps migrate"


def test_a_failed_start_is_a_failure(checkout: Checkout) -> None:
    """It does not say that everything is up."""
    done = checkout.up(UP_CODE="1")
    assert (done.returncode, "is up" in done.stdout) == (1, False)


def _image(checkout: Checkout) -> str:
    lines = (checkout.deploy / ".env").read_text(encoding="utf-8").splitlines()
    [line] = [line for line in lines if line.startswith("BOOKMARKAI_IMAGE=")]
    return line.partition("=")[2]
