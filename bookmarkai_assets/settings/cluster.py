"""Settings for a cluster: the broker that runs come from, and when a worker's process is replaced."""

from pydantic import Field, SecretStr

from bookmarkai_assets.settings.types import SettingsPart


class ClusterSettings(SettingsPart):
    """The settings of runs and of Celery's workers. On one machine only `WORKER_START_SECONDS` counts."""

    celery_broker_url: SecretStr | None = Field(
        None, description="RabbitMQ that workers take runs from, pyamqp://user:password@host:5672//"
    )
    celery_result_backend: SecretStr | None = Field(
        None, description="Where Celery records what became of a task, such as db+postgresql+psycopg2://…"
    )
    # A run announces itself some seconds after it was launched: two on an idle machine, ten on one that is four times
    # slower. A task of its own takes a minute and more. One that is ended too early does no work: Dagster ignores a
    # process that starts after its run has ended.
    worker_start_seconds: float = Field(
        45,
        ge=5,
        le=3600,
        description="Seconds from the launch of a run to its first sign of life, after which the sensor dead_runs "
        "ends it; as long as the launcher needs to start a process",
    )
    worker_max_runs: int = Field(
        500, ge=0, description="Runs after which a worker's process is replaced, between two runs; 0 means never"
    )
    worker_max_memory_bytes: int = Field(
        4_000_000_000,
        ge=0,
        description="Memory above which a worker's process is replaced, between two runs; 0 means no limit",
    )
    worker_stop_seconds: float = Field(
        40,
        ge=0,
        le=86_400,
        description="Seconds that the run under way may take to end after a worker is told to stop; then it is "
        "interrupted, frees its shares and aborts its uploads, for which the worker needs some seconds more",
    )
