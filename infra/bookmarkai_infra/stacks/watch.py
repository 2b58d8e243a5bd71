"""Watch: the alarms of the guide, a budget, a dashboard, and the topic that tells people.

A share of failures says nothing while there is little to fail, so those alarms wait for a minimum sample.
"""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from bookmarkai_infra.installation import Installation
from bookmarkai_infra.names import METRICS_NAMESPACE, Names
from bookmarkai_infra.stages import Stage

MIN_SAMPLE = 20
"""Transfers below which a rate or a mean raises no alarm."""
MAX_FAILURE_PERCENT = 5
MAX_UPLOAD_SECONDS = 30
MAX_DUE_SECONDS = 1800
BILLING_REGION = "us-east-1"
"""The only region that has the metric of charges."""
_PERIOD = cdk.Duration.minutes(5)
_GIGABYTE = 1024**3


class WatchStack(cdk.Stack):
    """What tells people that something is wrong, or dear."""

    def __init__(
        self, scope: Construct, *, stage: Stage, installation: Installation, names: Names, env: cdk.Environment
    ) -> None:
        super().__init__(
            scope, names.stack("watch"), env=env, description="BookmarkAI watch: alarms, budget, dashboard"
        )
        self._names = names
        self.topic = self._make_topic(installation)
        alarms = [self._uploads_fail(), self._uploads_are_slow(), self._access_is_denied()]
        if installation.region == BILLING_REGION:
            alarms.append(self._charges(stage))
        alarms += [self._events_are_dead(), self._shares_wait(), self._database_is_full()]
        for alarm in alarms:
            alarm.add_alarm_action(actions.SnsAction(self.topic))
            alarm.add_ok_action(actions.SnsAction(self.topic))
        self._make_budget(stage)
        self._make_dashboard(alarms)

    def _make_topic(self, installation: Installation) -> sns.Topic:
        topic = sns.Topic(self, "Alerts", topic_name=self._names.of("alerts"), enforce_ssl=True)
        topic.add_subscription(subscriptions.EmailSubscription(installation.alert_email))
        for service in ("cloudwatch", "budgets"):
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"{service.title()}Publishes",
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": self._names.account}},
                )
            )
        return topic

    def _uploads_fail(self) -> cloudwatch.Alarm:
        metric = _expression(
            f"IF(tried >= {MIN_SAMPLE}, 100 * failed / tried, 0)",
            {"tried": _metric("UploadAttempts", "Sum"), "failed": _metric("UploadFailures", "Sum")},
            "failed uploads, %",
        )
        return self._alarm(
            "UploadsFail",
            metric,
            MAX_FAILURE_PERCENT,
            f"More than {MAX_FAILURE_PERCENT}% of uploads fail. Next: bookmarkai metrics --window 1h",
        )

    def _uploads_are_slow(self) -> cloudwatch.Alarm:
        metric = _expression(
            f"IF(uploads >= {MIN_SAMPLE}, mean, 0)",
            {"uploads": _metric("UploadSeconds", "SampleCount"), "mean": _metric("UploadSeconds", "Average")},
            "seconds of an upload, mean",
        )
        return self._alarm(
            "UploadsAreSlow",
            metric,
            MAX_UPLOAD_SECONDS,
            f"Uploads take more than {MAX_UPLOAD_SECONDS} s. Next: bookmarkai metrics --window 1h",
        )

    def _access_is_denied(self) -> cloudwatch.Alarm:
        return self._alarm(
            "AccessIsDenied",
            _metric("AccessDenied", "Sum"),
            0,
            "S3 denied access. Next: bookmarkai storage check --backend s3",
        )

    def _charges(self, stage: Stage) -> cloudwatch.Alarm:
        metric = cloudwatch.Metric(
            namespace="AWS/Billing",
            metric_name="EstimatedCharges",
            dimensions_map={"Currency": "USD"},
            statistic="Maximum",
            period=cdk.Duration.hours(6),
        )
        return self._alarm(
            "Charges",
            metric,
            stage.budget_usd,
            f"The account's charges of this month are above {stage.budget_usd} USD.",
        )

    def _events_are_dead(self) -> cloudwatch.Alarm:
        metric = cloudwatch.Metric(
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions_map={"QueueName": self._names.dead_upload_events},
            statistic="Maximum",
            period=_PERIOD,
        )
        return self._alarm("EventsAreDead", metric, 0, "Events of uploads could not be taken in, five times each.")

    def _shares_wait(self) -> cloudwatch.Alarm:
        return self._alarm(
            "SharesWait",
            _metric("OldestDueSeconds", "Maximum"),
            MAX_DUE_SECONDS,
            f"A share has waited for {MAX_DUE_SECONDS // 60} minutes. Next: bookmarkai doctor",
            periods=3,
        )

    def _database_is_full(self) -> cloudwatch.Alarm:
        metric = cloudwatch.Metric(
            namespace="AWS/RDS",
            metric_name="FreeStorageSpace",
            dimensions_map={"DBInstanceIdentifier": self._names.of("db")},
            statistic="Minimum",
            period=_PERIOD,
        )
        return self._alarm(
            "DatabaseIsFull",
            metric,
            2 * _GIGABYTE,
            "The database has less than 2 GB left, and its storage has not grown by itself.",
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        description: str,
        *,
        periods: int = 1,
        comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    ) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            name,
            alarm_name=self._names.of(name),
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=comparison,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _make_budget(self, stage: Stage) -> None:
        def tell(kind: str, percent: int) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
            return budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(address=self.topic.topic_arn, subscription_type="SNS")
                ],
            )

        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=self._names.of("monthly"),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=stage.budget_usd, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:project${self._names.project_tag}"]},
            ),
            notifications_with_subscribers=[tell("ACTUAL", 80), tell("ACTUAL", 100), tell("FORECASTED", 100)],
        )

    def _make_dashboard(self, alarms: list[cloudwatch.Alarm]) -> None:
        uploads = [_metric("UploadAttempts", "Sum"), _metric("UploadFailures", "Sum"), _metric("AccessDenied", "Sum")]
        seconds = [_metric("UploadSeconds", stat) for stat in ("Average", "p95")]
        downloads = [_metric("DownloadSeconds", stat) for stat in ("Average", "p95")]
        graph = cloudwatch.GraphWidget
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._names.of("media"),
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24)],
                [
                    graph(title="Uploads to S3", left=list(uploads), width=8),
                    graph(title="Seconds of an upload", left=list(seconds), width=8),
                    graph(title="Seconds of reading for transcription", left=list(downloads), width=8),
                ],
                [
                    graph(
                        title="Shares that wait",
                        left=[_metric("DueShares", "Maximum")],
                        right=[_metric("OldestDueSeconds", "Maximum")],
                        width=12,
                    ),
                    graph(title="Tasks running", left=[self._tasks_running()], width=12),
                ],
            ],
        )

    def _tasks_running(self) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="ECS/ContainerInsights",
            metric_name="TaskCount",
            dimensions_map={"ClusterName": self._names.cluster},
            statistic="Maximum",
            period=_PERIOD,
        )


def _metric(name: str, statistic: str) -> cloudwatch.Metric:
    """Return one of the pipeline's metrics. They have no dimensions."""
    return cloudwatch.Metric(namespace=METRICS_NAMESPACE, metric_name=name, statistic=statistic, period=_PERIOD)


def _expression(text: str, metrics: Mapping[str, cloudwatch.Metric], label: str) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(expression=text, using_metrics=dict(metrics), label=label, period=_PERIOD)
