"""What each task may do. One role for each kind of work, and every action by name.

`s3:ListBucket` has no condition on the prefix: with one, S3 answers a HEAD for an absent object with 403, not 404, and
the pipeline would take each for denied access.
"""

from collections.abc import Sequence
from enum import StrEnum

from aws_cdk import aws_iam as iam
from constructs import Construct

from bookmarkai_infra.names import MEDIA_PREFIX, METRICS_NAMESPACE, RUN_LOGS_PREFIX, UPLOADS_PREFIX, Names


class Role(StrEnum):
    """The roles of tasks, by what they do with media and with other tasks."""

    UPLOADER = "uploader"
    """Runs and workers: fetch, store, transcribe. They delete nothing but uploads that they have stored."""
    CLEANER = "cleaner"
    """Runs of clean-up, and an operator's commands: what the uploader may do, delete, and look at settings."""
    READER = "reader"
    """The read-only UI: reads the logs of runs."""
    UI = "ui"
    """The full UI: reads logs and stops runs."""
    DOOR = "door"
    """The HTTP door: signs links to media, and links for uploads."""
    CODE = "code"
    """The code server: evaluates sensors, takes events of uploads, publishes metrics."""
    LAUNCHER = "launcher"
    """The daemon: starts the tasks of runs."""
    MIGRATION = "migration"
    """The migration: needs the database alone."""


RUN_ROLES = (Role.UPLOADER, Role.CLEANER)
"""Roles that a run may have: the second by its tag `ecs/task_overrides`."""


class Roles:
    """The roles of one stage. Made without permissions; the methods give those that belong together."""

    def __init__(self, scope: Construct, names: Names, *, region: str) -> None:
        self._names = names
        self._region = region
        self._bucket = f"arn:aws:s3:::{names.media_bucket}"
        principal = iam.ServicePrincipal(
            "ecs-tasks.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": names.account}}
        )
        self._roles = {
            role: iam.Role(
                scope,
                f"{role.title()}Role",
                role_name=names.of(role),
                assumed_by=principal,
                description=f"BookmarkAI {names.stage}: {role}",
            )
            for role in Role
        }
        self._allow_media()
        self._allow_events()

    def __getitem__(self, role: Role) -> iam.Role:
        return self._roles[role]

    def arn(self, role: Role) -> str:
        """Return a role's ARN, known before it exists, because its name is fixed."""
        return f"arn:aws:iam::{self._names.account}:role/{self._names.of(role)}"

    def allow_metrics(self) -> None:
        """Let the code server publish metrics in the pipeline's namespace. CloudWatch has no resources to name."""
        self._allow(
            Role.CODE,
            "Metrics",
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": METRICS_NAMESPACE}},
        )

    def allow_files(self, file_system_arn: str, access_point_arn: str) -> None:
        """Let tasks mount the disk of local media, through its access point only."""
        condition = {"StringEquals": {"elasticfilesystem:AccessPointArn": access_point_arn}}
        for role in (Role.UPLOADER, Role.CLEANER, Role.CODE):
            actions = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
            self._allow(role, "Files", actions, [file_system_arn], condition)
        self._allow(Role.DOOR, "Files", ["elasticfilesystem:ClientMount"], [file_system_arn], condition)

    def allow_launching(self, *, run_family: str, execution_role_arn: str) -> None:
        """Let the daemon start runs as tasks of one definition, in one cluster, with the roles of runs and no other."""
        account, region, cluster = self._names.account, self._region, self._names.cluster
        in_cluster = {"ArnEquals": {"ecs:cluster": f"arn:aws:ecs:{region}:{account}:cluster/{cluster}"}}
        tasks = [f"arn:aws:ecs:{region}:{account}:task/{cluster}/*"]
        self._allow(
            Role.LAUNCHER,
            "Run",
            ["ecs:RunTask"],
            [f"arn:aws:ecs:{region}:{account}:task-definition/{run_family}:*"],
            in_cluster,
        )
        self._allow(Role.LAUNCHER, "Tag", ["ecs:TagResource"], tasks, {"StringEquals": {"ecs:CreateAction": "RunTask"}})
        self._allow(
            Role.LAUNCHER,
            "Pass",
            ["iam:PassRole"],
            [execution_role_arn, *(self.arn(role) for role in RUN_ROLES)],
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        )
        # The launcher takes its own subnet and security group for its runs.
        self._allow(Role.LAUNCHER, "Network", ["ec2:DescribeNetworkInterfaces"], ["*"])
        self._allow(
            Role.LAUNCHER,
            "RunLogs",
            ["logs:GetLogEvents"],
            [f"arn:aws:logs:{region}:{account}:log-group:{self._names.log_group}:log-stream:run/*"],
        )
        for role in (Role.LAUNCHER, Role.UI):
            self._allow(role, "Tasks", ["ecs:DescribeTasks", "ecs:StopTask"], tasks, in_cluster)
            # ECS has no resources to name here.
            self._allow(role, "Definition", ["ecs:DescribeTaskDefinition"], ["*"])

    def _allow_media(self) -> None:
        media, uploads, logs = (self._objects(prefix) for prefix in (MEDIA_PREFIX, UPLOADS_PREFIX, RUN_LOGS_PREFIX))
        for role in RUN_ROLES:
            self._allow(role, "Media", ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], [media])
            self._allow(role, "Logs", ["s3:PutObject"], [logs])
            self._allow(role, "List", ["s3:ListBucket", "s3:ListBucketMultipartUploads"], [self._bucket])
            self._allow(role, "Uploads", ["s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], [uploads])
        self._allow(Role.CLEANER, "Delete", ["s3:DeleteObject"], [media])
        self._allow(
            Role.CLEANER, "Rules", ["s3:GetLifecycleConfiguration", "s3:GetEncryptionConfiguration"], [self._bucket]
        )
        for role in (Role.READER, Role.UI):
            self._allow(role, "Logs", ["s3:GetObject"], [logs])
        self._allow(Role.DOOR, "Media", ["s3:GetObject"], [media])
        self._allow(
            Role.DOOR,
            "Uploads",
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            [uploads],
        )
        self._allow(Role.CODE, "Media", ["s3:GetObject"], [media, uploads])
        for role in (Role.CODE, Role.LAUNCHER):
            self._allow(role, "Logs", ["s3:GetObject", "s3:PutObject"], [logs])
        for role in (Role.READER, Role.UI, Role.DOOR, Role.CODE, Role.LAUNCHER):
            self._allow(role, "List", ["s3:ListBucket"], [self._bucket])

    def _allow_events(self) -> None:
        """Let the code server take events of uploads, and an operator's doctor look at both queues."""
        events, dead = (self._queue(name) for name in (self._names.upload_events, self._names.dead_upload_events))
        self._allow(
            Role.CODE,
            "Events",
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"],
            [events],
        )
        self._allow(Role.CLEANER, "Events", ["sqs:GetQueueAttributes"], [events, dead])
        self._allow(Role.CLEANER, "DeadEvents", ["sqs:GetQueueUrl"], [dead])

    def _queue(self, name: str) -> str:
        return f"arn:aws:sqs:{self._region}:{self._names.account}:{name}"

    def _objects(self, prefix: str) -> str:
        return f"{self._bucket}/{prefix}*"

    def _allow(
        self,
        role: Role,
        sid: str,
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: dict[str, dict[str, str]] | None = None,
    ) -> None:
        self._roles[role].add_to_policy(
            iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)
        )
