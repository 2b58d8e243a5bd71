"""Publish metrics to Amazon CloudWatch. The only module that knows its API.

It does not use `S3_ENDPOINT`: a server there speaks S3 and nothing else.
"""

from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from bookmarkai_assets.core.alerts.ports import MetricSink, MetricSinkError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.rollout.published_metrics import IN_SECONDS, Datum

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 10
MAX_ATTEMPTS = 3
"""All tries together take well under the minute that Dagster gives a sensor's tick. The next tick tries again."""

_MAX_MESSAGE_CHARACTERS = 200
_REFUSED_CREDENTIALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


class CloudWatchSink(MetricSink):
    """Publishes to one namespace, without dimensions: the values are sums over all workers.

    A region or a key that is None comes from AWS's own variables, profiles and roles.
    """

    def __init__(
        self, namespace: str, *, region: str | None, access_key: str | None = None, secret_key: str | None = None
    ) -> None:
        self._namespace = namespace
        self._region = region
        self._access_key = access_key
        self._secret_key = secret_key
        self._client: Any = None

    @override
    def put(self, data: Sequence[Datum]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._connect().put_metric_data(Namespace=self._namespace, MetricData=[_entry(datum) for datum in data])
        except ClientError as error:
            raise MetricSinkError(_describe_refusal(error.response)) from error
        except BotoCoreError as error:
            raise MetricSinkError(
                f"publishing to CloudWatch: expected an answer, found {type(error).__name__} "
                f"({str(error)[:_MAX_MESSAGE_CHARACTERS]}); check AWS_REGION, the credentials and the network"
            ) from error

    def _connect(self) -> Any:  # noqa: ANN401 - boto3 ships no types
        if self._client is None:
            from boto3.session import Session
            from botocore.config import Config

            self._client = Session().client(
                "cloudwatch",
                region_name=self._region,
                aws_access_key_id=self._access_key,
                aws_secret_access_key=self._secret_key,
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
                    connect_timeout=CONNECT_TIMEOUT_SECONDS,
                    read_timeout=READ_TIMEOUT_SECONDS,
                    user_agent_extra="bookmarkai-assets",
                ),
            )
        return self._client


def check_publishing(namespace: str, *, region: str | None, has_keys: bool) -> CheckResult:
    """Check that there are a region and credentials to publish with. Sends no request to CloudWatch.

    `has_keys` says that the sink is given keys. If not, they are searched for where AWS's own tools search.
    """
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError

    try:
        session = Session()
        found_region = region or session.region_name
        credentials = "S3_ACCESS_KEY" if has_keys else getattr(session.get_credentials(), "method", None)
    except BotoCoreError as error:  # for example, a profile that is named but does not exist
        return CheckResult(
            CheckStatus.FAIL,
            f"expected credentials for CloudWatch, found {type(error).__name__}",
            "correct AWS's own variables and profiles, or unset CLOUDWATCH_NAMESPACE",
        )
    missing = [what for what, found in (("a region", found_region), ("credentials", credentials)) if not found]
    if missing:
        return CheckResult(
            CheckStatus.FAIL,
            f"CLOUDWATCH_NAMESPACE is set, and {' and '.join(missing)} to publish with were not found",
            "set AWS_REGION and give this machine a profile or role that may cloudwatch:PutMetricData, or unset "
            "CLOUDWATCH_NAMESPACE",
        )
    return CheckResult(CheckStatus.PASS, f"{namespace} in {found_region}, credentials from {credentials}")


def _entry(datum: Datum) -> dict[str, Any]:
    return {
        "MetricName": datum.metric.value,
        "Timestamp": datum.minute,
        "Values": list(datum.values),
        "Counts": [float(count) for count in datum.values.values()],
        "Unit": "Seconds" if datum.metric in IN_SECONDS else "Count",
    }


def _describe_refusal(response: dict[str, Any]) -> str:
    details = response.get("Error", {})
    code = str(details.get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = str(details.get("Message", ""))[:_MAX_MESSAGE_CHARACTERS]
    remedy = (
        "allow cloudwatch:PutMetricData to the credentials"
        if code in _REFUSED_CREDENTIALS
        else "check AWS_REGION, the credentials, CLOUDWATCH_NAMESPACE and this machine's clock"
    )
    return f"publishing to CloudWatch: PutMetricData answered {status} {code} ({message}); {remedy}"
