"""Both stages pass all tools and all rules."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from bookmarkai_infra.build import ROOT
from bookmarkai_infra.checks.findings import acknowledged, read_findings, read_tools
from bookmarkai_infra.checks.rules import apply_rules
from bookmarkai_infra.checks.stacks import Facts, Stacks, text
from bookmarkai_infra.stages import STAGES
from tests.conftest import FAULTY, PAUSED
from tests.linting import lint
from tests.paused_app import MIGRATION_TAG

DEPLOYED = ROOT.parent / "deploy" / "ecs"
stages = pytest.mark.parametrize("stage", STAGES)


@stages
def test_no_tool_finds_what_is_not_acknowledged(synthesized: Mapping[str, Path], stage: str) -> None:
    """What cdk-nag, cdk-preflight and the CDK's own validator find has a reason to be as it is."""
    assert sorted(read_findings(synthesized[stage]) - acknowledged(stage)) == []


@stages
def test_every_acknowledgement_is_still_needed(synthesized: Mapping[str, Path], stage: str) -> None:
    """What no tool finds any more needs no reason, and would hide the next finding."""
    assert sorted(acknowledged(stage) - read_findings(synthesized[stage])) == []


@pytest.mark.parametrize(
    ("tool", "rule"),
    [
        ("cdk-nag: a bucket without TLS", "AwsSolutions-S10"),
        ("cdk-nag: a bucket without access logs", "AwsSolutions-S1"),
        ("cdk-nag: a security group open to all", "AwsSolutions-EC23"),
        ("cdk-preflight: a password that cannot be made", "pf-secretsmanager-generate-secret-string"),
        ("the CDK's validator: a property that does not exist", "F3002"),
        ("the CDK's validator: a sensitive port open to all", "W2508"),
    ],
)
def test_the_tools_find_planted_faults(synthesized: Mapping[str, Path], tool: str, rule: str) -> None:
    """A tool that reports nothing about the stages has looked at them all the same."""
    assert rule in {finding.rule for finding in read_findings(synthesized[FAULTY])}, tool


@stages
def test_the_tools_have_run(synthesized: Mapping[str, Path], stage: str) -> None:
    """A tool that reports nothing has not looked."""
    assert read_tools(synthesized[stage]) >= {"AwsSolutions", "CloudFormation Validate"}


@stages
def test_cfn_lint_finds_nothing(synthesized: Mapping[str, Path], stage: str) -> None:
    """cfn-lint alone knows the actions of IAM and the values of many properties."""
    assert [
        found for file in sorted(synthesized[stage].glob("*.template.json")) for found in lint(file.read_text())
    ] == []


@stages
def test_our_rules_find_nothing(stacks: Mapping[str, Stacks], facts: Facts, stage: str) -> None:
    """What no tool sees is as the pipeline needs it."""
    assert list(apply_rules(stacks[stage], facts)) == []


def test_the_first_deployment_starts_no_task(synthesized: Mapping[str, Path]) -> None:
    """Nothing scales them up either. The migration has its own image, which may be ahead of the others'."""
    paused = Stacks.read(synthesized[PAUSED])
    assert {service.properties["DesiredCount"] for service in paused.resources("AWS::ECS::Service")} == {0}
    assert list(paused.resources("AWS::ApplicationAutoScaling::ScalableTarget")) == []
    tags = {container["Name"]: text(container["Image"]).rpartition(":")[2] for _, container in paused.containers()}
    assert [name for name, tag in tags.items() if tag == MIGRATION_TAG] == ["migration"]


@pytest.mark.parametrize(("stage", "file"), [("dev", "dagster.yaml"), ("prod", "dagster-celery.yaml")])
def test_a_run_has_as_long_to_start_as_dagster_gives_it(stacks: Mapping[str, Stacks], stage: str, file: str) -> None:
    """The sensor dead_runs would end it before its task has started, and no run would ever do its work."""
    monitoring = yaml.safe_load((DEPLOYED / file).read_text())["run_monitoring"]
    found = {
        variable["Value"]
        for _, container in stacks[stage].containers()
        for variable in container["Environment"]
        if variable["Name"] == "WORKER_START_SECONDS"
    }
    assert found == {str(monitoring["start_timeout_seconds"])}


def test_what_is_scaled_has_no_number_of_its_own(stacks: Mapping[str, Stacks]) -> None:
    """A deployment would set it back, in the middle of a rush."""
    services = {one.properties["ServiceName"]: one.properties for one in stacks["prod"].resources("AWS::ECS::Service")}
    without = {name for name, properties in services.items() if "DesiredCount" not in properties}
    assert without == {"door", "worker"}
    assert len(list(stacks["prod"].resources("AWS::ApplicationAutoScaling::ScalableTarget"))) == len(without)
