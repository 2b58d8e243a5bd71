"""A worker that takes Dagster's runs from RabbitMQ, one at a time, in a process that outlives them.

`dagster_celery` has the tasks, and Dagster's `CeleryRunLauncher` sends them. Here is how a worker of ours is set up.
"""

from collections.abc import Sequence

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.workers.worker import DEFAULT_QUEUE

_KB = 1024


def run_worker(
    *,
    broker_url: str,
    result_backend: str,
    name: str,
    queues: Sequence[str] = (DEFAULT_QUEUE,),
    max_runs: int = 0,
    max_memory_bytes: int = 0,
) -> None:
    """Take runs from `queues` until this process is told to stop. SIGTERM lets the run under way end.

    The runs' process is replaced between two runs: after `max_runs`, or once it has more memory than
    `max_memory_bytes`; 0 means never. Raises `ConfigurationError` if the extra `celery` is not installed.
    """
    try:
        from celery.signals import task_postrun  # type: ignore[import-untyped]  # noqa: PLC0415 - only workers load it
        from dagster_celery.app import app  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"expected the extra `celery`, found that {error.name} is missing; pip install 'bookmarkai-assets[celery]'"
        ) from error

    # Not on the command line, where every user of the machine could read the passwords. What is exported under Celery's
    # own names counts more for it than this, and for our settings as well: it is the same.
    app.conf.update(
        broker_url=broker_url,
        result_backend=result_backend,
        # A worker that took a second run while it works on the first would keep it from idle workers.
        worker_prefetch_multiplier=1,
        # A broker that is away at the start, or later, is waited for.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_max_tasks_per_child=max_runs or None,
        worker_max_memory_per_child=max_memory_bytes // _KB or None,
        worker_hijack_root_logger=False,
        # What a step prints belongs to the run's own log, which Dagster keeps.
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )
    task_postrun.connect(forget_dialects)
    app.worker_main(
        [
            "worker",
            "--concurrency=1",
            "--pool=prefork",
            f"--queues={','.join(queues)}",
            f"--hostname={name}@%h",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=INFO",
        ]
    )


def forget_dialects(**_signal: object) -> None:
    """Let go of what SQLAlchemy keeps of the connections of a run that has ended.

    Dagster opens its storage anew for each run and looks which tables there are. SQLAlchemy remembers the statements
    for that by their dialect, which so outlives its engine: some hundred of them, with all that belongs to them.
    """
    from sqlalchemy.dialects.postgresql.base import PGDialect  # noqa: PLC0415 - as above

    for name in dir(PGDialect):
        forget = getattr(getattr(PGDialect, name), "cache_clear", None)
        if forget is not None:
            forget()
