"""Whether Dagster's code server answers, and whether it has the definitions."""

from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.text import clean_line, without_secrets

_SERVICE = "DagsterApi"
"""The name under which Dagster's server answers the standard health check of gRPC."""

_MAX_CHARACTERS = 300


def check_serving(host: str, port: int, *, timeout_seconds: float) -> CheckResult:
    """Check that the code server answers gRPC's standard health check. Dagster is not loaded for it."""
    import grpc  # noqa: PLC0415 - adapters load when used
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 - as above

    place = f"{host}:{port}"
    with grpc.insecure_channel(_target(host, port)) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=_SERVICE), timeout=timeout_seconds
            )
        except grpc.RpcError as error:
            return CheckResult(
                CheckStatus.FAIL, f"expected a code server to answer at {place}, found: {error.code().name}"
            )
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return CheckResult(CheckStatus.FAIL, f"expected the code server at {place} to be SERVING, found {status}")
    return CheckResult(CheckStatus.PASS, f"the code server at {place} answers")


def check_definitions(host: str, port: int) -> CheckResult:
    """Check that the code server has loaded the definitions without an error."""
    from bookmarkai_assets.dagster_internals import load_error_of_server  # noqa: PLC0415 - Dagster takes a second

    error = load_error_of_server(host, port)
    if error is not None:
        found = clean_line(without_secrets(error), max_characters=_MAX_CHARACTERS)
        return CheckResult(CheckStatus.FAIL, f"expected the definitions to be loaded at {host}:{port}, found: {found}")
    return CheckResult(CheckStatus.PASS, f"the code server at {host}:{port} has the definitions")


def _target(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
