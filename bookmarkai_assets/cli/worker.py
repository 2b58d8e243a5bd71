"""`bookmarkai worker`: take runs from RabbitMQ, on a cluster."""

from typing import Annotated

import typer

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.workers.worker import DEFAULT_QUEUE
from bookmarkai_assets.settings.logs import LogFormat
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import refuse_unusable_schema


def worker(
    *,
    name: Annotated[str, typer.Option(help="The worker's name, different for each worker of a machine")] = "1",
    queue: Annotated[
        list[str] | None, typer.Option(help="Take runs from this queue (repeatable); without it from `dagster`")
    ] = None,
) -> None:
    """Take runs from RabbitMQ, one at a time, until told to stop. Start one worker for each core.

    SIGTERM and Ctrl-C let the run under way end, for WORKER_STOP_SECONDS. Then it is interrupted, and its shares are
    due again at once. A worker that is killed loses nothing: its shares are due again after their lease. DAGSTER_HOME
    must be the same as the daemon's, or a copy of it.

    Example: bookmarkai worker --name 2
    """
    from bookmarkai_assets.adapters.celery_worker import run_worker  # noqa: PLC0415 - adapters load when used
    from bookmarkai_assets.operations.workers.presence import name_worker  # noqa: PLC0415 - only workers need it

    settings = load_settings()
    broker, backend = settings.celery_broker_url, settings.celery_result_backend
    if broker is None or backend is None:
        missing = "CELERY_BROKER_URL" if broker is None else "CELERY_RESULT_BACKEND"
        raise ConfigurationError(
            f"expected {missing} for a worker, found it unset; deploy/cluster/bookmarkai.env has all"
        )
    # Each run opens the catalog and is refused as well, but the runs that this worker took would all fail.
    refuse_unusable_schema(settings)
    name_worker(name)
    run_worker(
        broker_url=broker.get_secret_value(),
        result_backend=backend.get_secret_value(),
        name=name,
        queues=queue or [DEFAULT_QUEUE],
        max_runs=settings.worker_max_runs,
        max_memory_bytes=settings.worker_max_memory_bytes,
        stop_seconds=settings.worker_stop_seconds,
        sets_up_logs=settings.log_format is LogFormat.TEXT,
    )
