"""Settings for a cluster: the broker that runs come from, and when a worker's process is replaced."""

from pydantic import Field, SecretStr

from bookmarkai_assets.settings.types import SettingsPart


class ClusterSettings(SettingsPart):
    """The settings of Celery's workers. On one machine none of them counts."""

    celery_broker_url: SecretStr | None = Field(
        None, description="RabbitMQ that workers take runs from, pyamqp://user:password@host:5672//"
    )
    celery_result_backend: SecretStr | None = Field(
        None, description="Where Celery records what became of a task, such as db+postgresql+psycopg2://…"
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
