"""Rules of alarms, metrics, scaling and the budget."""

import re
from collections.abc import Iterator, Mapping

from bookmarkai_infra.checks.stacks import Facts, Json, Resource, Stacks, text
from bookmarkai_infra.names import METRICS_NAMESPACE
from bookmarkai_infra.stages import CLUSTER_BROKERS, SINGLE_BROKERS

_ALARM, _BUDGET = "AWS::CloudWatch::Alarm", "AWS::Budgets::Budget"
_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
_IDENTIFIER = re.compile(r"\b[a-z][A-Za-z0-9_]*\b")
_BUDGET_OPERATORS = {"GREATER_THAN", "LESS_THAN", "EQUAL_TO"}
_BUDGET_KINDS = {"ACTUAL", "FORECASTED"}
_MAX_SUBSCRIBERS = 5
_STATISTICS = {"Average", "Maximum", "Minimum", "SampleCount", "Sum"}


def expressions_know_their_ids(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Each name in an expression is a metric beside it, every metric is used, and one result is returned."""
    for resource, queries in _queries(stacks):
        ids = {query["Id"] for query in queries}
        used: set[str] = set()
        for query in queries:
            names = set(_IDENTIFIER.findall(query.get("Expression", "")))
            used |= names
            for name in sorted(names - ids):
                yield f"{resource}: expected {query['Expression']!r} to name metrics beside it, found {name}"
        results = [query["Id"] for query in queries if query.get("ReturnData", True)]
        if len(results) != 1:
            yield f"{resource}: expected one result, found {results}"
        for name in sorted(ids - used - set(results)):
            yield f"{resource}: expected {name} to be used"


def rates_have_a_minimum_sample(stacks: Stacks, _: Facts) -> Iterator[str]:
    """A rate or a mean of a few transfers says nothing, so such an alarm asks first how many there were."""
    for alarm in stacks.resources(_ALARM):
        queries = alarm.properties.get("Metrics", [])
        is_of_parts = any("/" in query.get("Expression", "") for query in queries)
        means = [_stat(query)[1] for query in queries if "MetricStat" in query] + [alarm.properties.get("Statistic")]
        if (is_of_parts or "Average" in means) and not any(
            re.search(r"IF\(\w+ >= [1-9][0-9]*,", query.get("Expression", "")) for query in queries
        ):
            yield f"{alarm}: expected a minimum sample, such as IF(tried >= 20, …, 0)"


def metrics_are_published(stacks: Stacks, facts: Facts) -> Iterator[str]:
    """Alarms, scaling and the dashboard read metrics that the pipeline publishes, without dimensions."""
    for resource, queries in _queries(stacks):
        for query in queries:
            if "MetricStat" in query:
                metric = query["MetricStat"]["Metric"]
                yield from _unpublished(resource, metric.get("Namespace"), metric.get("MetricName"), metric, facts)
    for alarm in stacks.resources(_ALARM):
        found = alarm.properties
        if "MetricName" in found:
            yield from _unpublished(alarm, found["Namespace"], found["MetricName"], found, facts)
    for dashboard in stacks.resources("AWS::CloudWatch::Dashboard"):
        body = text(dashboard.properties["DashboardBody"])
        for name in re.findall(rf'\["{re.escape(METRICS_NAMESPACE)}","(\w+)"', body):
            if name not in facts.metrics:
                yield f"{dashboard}: expected a metric that the pipeline publishes, found {name}"


def _unpublished(
    resource: Resource, namespace: Json, name: Json, metric: Mapping[str, Json], facts: Facts
) -> Iterator[str]:
    if namespace != METRICS_NAMESPACE:
        if not str(namespace).startswith(("AWS/", "ECS/")):
            yield f"{resource}: expected a namespace of AWS's or {METRICS_NAMESPACE}, found {namespace}"
        return
    if name not in facts.metrics:
        yield f"{resource}: expected a metric that the pipeline publishes, found {name}"
    if metric.get("Dimensions"):
        yield f"{resource}: expected no dimensions, which the pipeline's metrics do not have"


def statistics_are_in_their_place(stacks: Stacks, _: Facts) -> Iterator[str]:
    """A percentile is an extended statistic; CloudWatch refuses it among the others."""
    for alarm in stacks.resources(_ALARM):
        statistic = alarm.properties.get("Statistic")
        if statistic is not None and statistic not in _STATISTICS:
            yield f"{alarm}: expected ExtendedStatistic for {statistic}"


def alarms_tell_somebody(stacks: Stacks, _: Facts) -> Iterator[str]:
    """Each alarm publishes to a topic that lets alarms and budgets publish, and that somebody reads."""
    topics = {topic.id: topic for topic in stacks.resources("AWS::SNS::Topic")}
    for alarm in stacks.resources(_ALARM):
        if not {action.get("Ref") for action in alarm.properties.get("AlarmActions", [])} & topics.keys():
            yield f"{alarm}: expected an action that tells somebody"
    for topic in topics.values():
        readers = [
            one for one in stacks.resources("AWS::SNS::Subscription") if one.properties["TopicArn"] == {"Ref": topic.id}
        ]
        if not readers:
            yield f"{topic}: expected a subscription"
        allowed = {
            text(statement.get("Principal"))
            for policy in stacks.resources("AWS::SNS::TopicPolicy")
            if {"Ref": topic.id} in policy.properties["Topics"]
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
        }
        for service in ("cloudwatch.amazonaws.com", "budgets.amazonaws.com"):
            if not any(service in principal for principal in allowed):
                yield f"{topic}: expected {service} to be let in by its policy"


def budgets_are_well_formed(stacks: Stacks, _: Facts) -> Iterator[str]:
    """A budget has operators and kinds that exist, and tells somebody before all of it is spent."""
    for budget in stacks.resources(_BUDGET):
        notifications = budget.properties.get("NotificationsWithSubscribers", [])
        for one in notifications:
            notification = one["Notification"]
            for key, known in (("ComparisonOperator", _BUDGET_OPERATORS), ("NotificationType", _BUDGET_KINDS)):
                if notification[key] not in known:
                    yield f"{budget}: expected {key} to be one of {sorted(known)}, found {notification[key]}"
            if len(one.get("Subscribers", [])) not in range(1, _MAX_SUBSCRIBERS + 1):
                yield f"{budget}: expected a subscriber"
        if not any(one["Notification"]["Threshold"] < 100 for one in notifications):  # noqa: PLR2004 - percent
            yield f"{budget}: expected to be told before all of it is spent"


def brokers_can_be_made(stacks: Stacks, _: Facts) -> Iterator[str]:
    """An instance type can do what its deployment mode needs, and nobody reaches it from outside."""
    for broker in stacks.resources("AWS::AmazonMQ::Broker"):
        is_cluster = broker.properties["DeploymentMode"] == "CLUSTER_MULTI_AZ"
        allowed = CLUSTER_BROKERS if is_cluster else SINGLE_BROKERS
        if broker.properties["HostInstanceType"] not in allowed:
            yield f"{broker}: expected one of {', '.join(allowed)}, found {broker.properties['HostInstanceType']}"
        if not is_cluster and len(broker.properties.get("SubnetIds", [])) != 1:
            yield f"{broker}: expected one subnet for a single instance"
        if broker.properties.get("PubliclyAccessible", True):
            yield f"{broker}: expected no access from outside"


def _queries(stacks: Stacks) -> Iterator[tuple[Resource, list[Mapping[str, Json]]]]:
    for alarm in stacks.resources(_ALARM):
        if alarm.properties.get("Metrics"):
            yield alarm, alarm.properties["Metrics"]
    for policy in stacks.resources(_POLICY):
        tracking = policy.properties.get("TargetTrackingScalingPolicyConfiguration", {})
        if metrics := tracking.get("CustomizedMetricSpecification", {}).get("Metrics"):
            yield policy, metrics


def _stat(query: Mapping[str, Json]) -> tuple[str, str]:
    return str(query["MetricStat"]["Metric"].get("MetricName")), str(query["MetricStat"].get("Stat"))
