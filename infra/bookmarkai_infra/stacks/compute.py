"""Compute: the ECS cluster with its services, the tasks of runs and of the migration, and the way in."""

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_servicediscovery as discovery
from constructs import Construct

from bookmarkai_infra.installation import Installation
from bookmarkai_infra.names import (
    CODE,
    CODE_PORT,
    DAEMON,
    DOOR,
    DOOR_PORT,
    MIGRATION,
    OPERATOR,
    READ_ONLY_UI,
    RUN,
    UI,
    UI_PORT,
    WORKER,
    Names,
)
from bookmarkai_infra.parts.entrance import open_entrance
from bookmarkai_infra.parts.environment import (
    catalog_secrets,
    cdn_secrets,
    celery_secrets,
    common_settings,
    door_secrets,
    door_settings,
    event_settings,
)
from bookmarkai_infra.parts.roles import Role, Roles
from bookmarkai_infra.parts.scaling import scale_doors, scale_workers
from bookmarkai_infra.parts.tasks import Disk, Rolling, TaskKind, Tasks
from bookmarkai_infra.stacks.broker import BrokerStack
from bookmarkai_infra.stacks.data import DataStack, log_retention
from bookmarkai_infra.stacks.media import MediaStack
from bookmarkai_infra.stacks.network import NetworkStack, Part
from bookmarkai_infra.stages import Size, Stage

WORKSPACE = "/etc/bookmarkai/workspace.yaml"
_SMALL = Size(256, 1024)


class ComputeStack(cdk.Stack):
    """Everything that runs. It keeps nothing, and may be deleted and deployed again."""

    def __init__(
        self,
        scope: Construct,
        *,
        stage: Stage,
        installation: Installation,
        names: Names,
        network: NetworkStack,
        media: MediaStack,
        data: DataStack,
        broker: BrokerStack | None,
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, names.stack("compute"), env=env, description="BookmarkAI compute: ECS on Fargate")
        self._stage = stage
        self._names = names
        self._network = network
        self._events = event_settings(names, region=self.region)
        self._celery = {} if broker is None else celery_secrets(broker.celery_secret)
        # Without a load balancer the UI is reached through a port forwarded by ECS.
        self._can_be_entered = installation.entrance is None
        self.cluster = self._make_cluster()
        self.execution_role = self._make_execution_role()
        self._roles = Roles(self, names, region=self.region)
        self._tasks = self._make_tasks(installation, data)
        self._allow(data)
        self.run = self._tasks.define(self._run_kind(), self._roles[Role.UPLOADER])
        self._tasks.define(self._migration_kind(), self._roles[Role.MIGRATION], tag=installation.migration_tag)
        self._tasks.define(self._operator_kind(media, data), self._roles[Role.CLEANER])
        self._serve_code()
        self._serve_daemon()
        ui = self._serve_ui(UI, Role.UI, Part.UI, extra=[])
        read_only_ui = self._serve_ui(READ_ONLY_UI, Role.READER, Part.READ_ONLY_UI, extra=["--read-only"])
        door = self._serve_door(installation, data)
        if stage.broker is not None:
            workers = self._serve_workers()
            if not installation.is_paused:
                scale_workers(self, workers, stage.broker, names)
        if not installation.is_paused:
            scale_doors(door, stage.door_tasks)
        if installation.entrance is not None:
            open_entrance(
                self,
                installation.entrance,
                names=names,
                network=network,
                logs_bucket=media.logs_bucket,
                door=door,
                ui=ui,
                read_only_ui=read_only_ui,
            )

    def _make_cluster(self) -> ecs.Cluster:
        return ecs.Cluster(
            self,
            "Cluster",
            cluster_name=self._names.cluster,
            vpc=self._network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
            enable_fargate_capacity_providers=False,
            default_cloud_map_namespace=ecs.CloudMapNamespaceOptions(
                name=self._names.namespace, type=discovery.NamespaceType.DNS_PRIVATE
            ),
        )

    def _make_execution_role(self) -> iam.Role:
        """Make the role with which ECS pulls the image, reads secrets and writes logs. CDK adds what it needs."""
        return iam.Role(
            self,
            "ExecutionRole",
            role_name=self._names.of("execution"),
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )

    def _make_tasks(self, installation: Installation, data: DataStack) -> Tasks:
        log_group = logs.LogGroup(
            self,
            "TaskLogs",
            log_group_name=self._names.log_group,
            retention=log_retention(self._stage.log_days),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        disk = None
        if data.files is not None and data.access_point is not None:
            disk = Disk(data.files.file_system_id, data.access_point.access_point_id)
        return Tasks(
            self,
            cluster=self.cluster,
            names=self._names,
            repository=data.repository,
            tag=installation.image_tag,
            is_paused=installation.is_paused,
            execution_role=self.execution_role,
            log_group=log_group,
            settings=common_settings(
                self._stage,
                self._names,
                region=self.region,
                database_host=data.database.db_instance_endpoint_address,
            ),
            secrets=catalog_secrets(data.database_secret),
            disk=disk,
        )

    def _allow(self, data: DataStack) -> None:
        self._roles.allow_metrics()
        if data.files is not None and data.access_point is not None:
            self._roles.allow_files(data.files.file_system_arn, data.access_point.access_point_arn)
        if self._stage.broker is None:
            self._roles.allow_launching(run_family=self._names.of(RUN), execution_role_arn=self.execution_role.role_arn)

    def _run_kind(self) -> TaskKind:
        """Return the task of one run. The launcher replaces its command."""
        return TaskKind(
            name=RUN,
            command=["dagster", "--version"],
            size=self._stage.run_size,
            settings=self._run_task_setting(self._names.of(RUN)),
            secrets=self._celery,
            has_disk=True,
        )

    def _migration_kind(self) -> TaskKind:
        return TaskKind(
            name=MIGRATION,
            command=["sh", "-c", "bookmarkai catalog upgrade && dagster instance migrate"],
            size=self._stage.service_size,
            settings=self._run_task_setting(self._names.of(RUN)),
            secrets=self._celery,
        )

    def _operator_kind(self, media: MediaStack, data: DataStack) -> TaskKind:
        """Return the task of an operator's command, which replaces `doctor`. No other task has the CDN's key."""
        return TaskKind(
            name=OPERATOR,
            command=["bookmarkai", "doctor"],
            size=self._stage.run_size,
            settings={**self._run_task_setting(self._names.of(RUN)), **self._events, "CDN_URL": media.cdn_url},
            secrets={**self._celery, **cdn_secrets(data.cdn_secret)},
            has_disk=True,
        )

    def _serve_code(self) -> None:
        command = ["dagster", "api", "grpc", "--module-name", "bookmarkai_assets.definitions"]
        command += ["--location-name", "bookmarkai", "--host", "0.0.0.0", "--port", str(CODE_PORT)]  # noqa: S104 - as the door's
        self._serve(
            TaskKind(
                CODE,
                command,
                self._stage.code_size,
                probe="code-server",
                port=CODE_PORT,
                settings={**self._run_task_setting(self._names.of(RUN)), **self._events},
                secrets=self._celery,
                has_disk=True,
            ),
            Role.CODE,
            Part.CODE,
            is_discoverable=True,
        )

    def _serve_daemon(self) -> None:
        # Exactly this revision, so that what the daemon starts is of its own deployment.
        self._serve(
            TaskKind(
                DAEMON,
                ["dagster-daemon", "run", "--workspace", WORKSPACE],
                self._stage.service_size,
                probe="daemon",
                settings=self._run_task_setting(self.run.task_definition_arn),
                secrets=self._celery,
                has_disk=True,
            ),
            Role.LAUNCHER,
            Part.DAEMON,
            rolling=Rolling.ONE_AT_MOST,
        )

    def _serve_ui(self, name: str, role: Role, part: Part, *, extra: list[str]) -> ecs.FargateService:
        command = ["dagster-webserver", "--workspace", WORKSPACE, "--host", "0.0.0.0", "--port", str(UI_PORT), *extra]  # noqa: S104 - as the door's
        return self._serve(
            TaskKind(
                name,
                command,
                self._stage.service_size,
                probe="webserver",
                port=UI_PORT,
                settings=self._run_task_setting(self._names.of(RUN)),
                secrets=self._celery,
            ),
            role,
            part,
            can_be_entered=self._can_be_entered,
        )

    def _serve_door(self, installation: Installation, data: DataStack) -> ecs.FargateService:
        least, most = self._stage.door_tasks
        return self._serve(
            TaskKind(
                DOOR,
                ["bookmarkai", "serve"],
                self._stage.service_size,
                probe="door",
                port=DOOR_PORT,
                settings=door_settings(self._stage, installation),
                secrets=door_secrets(data.door_secret),
                has_disk=True,
            ),
            Role.DOOR,
            Part.DOOR,
            desired=least if least == most else None,
            can_be_entered=self._can_be_entered,
        )

    def _serve_workers(self) -> ecs.FargateService:
        return self._serve(
            TaskKind(
                WORKER,
                ["bookmarkai", "worker"],
                self._stage.run_size,
                probe="worker",
                secrets=self._celery,
                has_disk=True,
            ),
            Role.UPLOADER,
            Part.WORK,
            desired=None,
        )

    def _serve(
        self,
        kind: TaskKind,
        role: Role,
        part: Part,
        *,
        rolling: Rolling = Rolling.BESIDE,
        desired: int | None = 1,
        is_discoverable: bool = False,
        can_be_entered: bool = False,
    ) -> ecs.FargateService:
        return self._tasks.serve(
            kind,
            self._roles[role],
            group=self._network.groups[part],
            subnets=self._network.task_subnets,
            has_public_address=self._network.has_public_addresses,
            rolling=rolling,
            desired=desired,
            is_discoverable=is_discoverable,
            can_be_entered=can_be_entered,
        )

    def _run_task_setting(self, task: str) -> dict[str, str]:
        """Return what Dagster's launcher reads: the task definition of runs. With Celery there is no such launcher."""
        return {} if self._stage.broker is not None else {"RUN_TASK": task}
