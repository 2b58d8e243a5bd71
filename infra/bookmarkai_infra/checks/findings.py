"""The tools' findings of a stage, and those that are acknowledged, each with its reason."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_infra.checks.sample import ACCOUNT, REGION
from bookmarkai_infra.checks.synthesis import REPORT
from bookmarkai_infra.names import Names

_BOTH = frozenset({"dev", "prod"})
_DEV, _PROD = frozenset({"dev"}), frozenset({"prod"})


@dataclass(frozen=True, order=True)
class Finding:
    """What a tool has found: its rule, and the construct."""

    rule: str
    path: str


@dataclass(frozen=True)
class Acknowledgement:
    """Findings of one rule that are known, in some stages, and why they are as they should be.

    `{bucket}`, `{stage}`, `{account}` and `{region}` are filled in. `paths` begin with the stack's last name.
    """

    rule: str
    paths: tuple[str, ...]
    reason: str
    stages: frozenset[str] = _BOTH

    def findings(self, stage: str) -> Iterator[Finding]:
        """Yield what this acknowledges in a stage."""
        if stage in self.stages:
            names = Names(stage, ACCOUNT)
            rule = self.rule.format(bucket=names.media_bucket, stage=stage, account=ACCOUNT, region=REGION)
            yield from (Finding(rule, f"{names.stack(path)}/Resource") for path in self.paths)


def read_findings(folder: Path) -> set[Finding]:
    """Return what the tools have found in a synthesized stage, warnings too."""
    reports = json.loads((folder / REPORT).read_text())["pluginReports"]
    return {
        Finding(violation["ruleName"], construct["constructPath"])
        for report in reports
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
    }


def read_tools(folder: Path) -> set[str]:
    """Return the names of the tools that have reported."""
    return {report["pluginName"] for report in json.loads((folder / REPORT).read_text())["pluginReports"]}


def _roles(*names: str) -> tuple[str, ...]:
    return tuple(f"compute/{name}Role/DefaultPolicy" for name in names)


def _tasks(*names: str) -> tuple[str, ...]:
    return tuple(f"compute/{name}Task" for name in names)


_IAM = "AwsSolutions-IAM5[Resource::"
_OBJECTS = _IAM + "arn:aws:s3:::{bucket}/"

ACKNOWLEDGED = (
    Acknowledgement(
        "AwsSolutions-CFR1", ("media/Cdn",), "Links are signed, one for each viewer; a country is no rule."
    ),
    Acknowledgement(
        "AwsSolutions-CFR2",
        ("media/Cdn",),
        "Only GET and HEAD of signed links reach the bucket.",
    ),
    Acknowledgement(
        "AwsSolutions-CFR4",
        ("media/Cdn",),
        "CloudFront's own certificate has a fixed policy. Set cdn_host for one that has not.",
        _DEV,
    ),
    Acknowledgement(
        "AwsSolutions-EC23",
        ("network/EntranceGroup",),
        "The load balancer is the way in; behind it are tokens and a login.",
        _PROD,
    ),
    Acknowledgement(
        "AwsSolutions-SMG4",
        ("data/Database/Secret", "data/DoorSecret", "data/CdnSecret"),
        "Rotation by AWS is a Lambda function, and tasks read secrets when they start. README.md rotates by hand.",
    ),
    Acknowledgement(
        "AwsSolutions-SMG4",
        ("broker/BrokerSecret", "broker/CelerySecret"),
        "As the database's. The second is made of both others by each deployment.",
        _PROD,
    ),
    Acknowledgement("AwsSolutions-RDS3", ("data/Database",), "One zone is enough for dev.", _DEV),
    Acknowledgement("AwsSolutions-RDS10", ("data/Database",), "dev may be torn down; a snapshot is kept.", _DEV),
    Acknowledgement(
        "AwsSolutions-RDS11", ("data/Database",), "Its security group names the callers; a port hides nothing."
    ),
    Acknowledgement(
        "AwsSolutions-ECS2",
        _tasks("Run", "Migration", "Operator", "Code", "Daemon", "Ui", "ReadOnlyUi", "Door"),
        "Settings without secrets. Secrets come by reference.",
    ),
    Acknowledgement("AwsSolutions-ECS2", _tasks("Worker"), "As the others.", _PROD),
    Acknowledgement(
        f"{_IAM}*]",
        _roles("Execution", "Code"),
        "ecr:GetAuthorizationToken and cloudwatch:PutMetricData have no resources; the second has a namespace.",
    ),
    Acknowledgement(
        f"{_IAM}*]",
        _roles("Launcher"),
        "ecs:DescribeTaskDefinition and ec2:DescribeNetworkInterfaces have no resources to name.",
        _DEV,
    ),
    Acknowledgement(
        f"{_IAM}*]",
        _roles("Ui", "Reader", "Door"),
        "Without a load balancer people come in through ECS, whose channels have no resources to name.",
        _DEV,
    ),
    Acknowledgement(
        f"{_OBJECTS}temp/videos/*]",
        _roles("Uploader", "Cleaner", "Door", "Code"),
        "Keys are hashes; the prefix is ours.",
    ),
    Acknowledgement(
        f"{_OBJECTS}temp/uploads/*]",
        _roles("Uploader", "Cleaner", "Door", "Code"),
        "Keys are the ids of uploads; the prefix is ours.",
    ),
    Acknowledgement(
        f"{_OBJECTS}dagster-logs/*]",
        _roles("Uploader", "Cleaner", "Reader", "Ui", "Code", "Launcher"),
        "Keys are the ids of runs; the prefix is Dagster's.",
    ),
    Acknowledgement(
        _IAM + "arn:aws:ecs:{region}:{account}:task/bookmarkai-{stage}/*]",
        _roles("Launcher", "Ui"),
        "A task's id is not known before it is started. The cluster is a condition.",
        _DEV,
    ),
    Acknowledgement(
        _IAM + "arn:aws:ecs:{region}:{account}:task-definition/bookmarkai-{stage}-run:*]",
        _roles("Launcher"),
        "Revisions of one task definition.",
        _DEV,
    ),
    Acknowledgement(
        _IAM + "arn:aws:logs:{region}:{account}:log-group:/bookmarkai/{stage}:log-stream:run/*]",
        _roles("Launcher"),
        "A run's stream has the id of its task.",
        _DEV,
    ),
)


def acknowledged(stage: str) -> set[Finding]:
    """Return all findings that are acknowledged in a stage."""
    return {finding for one in ACKNOWLEDGED for finding in one.findings(stage)}
