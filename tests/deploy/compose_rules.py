"""What the services must be, read from what Docker Compose makes of deploy/compose.yaml with all profiles.

compose-lint knows what is dangerous anywhere; this knows the project.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bookmarkai_assets.settings.secret_files import OTHERS, SUFFIX, names_with_files
from bookmarkai_assets.settings.settings import SETTINGS_NAMES, Settings
from tests.deploy.image_rules import PINNED
from tests.deploy.tools import IMAGE

OURS = frozenset({"migrate", "code-server", "daemon", "webserver", "webserver-view", "door", "worker"})
ENDS = frozenset({"migrate"})
"""Services that do their work and end."""

WITHOUT_SHELL = frozenset({"oauth2-proxy"})
"""Services whose image has no program for a health check. Caddy looks after them instead."""

STOP_SECONDS = 60
NETWORKS: Mapping[str, frozenset[str]] = {
    "data": OURS | {"postgres", "s3", "rabbitmq"},
    "dagster": frozenset({"code-server", "daemon", "webserver", "webserver-view"}),
    "ui": frozenset({"webserver", "webserver-view", "door", "caddy", "oauth2-proxy", "prometheus", "grafana"}),
    "egress": frozenset({"code-server", "worker", "oauth2-proxy"}),
    "front": frozenset({"caddy"}),
}
"""Who is in which network. Only from the last two does anything lead outside."""

OPEN_NETWORKS = frozenset({"egress", "front"})
CAPABILITIES = {"caddy": ["NET_BIND_SERVICE"]}
_SECRET = re.compile(r"password|passwd|secret|token|credential|_key(_|$)", re.IGNORECASE)
_IN_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
_DAGSTERS_OWN = frozenset(
    {"BOOKMARKAI_CODE_HOST", "BOOKMARKAI_CODE_PORT", "AWS_ENDPOINT_URL_S3", "TINI_KILL_PROCESS_GROUP"}
)
"""Variables that Dagster's files, AWS's libraries or the image's init process read."""


def problems_of_compose(config: Mapping[str, Any]) -> list[str]:
    """List everything about the services that is not as the project wants it."""
    services: Mapping[str, Mapping[str, Any]] = config["services"]
    found: list[str] = []
    for name, service in services.items():
        rules = (_pinned, _confined, _limited, _healthy, _closed, _secret_free, _secrets_given)
        found += [f"{name}: {problem}" for rule in rules for problem in rule(name, service)]
        if name in OURS:
            found += [f"{name}: {problem}" for problem in _known_settings(service)]
    found += [*_networks(config), *_migrations_first(services), *_one_daemon(services)]
    found += [f"expected the service {name}" for name in sorted(OURS - services.keys())]
    return found


def _pinned(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    image = service["image"]
    if name in OURS:
        if image != IMAGE:
            yield f"expected the image that deploy/.env names, found {image}"
    elif PINNED.fullmatch(image) is None:
        yield f"expected its image as name:tag@sha256:digest, found {image}"
    if re.search(r":latest(@|$)", image):
        yield f"expected a tag that says which version it is, found {image}"


def _confined(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    user = str(service.get("user", "root"))
    if not re.match(r"[1-9][0-9]*(:|$)", user):
        yield f"expected a user without privileges, by number, found {user}"
    if not service.get("read_only"):
        yield "expected a root file system that is read-only"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add", []) != CAPABILITIES.get(name, []):
        yield f"expected no capabilities but {CAPABILITIES.get(name, [])}, found {service.get('cap_add')}"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "expected no-new-privileges"
    for key in ("privileged", "pid", "ipc", "network_mode", "devices", "userns_mode"):
        if service.get(key):
            yield f"expected no {key}, found {service[key]}"
    for volume in service.get("volumes", ()):
        if volume["type"] == "bind" and not volume.get("read_only"):
            yield f"expected the host's {volume['source']} to be mounted read-only"


def _limited(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    for key in ("mem_limit", "cpus", "pids_limit"):
        if not float(service.get(key) or 0) > 0:
            yield f"expected a limit {key}"
    if not service.get("logging", {}).get("options", {}).get("max-size"):
        yield "expected a log that cannot fill the disk"
    if name not in ENDS and service.get("restart") != "unless-stopped":
        yield f"expected it to start again after a crash, found restart: {service.get('restart')}"


def _healthy(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    check = service.get("healthcheck", {})
    if name in ENDS | WITHOUT_SHELL:
        return
    if check.get("disable") or not check.get("test"):
        yield "expected a health check"
    elif name in OURS and "bookmarkai probe ready" not in " ".join(check["test"]):
        yield f"expected the probe of its process, found {check['test']}"
    if _seconds(str(service.get("stop_grace_period", "10s"))) < STOP_SECONDS:
        yield f"expected {STOP_SECONDS} s or more to end in order, found {service.get('stop_grace_period', '10s')}"


def _seconds(duration: str) -> float:
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)([hms])", duration))


def _closed(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    for port in service.get("ports", ()):
        if name != "caddy":
            yield f"expected no port on the host but by way of Caddy, found {port['published']}"
        elif port.get("host_ip") != "127.0.0.1":
            yield f"expected port {port['published']} on loopback unless the operator opens it"


def _secret_free(_: str, service: Mapping[str, Any]) -> Iterator[str]:
    for name, value in service.get("environment", {}).items():
        if _SECRET.search(name) and not name.endswith("_FILE"):
            yield f"expected {name} in a file, found it in the environment"
        if _IN_URL.search(str(value)):
            yield f"expected no password in {name}"


def _secrets_given(_: str, service: Mapping[str, Any]) -> Iterator[str]:
    given = {f"/run/secrets/{secret['source']}" for secret in service.get("secrets", ())}
    texts = [*map(str, service.get("environment", {}).values()), *map(str, service.get("command") or ())]
    named = {path for text in texts for path in re.findall(r"/run/secrets/\w+", text)}
    for path in sorted(named - given):
        yield f"expected to be given {path}, which it names"


def _known_settings(service: Mapping[str, Any]) -> Iterator[str]:
    files = {f"{name.upper()}{SUFFIX}" for name in (*names_with_files(Settings), *OTHERS)}
    for name in service.get("environment", {}):
        if name not in SETTINGS_NAMES | files | _DAGSTERS_OWN:
            yield f"expected a setting that there is, found {name}"


def _networks(config: Mapping[str, Any]) -> Iterator[str]:
    for name, network in config["networks"].items():
        if name not in NETWORKS:
            yield f"expected no network {name}"
        elif bool(network.get("internal")) is (name in OPEN_NETWORKS):
            yield f"expected the network {name} to be {'open' if name in OPEN_NETWORKS else 'internal'}"
    for name, service in config["services"].items():
        wanted = {network for network, members in NETWORKS.items() if name in members}
        if service.get("networks", {}).keys() != wanted:
            yield f"{name}: expected the networks {sorted(wanted)}, found {sorted(service.get('networks', {}))}"


def _migrations_first(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name in sorted(OURS - ENDS):
        condition = services.get(name, {}).get("depends_on", {}).get("migrate", {}).get("condition")
        if condition != "service_completed_successfully":
            yield f"{name}: expected to start after the migrations, found {condition}"
    command = " ".join(services.get("migrate", {}).get("command", ()))
    for step in ("bookmarkai catalog upgrade", "dagster instance migrate"):
        if step not in command:
            yield f"migrate: expected {step!r}, found {command!r}"


def _one_daemon(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    daemons = [name for name, service in services.items() if "dagster-daemon" in (service.get("command") or ())]
    if len(daemons) != 1:
        yield f"expected exactly one daemon, found {len(daemons)}"
    for name in daemons:
        # Docker refuses a second container of a name, so nobody can scale it.
        if not services[name].get("container_name") or services[name].get("deploy", {}).get("replicas", 1) != 1:
            yield f"{name}: expected a name of its own and no replicas, because two daemons tick every sensor twice"
