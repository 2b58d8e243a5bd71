"""How many tasks there are: workers by the shares that are due, doors by their CPU."""

from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from bookmarkai_infra.names import METRICS_NAMESPACE, WORKER, Names
from bookmarkai_infra.stages import Broker

DOOR_CPU_PERCENT = 60
_COOLDOWN_OUT_SECONDS = 60
_COOLDOWN_IN_SECONDS = 600
"""Longer: a worker that is told to stop may be in the middle of a run."""


def scale_workers(scope: Construct, service: ecs.FargateService, broker: Broker, names: Names) -> None:
    """Keep as many due shares for each worker as the stage says. CDK's own way knows no expressions."""
    least, most = broker.workers
    target = service.auto_scale_task_count(min_capacity=least, max_capacity=most)
    metric = scaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty
    policy = scaling.CfnScalingPolicy(
        scope,
        "WorkersByDueShares",
        policy_name=names.of("due-shares"),
        policy_type="TargetTrackingScaling",
        scaling_target_id=f"service/{names.cluster}/{WORKER}|ecs:service:DesiredCount|ecs",
        target_tracking_scaling_policy_configuration=scaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            target_value=broker.due_shares_per_worker,
            scale_out_cooldown=_COOLDOWN_OUT_SECONDS,
            scale_in_cooldown=_COOLDOWN_IN_SECONDS,
            customized_metric_specification=scaling.CfnScalingPolicy.CustomizedMetricSpecificationProperty(
                metrics=[
                    metric(
                        id="per_worker",
                        expression="due / IF(workers < 1, 1, workers)",
                        label="due shares for each worker",
                        return_data=True,
                    ),
                    metric(
                        id="due", metric_stat=_stat(METRICS_NAMESPACE, "DueShares", "Maximum", {}), return_data=False
                    ),
                    metric(
                        id="workers",
                        metric_stat=_stat(
                            "ECS/ContainerInsights",
                            "RunningTaskCount",
                            "Average",
                            {"ClusterName": names.cluster, "ServiceName": WORKER},
                        ),
                        return_data=False,
                    ),
                ]
            ),
        ),
    )
    policy.node.add_dependency(target)


def scale_doors(service: ecs.FargateService, tasks: tuple[int, int]) -> None:
    """Keep the doors' CPU below its limit."""
    least, most = tasks
    if most > least:
        target = service.auto_scale_task_count(min_capacity=least, max_capacity=most)
        target.scale_on_cpu_utilization("DoorsByCpu", target_utilization_percent=DOOR_CPU_PERCENT)


def _stat(
    namespace: str, name: str, stat: str, dimensions: dict[str, str]
) -> scaling.CfnScalingPolicy.TargetTrackingMetricStatProperty:
    dimension = scaling.CfnScalingPolicy.TargetTrackingMetricDimensionProperty
    return scaling.CfnScalingPolicy.TargetTrackingMetricStatProperty(
        stat=stat,
        metric=scaling.CfnScalingPolicy.TargetTrackingMetricProperty(
            namespace=namespace,
            metric_name=name,
            dimensions=[dimension(name=key, value=value) for key, value in dimensions.items()] or None,
        ),
    )
