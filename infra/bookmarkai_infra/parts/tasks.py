"""Task definitions and services: one way to make them, so that all have the same logs, probes and deployment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from bookmarkai_infra.names import MAX_STOP_SECONDS, Names
from bookmarkai_infra.parts.environment import MEDIA_DIRECTORY
from bookmarkai_infra.stages import Size

MEDIA_VOLUME = "media"


class Rolling(Enum):
    """How many tasks of a service there may be during a deployment, in percent: the fewest and the most."""

    BESIDE = (100, 200)
    """The new one starts beside the old one."""
    ONE_AT_MOST = (0, 100)
    """The old one ends first: two daemons would tick every sensor twice."""


@dataclass(frozen=True)
class Disk:
    """The shared disk of local media."""

    file_system_id: str
    access_point_id: str


@dataclass(frozen=True)
class TaskKind:
    """What a task runs. `probe` is what `bookmarkai probe live` asks about; None means that the task ends by itself."""

    name: str
    command: Sequence[str]
    size: Size
    probe: str | None = None
    port: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, ecs.Secret] = field(default_factory=dict)
    has_disk: bool = False


class Tasks:
    """Makes the tasks of one cluster, all from one image."""

    def __init__(
        self,
        scope: Construct,
        *,
        cluster: ecs.Cluster,
        names: Names,
        repository: ecr.IRepository,
        tag: str,
        is_paused: bool,
        execution_role: iam.IRole,
        log_group: logs.ILogGroup,
        settings: Mapping[str, str],
        secrets: Mapping[str, ecs.Secret],
        disk: Disk | None,
    ) -> None:
        self._scope = scope
        self._cluster = cluster
        self._names = names
        self._repository = repository
        self._tag = tag
        self._is_paused = is_paused
        self._execution_role = execution_role
        self._log_group = log_group
        self._settings = settings
        self._secrets = secrets
        self._disk = disk

    def define(self, kind: TaskKind, role: iam.IRole, *, tag: str | None = None) -> ecs.FargateTaskDefinition:
        """Make a task definition with one container, of the image with this tag or of everybody's."""
        definition = ecs.FargateTaskDefinition(
            self._scope,
            f"{kind.name.title().replace('-', '')}Task",
            family=self._names.of(kind.name),
            cpu=kind.size.cpu,
            memory_limit_mib=kind.size.memory,
            task_role=role,
            execution_role=self._execution_role,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.X86_64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )
        container = definition.add_container(
            kind.name,
            container_name=kind.name,
            image=ecs.ContainerImage.from_ecr_repository(self._repository, tag or self._tag),
            command=list(kind.command),
            environment={**self._settings, **kind.settings},
            secrets={**self._secrets, **kind.secrets},
            logging=ecs.LogDrivers.aws_logs(stream_prefix=kind.name, log_group=self._log_group),
            stop_timeout=cdk.Duration.seconds(MAX_STOP_SECONDS),
            health_check=None if kind.probe is None else _probe(kind.probe),
            port_mappings=[] if kind.port is None else [ecs.PortMapping(container_port=kind.port, name=kind.name)],
        )
        if kind.has_disk and self._disk is not None:
            definition.add_volume(
                name=MEDIA_VOLUME,
                efs_volume_configuration=ecs.EfsVolumeConfiguration(
                    file_system_id=self._disk.file_system_id,
                    transit_encryption="ENABLED",
                    authorization_config=ecs.AuthorizationConfig(
                        access_point_id=self._disk.access_point_id, iam="ENABLED"
                    ),
                ),
            )
            container.add_mount_points(
                ecs.MountPoint(container_path=MEDIA_DIRECTORY, source_volume=MEDIA_VOLUME, read_only=False)
            )
        return definition

    def serve(
        self,
        kind: TaskKind,
        role: iam.IRole,
        *,
        group: ec2.ISecurityGroup,
        subnets: ec2.SubnetSelection,
        has_public_address: bool,
        rolling: Rolling = Rolling.BESIDE,
        desired: int | None = 1,
        is_discoverable: bool = False,
        can_be_entered: bool = False,
    ) -> ecs.FargateService:
        """Keep tasks of a kind running. A deployment whose tasks do not come up is rolled back.

        `desired` None leaves their number to what scales it. `is_discoverable` gives it a name in the private zone.
        `can_be_entered` lets `aws ecs execute-command` and port forwarding in.
        """
        least, most = rolling.value
        return ecs.FargateService(
            self._scope,
            f"{kind.name.title().replace('-', '')}Service",
            service_name=kind.name,
            cluster=self._cluster,
            task_definition=self.define(kind, role),
            desired_count=0 if self._is_paused else desired,
            min_healthy_percent=least,
            max_healthy_percent=most,
            # ECS balances zones by starting a task before it stops another, which ONE_AT_MOST forbids.
            availability_zone_rebalancing=(
                ecs.AvailabilityZoneRebalancing.DISABLED
                if rolling is Rolling.ONE_AT_MOST
                else ecs.AvailabilityZoneRebalancing.ENABLED
            ),
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            security_groups=[group],
            vpc_subnets=subnets,
            assign_public_ip=has_public_address,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
            platform_version=ecs.FargatePlatformVersion.VERSION1_4,
            enable_execute_command=can_be_entered,
            cloud_map_options=(
                ecs.CloudMapOptions(name=kind.name, dns_ttl=cdk.Duration.seconds(10)) if is_discoverable else None
            ),
        )


def _probe(process: str) -> ecs.HealthCheck:
    # Liveness, not readiness: ECS ends a task whose check fails, and a database that is away is no reason for that.
    return ecs.HealthCheck(
        command=["CMD", "bookmarkai", "probe", "live", process],
        interval=cdk.Duration.seconds(60),
        timeout=cdk.Duration.seconds(20),
        retries=3,
        start_period=cdk.Duration.seconds(180),
    )
