"""Each mistake that was planted into good templates is found by the rule that is there for it."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from bookmarkai_infra.checks.rules import RULES, apply_rules
from bookmarkai_infra.checks.stacks import Facts, Json, Resource, Stacks
from tests.linting import lint

Plant = Callable[[Stacks], None]


def _first(stacks: Stacks, type_: str, start: str = "") -> Resource:
    return next(one for one in stacks.resources(type_) if one.id.startswith(start))


def _properties(stacks: Stacks, type_: str, start: str = "") -> Json:
    return _first(stacks, type_, start).properties


def _set(type_: str, path: str, value: object, start: str = "") -> Plant:
    """Set a property. A path is keys and indices with dots; None as the value removes it."""

    def plant(stacks: Stacks) -> None:
        target = _properties(stacks, type_, start)
        *parts, last = path.split(".")
        for part in parts:
            target = target[int(part) if isinstance(target, list) else part]
        if value is None:
            del target[last]
        else:
            target[int(last) if isinstance(target, list) else last] = value

    return plant


def _statement(start: str, sid: str, **change: object) -> Plant:
    """Change the statement of a role's policy. None removes a key."""

    def plant(stacks: Stacks) -> None:
        document = _properties(stacks, "AWS::IAM::Policy", start)["PolicyDocument"]
        statement = next(one for one in document["Statement"] if one.get("Sid") == sid)
        for key, value in change.items():
            if value is None:
                del statement[key]
            else:
                statement[key] = value

    return plant


def _container(start: str, **change: object) -> Plant:
    def plant(stacks: Stacks) -> None:
        container = _properties(stacks, TASK, start)["ContainerDefinitions"][0]
        for key, value in change.items():
            if value is None:
                del container[key]
            else:
                container[key] = value

    return plant


def _environment(start: str, name: str, value: str) -> Plant:
    def plant(stacks: Stacks) -> None:
        _no_environment(start, name)(stacks)
        _properties(stacks, TASK, start)["ContainerDefinitions"][0]["Environment"].append(
            {"Name": name, "Value": value}
        )

    return plant


def _no_environment(start: str, name: str) -> Plant:
    def plant(stacks: Stacks) -> None:
        container = _properties(stacks, TASK, start)["ContainerDefinitions"][0]
        container["Environment"] = [one for one in container["Environment"] if one["Name"] != name]

    return plant


def _secret(start: str, name: str, source: str) -> Plant:
    def plant(stacks: Stacks) -> None:
        container = _properties(stacks, TASK, start)["ContainerDefinitions"][0]
        others = [one for one in container["Secrets"] if one["Name"] != name]
        container["Secrets"] = [*others, {"Name": name, "ValueFrom": source}]

    return plant


def _add(stack: str, type_: str, **properties: object) -> Plant:
    def plant(stacks: Stacks) -> None:
        stacks.templates[stack]["Resources"]["Planted"] = {"Type": type_, "Properties": properties}

    return plant


def _without(type_: str, start: str = "") -> Plant:
    def plant(stacks: Stacks) -> None:
        found = _first(stacks, type_, start)
        del stacks.templates[found.stack]["Resources"][found.id]

    return plant


def _body(type_: str, key: str, value: object, start: str = "") -> Plant:
    def plant(stacks: Stacks) -> None:
        found = _first(stacks, type_, start)
        stacks.templates[found.stack]["Resources"][found.id][key] = value

    return plant


def _query(start: str, id_: str, **change: object) -> Plant:
    def plant(stacks: Stacks) -> None:
        metrics = _properties(stacks, ALARM, start)["Metrics"]
        next(one for one in metrics if one["Id"] == id_).update(change)

    return plant


BUCKET, QUEUE, TASK, SERVICE = "AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::ECS::TaskDefinition", "AWS::ECS::Service"
ALARM, BUDGET, DISTRIBUTION = "AWS::CloudWatch::Alarm", "AWS::Budgets::Budget", "AWS::CloudFront::Distribution"
SCALING, BROKER, DATABASE = (
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::AmazonMQ::Broker",
    "AWS::RDS::DBInstance",
)
EFS, LISTENER_RULE = "AWS::EFS::FileSystem", "AWS::ElasticLoadBalancingV2::ListenerRule"
_EVENTS = "NotificationConfiguration.QueueConfigurations.0"
_NOTICE = "NotificationsWithSubscribers.0.Notification"
_DEPLOYMENT = "DeploymentConfiguration"
_TRACKING = "TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics"


@dataclass(frozen=True)
class Fault:
    """A mistake, the rule that must find it, and the stage that has what it spoils."""

    name: str
    rule: str
    plant: Plant
    stage: str = "prod"


FAULTS = (
    Fault("public policies allowed", "buckets_are_closed", _set(BUCKET, "PublicAccessBlockConfiguration.BlockPublicPolicy", False)),
    Fault("plain http allowed", "buckets_are_closed", _without("AWS::S3::BucketPolicy", "Media")),
    Fault("encrypted by KMS", "buckets_are_closed", _set(BUCKET, "BucketEncryption", {"X": "aws:kms"}, "Media")),
    Fault("no access logs", "buckets_write_access_logs", _set(BUCKET, "LoggingConfiguration", None, "Media")),
    Fault("expiry not as S3_EXPIRY_DAYS", "temporary_media_expire", _set(BUCKET, "LifecycleConfiguration.Rules.0.ExpirationInDays", 30, "Media")),
    Fault("expiry for another prefix", "temporary_media_expire", _set(BUCKET, "LifecycleConfiguration.Rules.0.Prefix", "tmp/", "Media")),
    Fault("expiry switched off", "temporary_media_expire", _set(BUCKET, "LifecycleConfiguration.Rules.0.Status", "Disabled", "Media")),
    Fault("incomplete uploads kept", "temporary_media_expire", _set(BUCKET, "LifecycleConfiguration.Rules.2.AbortIncompleteMultipartUpload.DaysAfterInitiation", 7, "Media")),
    Fault("no queue policy", "events_reach_the_queue", _without("AWS::SQS::QueuePolicy", "EventsPolicy")),
    Fault("queue policy of another bucket", "events_reach_the_queue", _set(BUCKET, "BucketName", "bookmarkai-media-prod-999922223333", "Media")),
    Fault("notification before the policy", "events_reach_the_queue", _body(BUCKET, "DependsOn", [], "Media")),
    Fault("events of all keys", "events_reach_the_queue", _set(BUCKET, f"{_EVENTS}.Filter.S3Key.Rules.0.Value", "temp/", "Media")),
    Fault("events of PUT only", "events_reach_the_queue", _set(BUCKET, f"{_EVENTS}.Event", "s3:ObjectCreated:Put", "Media")),
    Fault("no dead-letter queue", "queues_have_a_dead_letter_queue", _set(QUEUE, "RedrivePolicy", None, "Events")),
    Fault("dead events forgotten", "queues_have_a_dead_letter_queue", _set(QUEUE, "MessageRetentionPeriod", 3600, "DeadEvents")),
    Fault("uploads from any page", "uploads_come_from_known_pages", _set(BUCKET, "CorsConfiguration.CorsRules.0.AllowedOrigins", ["*"], "Media")),
    Fault("pages may read", "uploads_come_from_known_pages", _set(BUCKET, "CorsConfiguration.CorsRules.0.AllowedMethods", ["GET", "PUT"], "Media")),
    Fault("links without signatures", "cdn_serves_signed_links_only", _set(DISTRIBUTION, "DistributionConfig.DefaultCacheBehavior.TrustedKeyGroups", None)),
    Fault("no origin access control", "cdn_serves_signed_links_only", _set(DISTRIBUTION, "DistributionConfig.Origins.0.OriginAccessControlId", None)),
    Fault("key group without its key", "cdn_serves_signed_links_only", _without("AWS::CloudFront::PublicKey")),
    Fault("any action", "actions_are_named", _statement("Uploader", "Media", Action="s3:*")),
    Fault("any object", "resources_are_named", _statement("Uploader", "Media", Resource="*")),
    Fault("metrics to any namespace", "metrics_go_to_our_namespace", _statement("Code", "Metrics", Condition=None)),
    Fault("metrics to another namespace", "metrics_go_to_our_namespace", _statement("Code", "Metrics", Condition={"StringEquals": {"cloudwatch:namespace": "Media/Storage"}})),
    Fault("any role passed", "roles_that_are_passed_are_few", _statement("Launcher", "Pass", Resource="*"), "dev"),
    Fault("roles passed to anything", "roles_that_are_passed_are_few", _statement("Launcher", "Pass", Condition=None), "dev"),
    Fault("the door's role passed", "roles_that_are_passed_are_few", _statement("Launcher", "Pass", Resource=["arn:aws:iam::111122223333:role/bookmarkai-dev-door"]), "dev"),
    Fault("the door deletes media", "only_the_cleaner_deletes_media", _statement("Door", "Media", Action=["s3:GetObject", "s3:DeleteObject"])),
    Fault("the UI writes", "only_the_cleaner_deletes_media", _statement("Reader", "Logs", Action=["s3:GetObject", "s3:PutObject"])),
    Fault("a Lambda function", "nothing_runs_in_lambda", _add("media", "AWS::Lambda::Function")),
    Fault("a custom resource", "nothing_runs_in_lambda", _add("media", "Custom::S3BucketNotifications")),
    Fault("a password in the environment", "no_secret_is_written_down", _environment("Door", "CATALOG_PASSWORD", "hunter2")),
    Fault("a password in a URL", "no_secret_is_written_down", _environment("Door", "CATALOG_URL", "postgresql://bookmarkai:hunter2@db/x")),
    Fault("the broker's password", "no_secret_is_written_down", _set(BROKER, "Users.0.Password", "hunter2hunter2")),
    Fault("the database's password", "no_secret_is_written_down", _set(DATABASE, "MasterUserPassword", "hunter2hunter2")),
    Fault("two daemons", "the_daemon_runs_once", _set(SERVICE, "DesiredCount", 2, "Daemon")),
    Fault("two daemons in a deployment", "the_daemon_runs_once", _set(SERVICE, f"{_DEPLOYMENT}.MaximumPercent", 200, "Daemon")),
    Fault("no rollback", "deployments_roll_back", _set(SERVICE, f"{_DEPLOYMENT}.DeploymentCircuitBreaker.Rollback", False, "Door")),
    Fault("no health check", "services_are_probed", _container("Worker", HealthCheck=None)),
    Fault("a stop that Fargate refuses", "tasks_have_time_to_stop", _container("Worker", StopTimeout=600)),
    Fault("the image latest", "images_are_pinned", _container("Code", Image="111122223333.dkr.ecr.us-east-1.amazonaws.com/bookmarkai-prod:latest")),
    Fault("tags that move", "images_are_pinned", _set("AWS::ECR::Repository", "ImageTagMutability", "MUTABLE")),
    Fault("a setting that nothing reads", "settings_are_known", _environment("Run", "S3_BUCKET", "x")),
    Fault("a disk without TLS", "disks_are_mounted_by_role", _set(TASK, "Volumes.0.EFSVolumeConfiguration.TransitEncryption", "DISABLED", "Run")),
    Fault("a port that nobody may reach", "services_listen_where_they_are_called", _container("Door", PortMappings=[{"ContainerPort": 9999}])),
    Fault("Dagster's UI without a login", "nobody_reaches_the_ui_without_a_login", _set(LISTENER_RULE, "Actions", [{"Type": "forward"}], "EntranceHttpsUiRule")),
    Fault("an unknown id in an alarm", "expressions_know_their_ids", _query("UploadsFail", "tried", Id="attempts")),
    Fault("an unknown id in scaling", "expressions_know_their_ids", _set(SCALING, f"{_TRACKING}.0.Expression", "due / worker", "WorkersByDueShares")),
    Fault("two results of an alarm", "expressions_know_their_ids", _query("UploadsFail", "failed", ReturnData=True)),
    Fault("no minimum sample", "rates_have_a_minimum_sample", _query("UploadsFail", "expr_1", Expression="100 * failed / tried")),
    Fault("a metric that nobody publishes", "metrics_are_published", _set(ALARM, "MetricName", "AccessDenials", "AccessIsDenied")),
    Fault("a dimension that nobody publishes", "metrics_are_published", _set(ALARM, "Dimensions", [{"Name": "Bucket", "Value": "x"}], "AccessIsDenied")),
    Fault("scaling by another metric", "metrics_are_published", _set(SCALING, f"{_TRACKING}.1.MetricStat.Metric.MetricName", "QueueLength", "WorkersByDueShares")),
    Fault("a percentile as a statistic", "statistics_are_in_their_place", _set(ALARM, "Statistic", "p95", "SharesWait")),
    Fault("an alarm that tells nobody", "alarms_tell_somebody", _set(ALARM, "AlarmActions", [], "AccessIsDenied")),
    Fault("a topic that alarms may not use", "alarms_tell_somebody", _without("AWS::SNS::TopicPolicy")),
    Fault("a budget operator that does not exist", "budgets_are_well_formed", _set(BUDGET, f"{_NOTICE}.ComparisonOperator", "GREATER_THAN_THRESHOLD")),
    Fault("a budget that tells too late", "budgets_are_well_formed", _set(BUDGET, f"{_NOTICE}.Threshold", 100)),
    Fault("a broker that cannot cluster", "brokers_can_be_made", _set(BROKER, "HostInstanceType", "mq.t3.micro")),
    Fault("a broker for everybody", "brokers_can_be_made", _set(BROKER, "PubliclyAccessible", True)),
    Fault("a queue that the sensor does not know", "uploads_are_noticed", _no_environment("Code", "UPLOAD_EVENTS_QUEUE_URL")),
    Fault("another queue", "uploads_are_noticed", _environment("Code", "UPLOAD_EVENTS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/111122223333/bookmarkai-prod-upload-events-dead")),
    Fault("a queue that is not notified", "uploads_are_noticed", _set(BUCKET, "NotificationConfiguration", None, "Media")),
    Fault("messages that cannot be deleted", "uploads_are_noticed", _statement("Code", "Events", Action=["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"])),
    Fault("a doctor that may not look", "uploads_are_noticed", _statement("Cleaner", "Events", Action="sqs:ListQueues")),
    Fault("acceleration that is off", "acceleration_is_on_where_it_is_used", _set(BUCKET, "AccelerateConfiguration", None, "Media")),
    Fault("acceleration for a worker", "acceleration_is_on_where_it_is_used", _environment("Worker", "S3_USE_ACCELERATE", "true")),
    Fault("acceleration that nobody uses", "acceleration_is_on_where_it_is_used", _no_environment("Door", "S3_USE_ACCELERATE")),
    Fault("links to another CDN", "links_to_the_cdn_can_be_made", _environment("Operator", "CDN_URL", "https://other.example.com")),
    Fault("links to CloudFront's own name", "links_to_the_cdn_can_be_made", _environment("Operator", "CDN_URL", "https://d111111abcdef8.cloudfront.net"), "dev"),
    Fault("the CDN's key for runs", "links_to_the_cdn_can_be_made", _secret("Run", "CDN_PRIVATE_KEY", "arn:aws:secretsmanager:us-east-1:111122223333:secret:cdn:private_key::")),
    Fault("keys of two secrets", "links_to_the_cdn_can_be_made", _secret("Operator", "CDN_KEY_ID", "arn:aws:secretsmanager:us-east-1:111122223333:secret:old:key_id::")),
    Fault("the CDN's key in the environment", "no_secret_is_written_down", _environment("Operator", "CDN_PRIVATE_KEY", "MIIE")),
    Fault("the door's page may not upload", "uploads_come_from_known_pages", _set(BUCKET, "CorsConfiguration.CorsRules.0.AllowedOrigins", ["https://app.example.com"], "Media")),
    Fault("a bucket deleted with its stack", "data_outlive_their_stack", _body(BUCKET, "DeletionPolicy", "Delete", "Media")),
    Fault("a database deleted with its stack", "data_outlive_their_stack", _body(DATABASE, "UpdateReplacePolicy", "Delete")),
    Fault("a public database", "the_database_is_private", _set(DATABASE, "PubliclyAccessible", True)),
    Fault("a major version", "the_database_is_private", _set(DATABASE, "EngineVersion", "17")),
    Fault("a disk for everybody", "the_disk_has_roles_only", _set(EFS, "FileSystemPolicy.Statement.0.Effect", "Allow")),
    Fault("a disk without a policy", "the_disk_has_roles_only", _set(EFS, "FileSystemPolicy", None)),
    Fault("the door open to all", "only_the_entrance_is_open", _set("AWS::EC2::SecurityGroup", "SecurityGroupIngress", [{"CidrIp": "0.0.0.0/0", "FromPort": 8080, "ToPort": 8080}], "DoorGroup")),
    Fault("no way to S3", "media_go_to_s3_without_nat", _without("AWS::EC2::VPCEndpoint")),
)  # fmt: skip


def _planted(stacks: Mapping[str, Stacks], stage: str, plant: Plant) -> Stacks:
    spoiled = Stacks(copy.deepcopy(dict(stacks[stage].templates)))
    plant(spoiled)
    return spoiled


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(stacks: Mapping[str, Stacks], facts: Facts, fault: Fault) -> None:
    """The named rule finds it."""
    rule = next(rule for rule in RULES if rule.__name__ == fault.rule)
    assert list(rule(_planted(stacks, fault.stage, fault.plant), facts)) != []


def test_every_rule_finds_a_planted_fault() -> None:
    """A rule that never found anything may not be able to."""
    assert {rule.__name__ for rule in RULES} == {fault.rule for fault in FAULTS}


def test_a_metric_that_the_pipeline_renames_is_missed(stacks: Mapping[str, Stacks], facts: Facts) -> None:
    """The rules read the pipeline's code, so a change there is found as well as one here."""
    renamed = replace(facts, metrics=frozenset(facts.metrics) - {"DueShares"})
    assert {rule for rule, _ in apply_rules(stacks["prod"], renamed)} == {"metrics_are_published"}


LINTED = (
    ("an action that does not exist", "W3037", _statement("Uploader", "Media", Action="s3:PutObjects"), "compute"),
    ("a class of database that does not exist", "E3025", _set(DATABASE, "DBInstanceClass", "db.t9.micro"), "data"),
    ("a value of the wrong type", "E3012", _set(SERVICE, "DesiredCount", "many", "Door"), "compute"),
    ("a reference to nothing", "E1020", _set(ALARM, "AlarmActions", [{"Ref": "Nothing"}]), "watch"),
)


@pytest.mark.parametrize(("name", "rule", "plant", "stack"), LINTED, ids=[one[0] for one in LINTED])
def test_cfn_lint_finds_a_planted_fault(
    stacks: Mapping[str, Stacks], name: str, rule: str, plant: Plant, stack: str
) -> None:
    """It knows IAM's actions and the values of properties, which no other tool does."""
    found = lint(json.dumps(_planted(stacks, "prod", plant).templates[stack]))
    assert any(line.startswith(rule) for line in found), (name, found)
