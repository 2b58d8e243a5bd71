"""The way in: a load balancer with one certificate, where the host name says which part is asked.

The door checks its callers' tokens itself. Dagster's UI has no login of its own, so nobody comes to it without one.
"""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from bookmarkai_infra.installation import Entrance, Login
from bookmarkai_infra.names import DOOR_PORT, HTTPS_PORT, UI_PORT, Names
from bookmarkai_infra.stacks.network import NetworkStack, Part

_UI_PATH = "/server_info"
_DOOR_PATH = "/readyz"


def open_entrance(
    scope: Construct,
    entrance: Entrance,
    *,
    names: Names,
    network: NetworkStack,
    logs_bucket: s3.IBucket,
    door: ecs.FargateService,
    ui: ecs.FargateService,
    read_only_ui: ecs.FargateService,
) -> elb.ApplicationLoadBalancer:
    """Make the load balancer with a rule for each part. Other host names are answered with 404."""
    balancer = elb.ApplicationLoadBalancer(
        scope,
        "Entrance",
        load_balancer_name=names.of("entrance"),
        vpc=network.vpc,
        internet_facing=True,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        security_group=network.groups[Part.ENTRANCE],
        drop_invalid_header_fields=True,
        desync_mitigation_mode=elb.DesyncMitigationMode.STRICTEST,
        # Requests of the door end within 10 s, pages of Dagster keep a websocket open.
        idle_timeout=cdk.Duration.seconds(300),
    )
    balancer.log_access_logs(logs_bucket, "entrance")
    listener = balancer.add_listener(
        "Https",
        port=HTTPS_PORT,
        protocol=elb.ApplicationProtocol.HTTPS,
        certificates=[elb.ListenerCertificate.from_arn(entrance.certificate_arn)],
        ssl_policy=elb.SslPolicy.TLS13_RES,
        default_action=elb.ListenerAction.fixed_response(404),
        open=False,
    )
    parts = (
        ("Door", entrance.door_host, door, DOOR_PORT, _DOOR_PATH, None),
        ("Ui", entrance.ui_host, ui, UI_PORT, _UI_PATH, entrance.login),
        ("ReadOnlyUi", entrance.read_only_host, read_only_ui, UI_PORT, _UI_PATH, entrance.login),
    )
    for priority, (name, host, service, port, path, login) in enumerate(parts, start=1):
        group = elb.ApplicationTargetGroup(
            scope,
            f"{name}Targets",
            vpc=network.vpc,
            port=port,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.IP,
            targets=[service],
            deregistration_delay=cdk.Duration.seconds(30),
            health_check=elb.HealthCheck(
                path=path,
                interval=cdk.Duration.seconds(15),
                timeout=cdk.Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=4,
            ),
        )
        forward = elb.ListenerAction.forward([group])
        listener.add_action(
            f"{name}Rule",
            priority=priority,
            conditions=[elb.ListenerCondition.host_headers([host])],
            action=forward if login is None else _log_in(login, forward),
        )
    return balancer


def _log_in(login: Login, following: elb.ListenerAction) -> elb.ListenerAction:
    return elb.ListenerAction.authenticate_oidc(
        issuer=login.issuer,
        authorization_endpoint=login.authorization_endpoint,
        token_endpoint=login.token_endpoint,
        user_info_endpoint=login.user_info_endpoint,
        client_id=login.client_id,
        # A reference that CloudFormation resolves; the template has no secret.
        client_secret=cdk.SecretValue.secrets_manager(login.secret_name),
        session_timeout=cdk.Duration.hours(12),
        allow_https_outbound=False,
        next=following,
    )
