"""Rules of roles, secrets, and what may exist at all."""

import re
from collections.abc import Iterator

from bookmarkai_infra.checks.stacks import Facts, Stacks, many, strings, text
from bookmarkai_infra.names import MEDIA_PREFIX, METRICS_NAMESPACE

_SECRET_NAMES = re.compile(r"PASSWORD|TOKEN|SECRET|PRIVATE_KEY|SESSION_KEY|BROKER_URL|RESULT_BACKEND|ACCESS_KEY")
_RESOLVED = re.compile(r"\{\{resolve:secretsmanager:.+?\}\}")
_URL_WITH_PASSWORD = re.compile(r"://[^/@\s:]*:[^/@\s{]+@")
_ACCESS_KEY = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b")
_PRIVATE_KEY = "PRIVATE KEY-----"
_PASSWORD_PROPERTIES = ("MasterUserPassword", "Password", "ClientSecret")
_NEED_EVERYTHING = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "ec2:DescribeNetworkInterfaces",
    "ecs:DescribeTaskDefinition",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "logs:DescribeLogGroups",
}
"""Actions for which AWS knows no resource to name."""


def actions_are_named(stacks: Stacks, _: Facts) -> Iterator[str]:
    """No role may do `*` or `s3:*`."""
    for policy, statement in stacks.statements():
        for action in many(statement.get("Action", [])):
            if "*" in action and statement["Effect"] == "Allow":
                yield f"{policy}: expected actions by name, found {action}"


def resources_are_named(stacks: Stacks, _: Facts) -> Iterator[str]:
    """A role may do something to everything only where AWS knows no resource to name."""
    for policy, statement in stacks.statements():
        if "*" in many(statement.get("Resource", [])):
            unnamed = sorted(set(many(statement["Action"])) - _NEED_EVERYTHING)
            if unnamed:
                yield f"{policy}: expected resources for {', '.join(unnamed)}, found *"


def metrics_go_to_our_namespace(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Whoever publishes metrics does so in the namespace that the alarms read."""
    found = False
    for policy, statement in stacks.statements():
        if "cloudwatch:PutMetricData" in many(statement["Action"]):
            found = True
            if statement.get("Condition") != {"StringEquals": {"cloudwatch:namespace": METRICS_NAMESPACE}}:
                yield f"{policy}: expected cloudwatch:namespace to be {METRICS_NAMESPACE}"
    if not found:
        yield "compute: expected a role that may publish metrics"
    for task, container in stacks.containers():
        for variable in container.get("Environment", []):
            if variable["Name"] == "CLOUDWATCH_NAMESPACE" and variable["Value"] != METRICS_NAMESPACE:
                yield f"{task}: expected CLOUDWATCH_NAMESPACE to be {METRICS_NAMESPACE}, found {variable['Value']}"


def roles_that_are_passed_are_few(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Whoever starts runs passes the execution role and the two roles of runs to ECS, and no other role."""
    for policy, statement in stacks.statements():
        if "iam:PassRole" not in many(statement["Action"]):
            continue
        passed = sorted(_last_name(text(one)) for one in many(statement["Resource"]))
        if passed != ["ExecutionRole", "cleaner", "uploader"]:
            yield f"{policy}: expected to pass the roles of runs and of their execution, found {passed}"
        if statement.get("Condition") != {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}:
            yield f"{policy}: expected roles to be passed to ECS tasks only"


def _last_name(arn: str) -> str:
    if match := re.fullmatch(r"\$\{(ExecutionRole)[A-F0-9]*\.Arn\}", arn):
        return match[1]
    return arn.rpartition("-")[2]


def only_the_cleaner_deletes_media(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Of all roles, one may delete stored media. The reader and the UI write nothing."""
    for policy, statement in stacks.statements():
        actions, resources = many(statement["Action"]), text(statement.get("Resource", ""))
        is_cleaner = policy.id.startswith("Cleaner")
        if "s3:DeleteObject" in actions and f"/{MEDIA_PREFIX}*" in resources and not is_cleaner:
            yield f"{policy}: expected only the cleaner to delete media"
        if policy.id.startswith(("Reader", "Ui")) and any(action.startswith("s3:Put") for action in actions):
            yield f"{policy}: expected the UI to read only, found {actions}"


def nothing_runs_in_lambda(stacks: Stacks, _: Facts) -> Iterator[str]:
    """No stack has a function or a custom resource: they would be code that nobody here maintains."""
    for resource in stacks.resources():
        if (
            resource.type.startswith(("AWS::Lambda::", "Custom::"))
            or resource.type == "AWS::CloudFormation::CustomResource"
        ):
            yield f"{resource}: expected no {resource.type}"


def no_secret_is_written_down(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Secrets come by reference: as secrets of containers, or resolved by CloudFormation when it deploys."""
    for task, container in stacks.containers():
        for variable in container.get("Environment", []):
            if _SECRET_NAMES.search(variable["Name"]):
                yield f"{task}: expected {variable['Name']} to come from a secret"
    for resource in stacks.resources():
        for found in strings(resource.properties):
            plain = _RESOLVED.sub("{}", found)
            if _URL_WITH_PASSWORD.search(plain) or _ACCESS_KEY.search(plain) or _PRIVATE_KEY in plain:
                yield f"{resource}: expected no secret in a template"
        for name, value in _properties(resource.properties):
            if name in _PASSWORD_PROPERTIES and not _RESOLVED.search(text(value)):
                yield f"{resource}: expected {name} to be a reference that CloudFormation resolves"


def _properties(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield str(name), one
            yield from _properties(one)
    elif isinstance(value, list):
        for one in value:
            yield from _properties(one)
