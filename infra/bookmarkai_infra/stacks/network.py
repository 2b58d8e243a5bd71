"""The network: VPC, the way to S3 and to the internet, and who may speak to whom.

All security groups are here, with one table of their rules, so that no two stacks need each other for a rule.
"""

from dataclasses import dataclass
from enum import StrEnum

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from bookmarkai_infra.names import (
    BROKER_PORT,
    CODE_PORT,
    DATABASE_PORT,
    DOOR_PORT,
    EFS_PORT,
    HTTPS_PORT,
    UI_PORT,
    Names,
)
from bookmarkai_infra.stages import Nat, Stage

ISOLATED = "isolated"


class Part(StrEnum):
    """Who has a security group of its own. The last four serve and call nobody."""

    ENTRANCE = "entrance"
    DOOR = "door"
    UI = "ui"
    READ_ONLY_UI = "read-only-ui"
    DAEMON = "daemon"
    WORK = "work"
    """Runs' tasks and workers: what reaches out to strangers' sites."""
    MIGRATION = "migration"
    CODE = "code"
    DATABASE = "database"
    FILES = "files"
    BROKER = "broker"


PASSIVE = frozenset({Part.DATABASE, Part.FILES, Part.BROKER})
"""They answer only, so they need no way out."""


@dataclass(frozen=True)
class Rule:
    """Who may connect to a part's port."""

    caller: Part
    target: Part
    port: int


_DATABASE_CALLERS = (Part.DOOR, Part.UI, Part.READ_ONLY_UI, Part.DAEMON, Part.WORK, Part.MIGRATION, Part.CODE)
RULES = (
    *(Rule(caller, Part.DATABASE, DATABASE_PORT) for caller in _DATABASE_CALLERS),
    *(Rule(caller, Part.CODE, CODE_PORT) for caller in (Part.DAEMON, Part.UI, Part.READ_ONLY_UI)),
    *(Rule(caller, Part.FILES, EFS_PORT) for caller in (Part.WORK, Part.DAEMON, Part.DOOR, Part.CODE)),
    *(Rule(caller, Part.BROKER, BROKER_PORT) for caller in (Part.WORK, Part.DAEMON, Part.UI)),
    Rule(Part.ENTRANCE, Part.DOOR, DOOR_PORT),
    Rule(Part.ENTRANCE, Part.UI, UI_PORT),
    Rule(Part.ENTRANCE, Part.READ_ONLY_UI, UI_PORT),
)


class NetworkStack(cdk.Stack):
    """The VPC and the security groups. Only with an entrance does it let anything in."""

    def __init__(
        self, scope: Construct, *, stage: Stage, names: Names, has_entrance: bool, env: cdk.Environment
    ) -> None:
        super().__init__(scope, names.stack("network"), env=env, description="BookmarkAI network")
        self._has_nat = stage.nat is Nat.GATEWAY
        self.vpc = self._make_vpc(stage, names)
        self.groups = {part: self._make_group(part, names) for part in Part}
        for rule in RULES:
            self.groups[rule.target].add_ingress_rule(
                self.groups[rule.caller], ec2.Port.tcp(rule.port), f"{rule.caller} to {rule.target}"
            )
        if has_entrance:
            self.groups[Part.ENTRANCE].add_ingress_rule(
                ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS_PORT), "everybody, by TLS; the door has tokens, the UI a login"
            )

    @property
    def task_subnets(self) -> ec2.SubnetSelection:
        """Where tasks run: behind NAT, or in public subnets with addresses of their own and nothing let in."""
        kind = ec2.SubnetType.PRIVATE_WITH_EGRESS if self._has_nat else ec2.SubnetType.PUBLIC
        return ec2.SubnetSelection(subnet_type=kind)

    @property
    def has_public_addresses(self) -> bool:
        """Whether a task needs a public address to reach the internet."""
        return not self._has_nat

    def _make_vpc(self, stage: Stage, names: Names) -> ec2.Vpc:
        subnets = [
            ec2.SubnetConfiguration(
                name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=20, map_public_ip_on_launch=False
            ),
            ec2.SubnetConfiguration(name=ISOLATED, subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
        ]
        if self._has_nat:
            subnets.append(
                ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20)
            )
        return ec2.Vpc(
            self,
            "Vpc",
            vpc_name=names.of("vpc"),
            ip_addresses=ec2.IpAddresses.cidr(stage.cidr),
            # Named here, because the CDK would ask the account for them.
            availability_zones=[f"{self.region}{letter}" for letter in "abc"[: stage.zones]],
            nat_gateways=stage.nat_gateways if self._has_nat else 0,
            subnet_configuration=subnets,
            # The endpoint lets everything through: some videos are in strangers' buckets, and images are in AWS's own.
            gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
            flow_logs={
                "Rejected": ec2.FlowLogOptions(
                    traffic_type=ec2.FlowLogTrafficType.REJECT,
                    destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                        logs.LogGroup(
                            self,
                            "FlowLogs",
                            log_group_name=f"{names.log_group}/rejected",
                            retention=logs.RetentionDays.TWO_WEEKS,
                            removal_policy=cdk.RemovalPolicy.DESTROY,
                        )
                    ),
                )
            },
        )

    def _make_group(self, part: Part, names: Names) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self,
            f"{part.title().replace('-', '')}Group",
            vpc=self.vpc,
            security_group_name=names.of(part),
            description=f"BookmarkAI {part}",
            allow_all_outbound=part not in PASSIVE,
        )
