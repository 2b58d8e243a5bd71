"""deploy/kubernetes fits the schemas of Kubernetes, KEDA and Dagster's chart, and opens only what the guard would."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any, TypeAlias

import kubernetes_validate
import pytest
import yaml  # type: ignore[import-untyped]
from cloudcoil.models.keda import v1alpha1 as keda
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.links.urls import is_public_address
from bookmarkai_assets.core.monitoring.families import FAMILIES
from bookmarkai_assets.settings.secret_files import OTHERS, SUFFIX, names_with_files
from bookmarkai_assets.settings.settings import SETTINGS_NAMES, Settings
from tests.deploy.tools import DEPLOY

KUBERNETES = DEPLOY / "kubernetes"
VERSION = "1.37"
VALUES = "values.yaml"
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
OWN_FILES = ("kustomization.yaml", VALUES)
"""Files that are no objects of a cluster: they are for kustomize and Helm."""

CHART: Mapping[str, str] = {
    "": "global dagsterWebserver dagster-user-deployments postgresql generatePostgresqlPasswordSecret retention "
    "generateCeleryConfigSecret rabbitmq redis flower ingress imagePullSecrets computeLogManager scheduler runLauncher "
    "pythonLogs dagsterDaemon busybox migrate telemetry serviceAccount additionalInstanceConfig",
    "dagsterWebserver": "replicaCount image nameOverride pathPrefix service workspace env envConfigMaps envSecrets "
    "deploymentLabels labels nodeSelector affinity tolerations podSecurityContext securityContext resources "
    "readinessProbe livenessProbe startupProbe annotations enableReadOnly dbStatementTimeout dbPoolRecycle logLevel "
    "schedulerName volumeMounts volumes",
    "dagsterDaemon": "enabled image runCoordinator heartbeatTolerance env envConfigMaps envSecrets deploymentLabels "
    "labels nodeSelector affinity tolerations podSecurityContext securityContext resources livenessProbe "
    "readinessProbe startupProbe annotations runMonitoring runRetries sensors schedules schedulerName volumeMounts "
    "volumes",
    "deployment": "name image dagsterApiGrpcArgs codeServerArgs includeConfigInLaunchedRuns port env envConfigMaps "
    "envSecrets annotations nodeSelector affinity tolerations podSecurityContext securityContext resources "
    "livenessProbe readinessProbe startupProbe labels volumeMounts volumes schedulerName service",
    "runLauncher": "type config",
    "computeLogManager": "type config",
    "postgresql": "postgresqlScheme image enabled postgresqlHost postgresqlUsername postgresqlPassword "
    "postgresqlDatabase postgresqlParams service",
}
"""The keys that the chart's own schema has. Most of its parts refuse any other."""


@cache
def _ranges() -> list[tuple[Network, list[Network]]]:
    """Return what a worker's policy opens, each with what it leaves out of that."""
    [rule] = one("NetworkPolicy", "bookmarkai-internet")["spec"]["egress"]
    blocks = [to["ipBlock"] for to in rule["to"]]
    return [
        (ipaddress.ip_network(block["cidr"]), [ipaddress.ip_network(closed) for closed in block["except"]])
        for block in blocks
    ]


def _is_open(address: Address) -> bool:
    return any(address in opened and not any(address in one for one in closed) for opened, closed in _ranges())


@cache
def _edges() -> list[Address]:
    found: list[Address] = []
    for _, closed in _ranges():
        for network in closed:
            for edge in (network[0], network[-1]):
                limit = 2**network.max_prefixlen
                found += [type(edge)(int(edge) + step) for step in (-1, 0, 1) if 0 <= int(edge) + step < limit]
    return found


def documents(*, without: Sequence[str] = OWN_FILES) -> Iterator[dict[str, Any]]:
    """Yield every object of every file."""
    for file in sorted(KUBERNETES.iterdir()):
        if file.name not in without:
            yield from deepcopy(_parsed(file.name))


def load(name: str) -> dict[str, Any]:
    """Return a file with one document."""
    [found] = deepcopy(_parsed(name))
    return found


@cache
def _parsed(name: str) -> list[dict[str, Any]]:
    return list(yaml.load_all((KUBERNETES / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


def one(kind: str, name: str) -> dict[str, Any]:
    """Return the object of a kind and a name."""
    [found] = [each for each in documents() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> dict[str, dict[str, Any]]:
    """Return the pods that our own files start, by their part."""
    found = [each for each in documents() if each["kind"] in {"Deployment", "Job"}]
    return {
        each["spec"]["template"]["metadata"]["labels"]["bookmarkai/part"]: each["spec"]["template"]["spec"]
        for each in found
    }


@pytest.mark.parametrize(
    "document",
    [each for each in documents() if not each["apiVersion"].startswith("keda")],
    ids=lambda d: f"{d['kind']} {d['metadata']['name']}",
)
def test_an_object_fits_kubernetess_schema(document: dict[str, Any]) -> None:
    """Strictly: a key that Kubernetes does not know is a mistake."""
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_a_key_that_kubernetes_does_not_know_is_found() -> None:
    """The check above is not for show."""
    planted = one("Deployment", "bookmarkai-worker")
    planted["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(planted, VERSION, strict=True)


@pytest.mark.parametrize("name", ["ScaledObject", "TriggerAuthentication"])
def test_scaling_fits_kedas_schema(name: str) -> None:
    """Whatever KEDA does not know would be missing from what its model makes of it."""
    [document] = [each for each in documents() if each["kind"] == name]
    read = getattr(keda, name).model_validate(document)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == document


def test_kustomize_takes_every_file_but_the_example() -> None:
    """Secrets are made elsewhere. The image's tag is a commit, which the operator writes, and never `latest`."""
    kustomization = load("kustomization.yaml")
    files = {file.name for file in KUBERNETES.iterdir()}
    assert {*kustomization["resources"], *OWN_FILES, "secret.example.yaml"} == files
    [image] = kustomization["images"]
    assert image == {
        "name": "bookmarkai",
        "newName": load(VALUES)["dagsterDaemon"]["image"]["repository"],
        "newTag": "commit",
    }
    assert {c["image"] for pod in pods().values() for c in pod["containers"]} == {"bookmarkai:commit"}


@pytest.mark.parametrize("part", pods())
def test_a_pod_is_confined_and_limited(part: str) -> None:
    """As the services of compose.yaml are: no root, no writable file system, no capability, no token of the cluster."""
    pod = pods()[part]
    [container] = pod["containers"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (10001, True)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() >= {"cpu", "memory"}
    assert "command" not in container, "it would replace the init process of the image"
    if part != "migrate":
        assert pod["terminationGracePeriodSeconds"] >= 60
        assert {"livenessProbe", "startupProbe"} <= container.keys()
    for volume in pod["volumes"]:
        assert "hostPath" not in volume
        assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""})


@pytest.mark.parametrize("part", pods())
def test_a_pods_settings_are_there_and_its_secrets_are_files(part: str) -> None:
    """Each variable is a setting or a secret's file, and each file is a key of a Secret that is mounted there."""
    pod = pods()[part]
    [container] = pod["containers"]
    settings = {each["name"]: each.get("value") for each in container["env"]} | one("ConfigMap", "bookmarkai")["data"]
    files = {f"{name.upper()}{SUFFIX}" for name in (*names_with_files(Settings), *OTHERS)}
    assert settings.keys() - SETTINGS_NAMES - files <= {"POD_NAME"}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for value in settings.values():
        if value is not None and value.startswith("/run/secrets/"):
            directory, _, name = value.rpartition("/")
            secret = volumes[mounts[directory]]["secret"]
            assert name in one("Secret", secret["secretName"])["stringData"]
            assert name in {item["path"] for item in secret.get("items", [{"path": name}])}


def test_only_the_door_can_be_asked_for_its_secrets() -> None:
    """The door has no key of the broker, and workers none of the door's."""
    [volumes] = [{volume["name"]: volume for volume in pods()["door"]["volumes"]}]
    assert [item["key"] for item in volumes["secrets"]["secret"]["items"]] == ["CATALOG_PASSWORD"]
    assert "bookmarkai-door" not in str(pods()["worker"])


def test_the_values_have_keys_that_the_chart_knows() -> None:
    """By the chart's own schema, as far as it is listed here. No Helm was there to render it."""
    values = load(VALUES)
    sections = {"": values, **{name: values[name] for name in CHART if name in values}}
    sections["deployment"], *others = values["dagster-user-deployments"]["deployments"]
    assert others == []
    strange = {name: section.keys() - set(CHART[name].split()) for name, section in sections.items()}
    assert {name: keys for name, keys in strange.items() if keys} == {}


def test_dagster_is_set_up_as_on_a_cluster() -> None:
    """The values say what deploy/cluster/dagster.yaml says, in the chart's words."""
    values = load(VALUES)
    cluster = yaml.safe_load((DEPLOY / "cluster" / "dagster.yaml").read_text(encoding="utf-8"))
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    assert launcher == cluster["run_launcher"]
    assert values["computeLogManager"]["config"]["customComputeLogManager"] == cluster["compute_logs"]
    coordinator = values["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"]
    assert coordinator == cluster["run_coordinator"]
    more = values["additionalInstanceConfig"]
    assert more["freshness"] == cluster["freshness"]
    limits = more["concurrency"]["runs"]["tag_concurrency_limits"]
    assert limits == cluster["concurrency"]["runs"]["tag_concurrency_limits"]
    monitoring = {_snake(name): value for name, value in values["dagsterDaemon"]["runMonitoring"].items()}
    assert {name: value for name, value in cluster["run_monitoring"].items() if name in monitoring} == {
        name: value for name, value in monitoring.items() if name in cluster["run_monitoring"]
    }
    assert values["dagsterDaemon"]["runRetries"]["enabled"] is cluster["run_retries"]["enabled"] is False
    assert values["retention"]["sensor"]["purgeAfterDays"] == cluster["retention"]["sensor"]["purge_after_days"]
    assert values["telemetry"]["enabled"] is False
    assert values["pythonLogs"]["managedPythonLoggers"] == cluster["python_logs"]["managed_python_loggers"]


def test_keda_starts_as_many_workers_as_dagster_starts_runs() -> None:
    """And it asks the door for a metric that is there, with a token that the Secret has."""
    scaled = one("ScaledObject", "bookmarkai-worker")
    runs = load(VALUES)["additionalInstanceConfig"]["concurrency"]["runs"]
    assert scaled["spec"]["maxReplicaCount"] == runs["max_concurrent_runs"]
    assert scaled["spec"]["scaleTargetRef"]["name"] == one("Deployment", "bookmarkai-worker")["metadata"]["name"]
    [trigger] = scaled["spec"]["triggers"]
    service = one("Service", "bookmarkai-door")
    port = service["spec"]["ports"][0]["port"]
    assert trigger["metadata"]["url"] == f"http://bookmarkai-door.media.svc:{port}/metrics"
    assert "bookmarkai-door.media.svc" in _variables("door")["DOOR_ALLOWED_HOSTS"].split(",")
    authentication = one("TriggerAuthentication", trigger["authenticationRef"]["name"])
    [token] = authentication["spec"]["secretTargetRef"]
    assert token["key"] in one("Secret", token["name"])["stringData"]


def test_a_drained_node_takes_workers_one_by_one() -> None:
    """No budget can keep a node from being drained, whatever the number of workers."""
    assert one("PodDisruptionBudget", "bookmarkai-worker")["spec"]["maxUnavailable"] == 1
    door = one("PodDisruptionBudget", "bookmarkai-door")["spec"]["minAvailable"]
    assert door < one("Deployment", "bookmarkai-door")["spec"]["replicas"]


def test_nothing_is_open_that_is_not_named() -> None:
    """The first policy closes everything. Each other one names pods that there are."""
    policies = [each for each in documents() if each["kind"] == "NetworkPolicy"]
    assert policies[0]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    values = load(VALUES)
    parts = {*pods(), *_parts_of_chart(values)}
    named = set()
    for policy in policies:
        selector = policy["spec"]["podSelector"]
        named |= {*selector.get("matchLabels", {}).values()}
        named |= {value for each in selector.get("matchExpressions", ()) for value in each["values"]}
    assert named == parts


@given(
    st.one_of(
        st.ip_addresses(),
        st.sampled_from(["8.8.8.8", "169.254.169.254", "169.254.170.2", "2606:4700::1111"]).map(ipaddress.ip_address),
        # The edges of every range that is left out, where a wrong mask shows.
        st.deferred(lambda: st.sampled_from(_edges())),
    )
)
def test_the_network_lets_out_only_what_the_guard_would(address: Address) -> None:
    """Every address that a worker's policy leaves open is public by the egress guard's own rule."""
    if _is_open(address):
        assert is_public_address(str(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "140.82.121.4", "2606:4700::1111", "2a00:1450:4001:830::200e"])
def test_the_network_lets_public_sites_be_reached(address: str) -> None:
    """On the ports of http(s). A policy that closed everything would keep the rule above too."""
    [rule] = one("NetworkPolicy", "bookmarkai-internet")["spec"]["egress"]
    assert [(port["protocol"], port["port"]) for port in rule["ports"]] == [("TCP", 80), ("TCP", 443)]
    assert _is_open(ipaddress.ip_address(address))


def test_the_metric_that_keda_reads_is_exported() -> None:
    """Under the name and the label of scaling.yaml."""
    [trigger] = one("ScaledObject", "bookmarkai-worker")["spec"]["triggers"]
    found = re.fullmatch(r'(\w+)\{(\w+)="dagster"\}', trigger["metadata"]["valueLocation"])
    assert found is not None
    [family] = [family for family in FAMILIES if family.name == found[1]]
    assert family.labels == (found[2],)


def _parts_of_chart(values: Mapping[str, Any]) -> set[str]:
    sections = [values["dagsterDaemon"], values["dagsterWebserver"], *values["dagster-user-deployments"]["deployments"]]
    return {section["labels"]["bookmarkai/part"] for section in sections}


def _variables(part: str) -> dict[str, str]:
    [container] = pods()[part]["containers"]
    return {each["name"]: each.get("value", "") for each in container["env"]}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
