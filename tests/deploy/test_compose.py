"""deploy/compose.yaml is read by Docker Compose, and its services are confined, limited, healthy and in order."""

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from bookmarkai_assets.settings.settings import Settings
from tests.deploy.compose_rules import OURS, problems_of_compose
from tests.deploy.tools import COMPOSE, DEPLOY, PROFILES, compose_config, compose_lint, everything
from tests.support.project import PROJECT

_SETS = [(), *((profile,) for profile in PROFILES), PROFILES]


@pytest.mark.parametrize("chosen", _SETS, ids=lambda chosen: "+".join(chosen) or "none")
def test_docker_compose_reads_the_services_of_each_profile(chosen: tuple[str, ...]) -> None:
    """Without a complaint: no unknown key, no service that is not there, no variable without a value."""
    done = compose_config(COMPOSE, *chosen)
    assert (done.returncode, done.stderr) == (0, "")


def test_docker_compose_asks_for_the_image() -> None:
    """Nothing starts from an image that nobody named."""
    done = compose_config(COMPOSE, BOOKMARKAI_IMAGE="")
    assert done.returncode != 0
    assert "deploy/up writes it" in done.stderr


def test_compose_lint_finds_nothing() -> None:
    """From its level `medium` on."""
    assert compose_lint(COMPOSE) == []


def test_the_services_are_as_the_project_wants_them() -> None:
    """Users, file systems, capabilities, limits, networks, secrets, order, health: with all profiles."""
    assert problems_of_compose(everything()) == []


def test_every_secret_is_a_file_that_up_makes() -> None:
    """Each is given to some service, and deploy/up names each."""
    config = everything()
    used = {secret["source"] for service in config["services"].values() for secret in service.get("secrets", ())}
    assert used == config["secrets"].keys()
    up = (DEPLOY / "up").read_text(encoding="utf-8")
    assert [name for name in config["secrets"] if not re.search(rf"\b(password|derived|keep) {name}\b", up)] == []


def test_what_the_example_sets_is_asked_for() -> None:
    """Each variable of env.example is one that is read, and nearly every one that compose.yaml reads is there."""
    text = (DEPLOY / "env.example").read_text(encoding="utf-8")
    shown = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", COMPOSE.read_text(encoding="utf-8")))
    assert shown - {"COMPOSE_PROFILES"} <= asked
    assert asked - shown == {"BUILD_TARGET", "DOWNLOAD_WALLS"}


def test_the_environment_makes_usable_settings() -> None:
    """Our processes' variables, with the secrets' files left out, are settings that go together."""
    environment = everything()["services"]["worker"]["environment"]
    ours = {name.lower(): value for name, value in environment.items() if name.lower() in Settings.model_fields}
    settings = Settings(**ours, s3_access_key="a", s3_secret_key="b", catalog_password="c", _env_file=None)
    assert settings.s3_endpoint == "http://s3:8333"
    assert settings.resolved_catalog_url() == "postgresql+psycopg2://bookmarkai:c@postgres:5432/bookmarkai"


def test_aws_needs_no_other_file() -> None:
    """With an empty S3_ENDPOINT our processes and Dagster's logs go to AWS."""
    environment = everything(S3_ENDPOINT="", S3_USE_PATH_STYLE="false")["services"]["worker"]["environment"]
    assert (environment["S3_ENDPOINT"], environment["AWS_ENDPOINT_URL_S3"]) == ("", "")
    assert environment["S3_USE_PATH_STYLE"] == "false"


def test_dagster_is_set_up_as_on_a_cluster() -> None:
    """But for the launcher: without Celery the runs are processes of the code server."""
    of_image = _yaml("image/dagster.yaml")
    of_cluster = _yaml("cluster/dagster.yaml")
    assert of_cluster.pop("run_launcher")["class"] == "CeleryRunLauncher"
    assert of_image == of_cluster


def test_there_are_as_many_workers_as_runs_at_a_time() -> None:
    """A run beyond that would wait in RabbitMQ, where Dagster's queue cannot order it."""
    replicas = everything()["services"]["worker"]["deploy"]["replicas"]
    assert replicas == _yaml("cluster/dagster.yaml")["concurrency"]["runs"]["max_concurrent_runs"]


def test_dagsters_files_read_what_the_services_have() -> None:
    """Each variable that they name is in the environment of every process, or is a secret of its own file there."""
    names = {
        name
        for file in ("image/dagster.yaml", "cluster/dagster.yaml", "cluster/workspace.yaml")
        for name in re.findall(r"env: (\w+)", (DEPLOY / file).read_text(encoding="utf-8"))
    }
    services = everything()["services"]
    for service in OURS:
        given = services[service]["environment"].keys()
        assert {name for name in names if not {name, f"{name}_FILE"} & given} == set()


def test_prometheus_and_grafana_get_the_shipped_files() -> None:
    """The rules and the dashboard that are tested elsewhere, and a target that is there."""
    services = everything()["services"]
    mounted = {
        volume["source"]: volume["target"]
        for name in ("prometheus", "grafana")
        for volume in services[name]["volumes"]
        if volume["type"] == "bind"
    }
    assert all((PROJECT / source).exists() for source in mounted)
    [rules] = _yaml("prometheus/prometheus.yml")["rule_files"]
    assert mounted[str(DEPLOY / "prometheus" / "rules.yml")] == rules
    [provider] = _yaml("grafana/provisioning/dashboards/bookmarkai.yaml")["providers"]
    assert mounted[str(DEPLOY / "grafana" / "dashboard.json")].startswith(provider["options"]["path"])
    [scrape] = _yaml("prometheus/prometheus.yml")["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": ["door:8080"]}]
    assert "door" in services["door"]["environment"]["DOOR_ALLOWED_HOSTS"].split(",")


def _yaml(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    return found
