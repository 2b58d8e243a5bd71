"""Mistakes that somebody could make in the image or the services, each planted here: some check finds each of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.compose_rules import problems_of_compose
from tests.deploy.image_rules import problems_of_image
from tests.deploy.tools import COMPOSE, DOCKERFILE, PROFILES, compose_config, compose_lint, hadolint

Change = Callable[[str], str]


def changed(old: str, new: str, *, count: int = 1) -> Change:
    """Return a change that replaces text, and fails if the text is not there any more."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, count)

    return change


def without_lines(start: str) -> Change:
    """Return a change that leaves out each line that begins so."""

    def change(text: str) -> str:
        kept = [line for line in text.splitlines(keepends=True) if not line.strip().startswith(start)]
        assert len(kept) < len(text.splitlines())
        return "".join(kept)

    return change


IMAGE_MISTAKES: dict[str, tuple[Change, str]] = {
    "a base without its digest": (
        changed("@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b", ""),
        "name:tag@sha256:digest",
    ),
    "a process of root": (without_lines("USER "), "without privileges"),
    "a compiler in the last layer": (
        changed("--no-install-recommends tini", "--no-install-recommends tini gcc"),
        "no packages but",
    ),
    "a package of any version": (changed("--constraint constraints.txt ", "", count=9), "--constraint"),
    "a speech model that nobody checks": (
        changed('"$SPEECH_MODEL_SHA256" /model', '"$(sha256sum /dev/null)" /model'),
        "check the SHA-256",
    ),
    "a password as a build argument": (
        changed("ARG TORCH_INDEX=", "ARG INDEX_PASSWORD=\nARG TORCH_INDEX="),
        "no secret",
    ),
    "a shell that keeps signals to itself": (
        changed('CMD ["bookmarkai", "serve"]', "CMD bookmarkai serve"),
        "signals reach",
    ),
    "no health check": (without_lines("HEALTHCHECK"), "health check"),
    "the whole checkout in the image": (
        changed("COPY README.md LICENSE ./", "COPY . ."),
        "copy what it names",
    ),
    "package lists left behind": (
        changed("&& rm -rf /var/lib/apt/lists/*", "&& rm -rf"),
        "package lists|DL3009",
    ),
    "no bill of materials": (without_lines("COPY --from=sbom /sbom"), "bill of materials"),
    "a step that ignores a failure in a pipe": (
        changed("RUN python3 -m venv /opt/pip", 'SHELL ["/bin/sh", "-c"]\nRUN env | sort && python3 -m venv /opt/pip'),
        "DL4006",
    ),
}

COMPOSE_MISTAKES: dict[str, tuple[Change, str]] = {
    "an image by its tag alone": (
        changed("@sha256:639ab7ceb90e13123085b741fb31ef493fba25463002f6da665352e7b534b652", ""),
        "CL-0019|name:tag@sha256",
    ),
    "the latest image": (changed("postgres:17.11-bookworm@", "postgres:latest@"), "which version"),
    "a root file system that can be written": (changed("read_only: true", "read_only: false"), "read-only"),
    "new privileges": (changed('security_opt: ["no-new-privileges:true"]', "security_opt: []"), "no-new-privileges"),
    "all capabilities": (changed("cap_drop: [ALL]", "cap_drop: []"), "capabilities"),
    "a user of root": (changed('user: "10001:10001"', 'user: "0:0"'), "without privileges"),
    "a database on the host's port": (
        changed("    shm_size: 256m", '    shm_size: 256m\n    ports: ["5432:5432"]'),
        "no port on the host",
    ),
    "a site that is open from the start": (
        changed("${PUBLISH_ADDRESS:-127.0.0.1}:443", "0.0.0.0:443"),
        "on loopback",
    ),
    "a password in the environment": (
        changed("CATALOG_PASSWORD_FILE: /run/secrets/catalog_password", "CATALOG_PASSWORD: hunter2"),
        "in a file",
    ),
    "a password in a URL": (
        changed("DAGSTER_UI_URL: https://", "DAGSTER_UI_URL: https://admin:hunter2@"),
        "no password",
    ),
    "a secret that is not given": (changed("    secrets: [catalog_password]\n", ""), "expected to be given"),
    "a setting that is misspelt": (changed("STORAGE_MODE: ", "STORAGE_MODES: "), "a setting that there is"),
    "a process before the migrations": (
        changed("migrate: {condition: service_completed_successfully}", "migrate: {condition: service_started}"),
        "after the migrations",
    ),
    "a dependency that is not there": (changed("postgres: {condition", "postgresql: {condition"), "undefined service"),
    "a second daemon": (changed("container_name: bookmarkai-daemon", "deploy: {replicas: 2}"), "two daemons"),
    "no time to end": (changed("stop_grace_period: 60s", "stop_grace_period: 5s"), "to end in order"),
    "no limit on memory": (changed("    mem_limit: 768m\n", "", count=3), "mem_limit"),
    "a network that leads outside": (changed("data: {internal: true}", "data: {}"), "to be internal"),
    "a webserver that reaches the internet": (
        changed("networks: [data, dagster, ui]", "networks: [data, dagster, ui, egress]"),
        "expected the networks",
    ),
    "a health check that is forgotten": (
        changed('test: ["CMD", "bookmarkai", "probe", "ready", "daemon"]', "disable: true"),
        "a health check",
    ),
    "a key that Docker does not know": (changed("pids_limit: 200", "pid_limit: 200"), "pid_limit"),
}


@pytest.mark.parametrize("name", IMAGE_MISTAKES)
def test_a_mistake_in_the_image_is_found(name: str, tmp_path: Path) -> None:
    """By hadolint or by the project's own rules."""
    change, words = IMAGE_MISTAKES[name]
    file = tmp_path / "Dockerfile"
    file.write_text(change(DOCKERFILE.read_text(encoding="utf-8")), encoding="utf-8")

    found = problems_of_image(file.read_text(encoding="utf-8")) or hadolint(file)

    assert any(word in problem for problem in found for word in words.split("|")), found


@pytest.mark.parametrize("name", COMPOSE_MISTAKES)
def test_a_mistake_in_the_services_is_found(name: str, tmp_path: Path) -> None:
    """By Docker Compose itself, by the project's own rules, or by compose-lint."""
    change, words = COMPOSE_MISTAKES[name]
    file = tmp_path / "compose.yaml"
    file.write_text(change(COMPOSE.read_text(encoding="utf-8")), encoding="utf-8")

    read = compose_config(file, *PROFILES)
    found = [read.stderr] if read.returncode else problems_of_compose(json.loads(read.stdout))

    assert any(word in problem for problem in found for word in words.split("|")), found


def test_compose_lint_finds_what_it_knows(tmp_path: Path) -> None:
    """What any linter could know is found by it as well: it is not there for show."""
    text = COMPOSE.read_text(encoding="utf-8")
    planted = ("an image by its tag alone", "new privileges", "all capabilities", "a user of root")
    for name in planted:
        text = COMPOSE_MISTAKES[name][0](text)
    file = tmp_path / "compose.yaml"
    file.write_text(text, encoding="utf-8")

    assert {"CL-0003", "CL-0006", "CL-0018", "CL-0019"} <= {finding.split()[0] for finding in compose_lint(file)}
