"""Rules of tasks and services."""

from collections.abc import Iterator

from bookmarkai_infra.checks.stacks import Facts, Resource, Stacks, many, text
from bookmarkai_infra.names import DAEMON, MAX_STOP_SECONDS

_SERVICE = "AWS::ECS::Service"


def the_daemon_runs_once(stacks: Stacks, _: Facts) -> Iterator[str]:
    """There is one daemon, and none beside it during a deployment: two would tick every sensor twice."""
    daemons = [one for one in stacks.resources(_SERVICE) if one.properties["ServiceName"] == DAEMON]
    if len(daemons) != 1:
        yield f"compute: expected one service for the daemon, found {len(daemons)}"
    for daemon in daemons:
        deployment = daemon.properties["DeploymentConfiguration"]
        found = (
            daemon.properties.get("DesiredCount"),
            deployment.get("MinimumHealthyPercent"),
            deployment.get("MaximumPercent"),
        )
        if found != (1, 0, 100):
            yield f"{daemon}: expected 1 task and from 0 to 100% in a deployment, found {found}"
        if daemon.properties.get("AvailabilityZoneRebalancing") == "ENABLED":
            yield f"{daemon}: expected no rebalancing, which starts a second one before it stops the first"
    for target in stacks.resources("AWS::ApplicationAutoScaling::ScalableTarget"):
        if f"/{DAEMON}" in text(target.properties["ResourceId"]) or any(
            one.id in text(target.properties["ResourceId"]) for one in daemons
        ):
            yield f"{target}: expected the daemon not to be scaled"


def deployments_roll_back(stacks: Stacks, _: Facts) -> Iterator[str]:
    """A deployment whose tasks do not come up ends by itself, with the version before."""
    for service in stacks.resources(_SERVICE):
        breaker = service.properties["DeploymentConfiguration"].get("DeploymentCircuitBreaker")
        if breaker != {"Enable": True, "Rollback": True}:
            yield f"{service}: expected a circuit breaker with rollback, found {breaker}"


def services_are_probed(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Each service's container says whether it lives, by `bookmarkai probe live`."""
    for service in stacks.resources(_SERVICE):
        for task, container in stacks.containers():
            if service.properties["TaskDefinition"] == {"Ref": task.id}:
                command = container.get("HealthCheck", {}).get("Command", [])
                if command[:4] != ["CMD", "bookmarkai", "probe", "live"]:
                    yield f"{task}: expected the health check to be bookmarkai probe live, found {command or 'none'}"


def tasks_have_time_to_stop(stacks: Stacks, _: Facts) -> Iterator[str]:
    """A task that is told to stop has as long as Fargate allows, and Fargate refuses more."""
    for task, container in stacks.containers():
        if container.get("StopTimeout") != MAX_STOP_SECONDS:
            yield f"{task}: expected {MAX_STOP_SECONDS} s to stop, found {container.get('StopTimeout')}"


def images_are_pinned(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Every container has the same image, by the tag of a commit, from a repository whose tags never move."""
    images = {}
    for task, container in stacks.containers():
        image = text(container["Image"])
        images[image] = task
        tag = image.rpartition(":")[2]
        if tag == "latest" or not set(tag) <= set("0123456789abcdef"):
            yield f"{task}: expected an image by its commit, found {image}"
    if len(images) > 1:
        yield f"compute: expected one image for all, found {', '.join(sorted(images))}"
    for repository in stacks.resources("AWS::ECR::Repository"):
        if repository.properties.get("ImageTagMutability") != "IMMUTABLE":
            yield f"{repository}: expected tags that never move"


def settings_are_known(stacks: Stacks, facts: Facts) -> Iterator[str]:
    """Every variable of a task is a setting of the pipeline, or one that Dagster's configuration reads."""
    for task, container in stacks.containers():
        names = {one["Name"] for key in ("Environment", "Secrets") for one in container.get(key, [])}
        for name in sorted(names - set(facts.settings)):
            yield f"{task}: expected variables that something reads, found {name}"


def disks_are_mounted_by_role(stacks: Stacks, _: Facts) -> Iterator[str]:
    """The shared disk is mounted by TLS, with the task's role, through the access point; a mount names a volume."""
    for task, container in stacks.containers():
        volumes = {
            volume["Name"]: volume.get("EFSVolumeConfiguration", {}) for volume in task.properties.get("Volumes", [])
        }
        for volume in volumes.values():
            authorization = volume.get("AuthorizationConfig", {})
            is_safe = authorization.get("IAM") == "ENABLED" and authorization.get("AccessPointId")
            if volume.get("TransitEncryption") != "ENABLED" or not is_safe:
                yield f"{task}: expected its disk by TLS, role and access point, found {text(volume)}"
        for mount in container.get("MountPoints", []):
            if mount["SourceVolume"] not in volumes:
                yield f"{task}: expected a volume named {mount['SourceVolume']}"


def services_listen_where_they_are_called(stacks: Stacks, _: Facts) -> Iterator[str]:
    """A target group's port is the container's, and a security group lets the load balancer reach it."""
    open_ports = {rule.properties["FromPort"] for rule in stacks.resources("AWS::EC2::SecurityGroupIngress")} | {
        rule["FromPort"]
        for group in stacks.resources("AWS::EC2::SecurityGroup")
        for rule in group.properties.get("SecurityGroupIngress", [])
    }
    for service in stacks.resources(_SERVICE):
        ports = _ports(stacks, service)
        for port in sorted(ports - open_ports):
            yield f"{service}: expected a rule of a security group for port {port}"
        for balancer in service.properties.get("LoadBalancers", []):
            if balancer["ContainerPort"] not in ports:
                yield f"{service}: expected a container that listens on {balancer['ContainerPort']}, found {ports}"


def _ports(stacks: Stacks, service: Resource) -> set[int]:
    return {
        mapping["ContainerPort"]
        for task, container in stacks.containers()
        if service.properties["TaskDefinition"] == {"Ref": task.id}
        for mapping in container.get("PortMappings", [])
    }


def nobody_reaches_the_ui_without_a_login(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Each rule of the load balancer logs people in first, except the door's; other hosts are answered with 404."""
    for listener in stacks.resources("AWS::ElasticLoadBalancingV2::Listener"):
        kinds = [action["Type"] for action in listener.properties["DefaultActions"]]
        if kinds != ["fixed-response"]:
            yield f"{listener}: expected other host names to be answered with 404, found {kinds}"
        if listener.properties["Protocol"] != "HTTPS":
            yield f"{listener}: expected https"
    doors = 0
    for rule in stacks.resources("AWS::ElasticLoadBalancingV2::ListenerRule"):
        kinds = [
            action["Type"] for action in sorted(rule.properties["Actions"], key=lambda one: int(one.get("Order", 1)))
        ]
        is_door = "DoorTargets" in text(rule.properties["Actions"])
        doors += is_door
        if not is_door and kinds[0] != "authenticate-oidc":
            yield f"{rule}: expected a login before Dagster's UI, found {many(kinds)}"
    if doors > 1:
        yield f"compute: expected one rule without a login, that of the door, found {doors}"
