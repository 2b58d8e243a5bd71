"""A worker that takes Dagster's runs from RabbitMQ, one at a time, in a process that outlives them.

`dagster_celery` has the tasks, and Dagster's `CeleryRunLauncher` sends them. Here is how a worker of ours is set up.
"""

import logging
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.text import clean_line, without_secrets
from bookmarkai_assets.core.workers.worker import DEFAULT_QUEUE

logger = logging.getLogger(__name__)

_KB = 1024
_MAX_CHARACTERS = 200


def run_worker(
    *,
    broker_url: str,
    result_backend: str,
    name: str,
    queues: Sequence[str] = (DEFAULT_QUEUE,),
    max_runs: int = 0,
    max_memory_bytes: int = 0,
    stop_seconds: float,
    sets_up_logs: bool = True,
) -> None:
    """Take runs from `queues` until this process is told to stop.

    SIGTERM lets the run under way end, for `stop_seconds`. After that the run is interrupted, as when a person ends it:
    it frees its leases and aborts its uploads.

    The runs' process is replaced between two runs: after `max_runs`, or once it has more memory than
    `max_memory_bytes`; 0 means never. Unless Celery `sets_up_logs`, the log stays as this process has it. Raises
    `ConfigurationError` if the extra `celery` is not installed.
    """
    try:
        from celery.signals import (  # noqa: PLC0415 - only workers load Celery
            setup_logging,
            task_postrun,
            worker_shutting_down,
        )
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

    def begin_to_stop(**_: object) -> None:
        timer = threading.Timer(stop_seconds, _interrupt_runs)
        timer.daemon = True  # it ends with the worker, which ends with its run
        timer.start()

    worker_shutting_down.connect(begin_to_stop, weak=False)
    if not sets_up_logs:
        # Whatever is connected to this signal, Celery leaves the log alone.
        setup_logging.connect(_raise_log_level, weak=False)
    app.worker_main(
        [
            # The banner is no line of a log.
            *([] if sets_up_logs else ["--quiet"]),
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


def _interrupt_runs() -> None:
    """Interrupt what this worker's processes run. Once: a second signal would interrupt how they clean up.

    Dagster takes SIGTERM as an interrupt in a run's steps, and between them it remembers it.
    """
    from billiard.process import active_children  # noqa: PLC0415 - as above

    for child in active_children():
        logger.warning("the run under way takes longer than WORKER_STOP_SECONDS: it is interrupted")
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)


def _raise_log_level(**_: object) -> None:
    logging.getLogger().setLevel(logging.INFO)


def check_answer(*, broker_url: str, name: str, timeout_seconds: float) -> CheckResult:
    """Check that the worker of this name on this host answers a ping. It does also while it works on a run.

    If the broker does not take connections, nobody can ask the worker: a warning, because to restart it would not help.
    """
    from celery import Celery  # noqa: PLC0415 - only workers load Celery
    from celery.utils.nodenames import host_format  # noqa: PLC0415 - as above

    app = Celery("probe", broker=broker_url, set_as_current=False)
    node = host_format(f"{name}@%h")
    app.conf.broker_connection_timeout = timeout_seconds
    with app.connection_for_write() as connection:
        try:
            connection.connect()
        except (*connection.connection_errors, OSError) as error:
            reason = clean_line(without_secrets(str(error)), max_characters=_MAX_CHARACTERS) or type(error).__name__
            return CheckResult(
                CheckStatus.WARN, f"the worker {node} cannot be asked, because the broker does not answer: {reason}"
            )
        replies = app.control.ping(destination=[node], timeout=timeout_seconds, connection=connection, limit=1)
    if not replies:
        return CheckResult(
            CheckStatus.FAIL, f"expected the worker {node} to answer within {timeout_seconds:g} s, found no answer"
        )
    return CheckResult(CheckStatus.PASS, f"the worker {node} answers over the broker")


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
