"""The stages: what differs between dev and prod. Facts of an installation, such as its account, are not here."""

from dataclasses import dataclass, field
from enum import StrEnum

FARGATE_SIZES = {
    256: (512, 1024, 2048),
    512: (1024, 2048, 3072, 4096),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
}
"""Memory in MiB that Fargate allows, by CPU units."""

CLUSTER_BROKERS = ("mq.m7g.large", "mq.m7g.xlarge", "mq.m7g.2xlarge")
"""Instance types on which Amazon MQ runs RabbitMQ as a cluster of three."""
SINGLE_BROKERS = ("mq.m7g.medium", *CLUSTER_BROKERS)


class Nat(StrEnum):
    """How tasks reach the internet: through NAT gateways, or by public addresses of their own."""

    GATEWAY = "gateway"
    NONE = "none"


class StorageMode(StrEnum):
    """Where new media go: the pipeline's `STORAGE_MODE`."""

    LOCAL = "local"
    S3 = "s3"
    HYBRID = "hybrid"


@dataclass(frozen=True)
class Size:
    """CPU units and memory in MiB of a task."""

    cpu: int
    memory: int

    def __post_init__(self) -> None:
        if self.memory not in FARGATE_SIZES.get(self.cpu, ()):
            raise ValueError(
                f"expected CPU units and memory that Fargate has, found {self.cpu} and {self.memory} MiB; "
                f"it has {FARGATE_SIZES.get(self.cpu) or sorted(FARGATE_SIZES)}"
            )


@dataclass(frozen=True)
class Broker:
    """Amazon MQ for RabbitMQ, and the Celery workers that take runs from it. `workers` are the fewest and the most."""

    instance: str
    is_cluster: bool
    workers: tuple[int, int]
    due_shares_per_worker: int = 20

    def __post_init__(self) -> None:
        allowed = CLUSTER_BROKERS if self.is_cluster else SINGLE_BROKERS
        if self.instance not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)} for this broker, found {self.instance}")
        least, most = self.workers
        if not 1 <= least <= most:
            raise ValueError(f"expected at least 1 worker and no fewer at most than at least, found {self.workers}")


@dataclass(frozen=True)
class Database:
    """PostgreSQL on RDS."""

    instance: str
    storage_gb: int
    max_storage_gb: int
    is_multi_az: bool
    backup_days: int

    def __post_init__(self) -> None:
        if self.instance.startswith("db."):
            raise ValueError(f"expected an instance type without db., such as t4g.micro, found {self.instance}")
        if not 20 <= self.storage_gb < self.max_storage_gb:
            raise ValueError(f"expected at least 20 GB that may grow, found {self.storage_gb} to {self.max_storage_gb}")
        if not 1 <= self.backup_days <= 35:
            raise ValueError(f"expected backups to be kept for 1 to 35 days, found {self.backup_days}")


@dataclass(frozen=True)
class Stage:
    """One environment. `broker` None means a Fargate task for each run. `nat_gateways` counts only with a gateway."""

    name: str
    cidr: str
    zones: int
    nat: Nat
    nat_gateways: int
    storage_mode: StorageMode
    has_local_media: bool
    has_acceleration: bool
    database: Database
    broker: Broker | None
    run_size: Size
    max_runs: int
    budget_usd: int
    log_days: int
    upload_origins: tuple[str, ...]
    is_protected: bool
    service_size: Size = field(default_factory=lambda: Size(512, 1024))
    code_size: Size = field(default_factory=lambda: Size(512, 2048))
    door_tasks: tuple[int, int] = (1, 1)
    expiry_days: int = 7
    run_log_days: int = 90

    def __post_init__(self) -> None:
        if not (self.name.isalpha() and self.name.islower() and len(self.name) <= 8):
            raise ValueError(f"expected a stage's name of up to 8 small letters, found {self.name!r}")
        if not 2 <= self.zones <= 3:
            raise ValueError(f"expected 2 or 3 availability zones, which a database needs, found {self.zones}")
        if self.nat is Nat.GATEWAY and not 1 <= self.nat_gateways <= self.zones:
            raise ValueError(f"expected a NAT gateway for each zone at most, found {self.nat_gateways}")
        if self.storage_mode is not StorageMode.S3 and not self.has_local_media:
            raise ValueError(
                f"STORAGE_MODE={self.storage_mode} needs a disk that all tasks share: set has_local_media, or use s3"
            )
        if not all(origin.startswith("https://") and not origin.endswith("/") for origin in self.upload_origins):
            raise ValueError(f"expected https origins without a path, found {self.upload_origins}")
        if not 1 <= self.door_tasks[0] <= self.door_tasks[1]:
            raise ValueError(f"expected at least one door and no fewer at most than at least, found {self.door_tasks}")
        if self.expiry_days < 1:
            raise ValueError(f"expected temporary media to be kept for a day at least, found {self.expiry_days}")


DEV = Stage(
    name="dev",
    cidr="10.40.0.0/16",
    zones=2,
    nat=Nat.NONE,
    nat_gateways=0,
    storage_mode=StorageMode.S3,
    has_local_media=False,
    has_acceleration=False,
    database=Database("t4g.micro", storage_gb=20, max_storage_gb=50, is_multi_az=False, backup_days=1),
    broker=None,
    run_size=Size(1024, 4096),
    max_runs=4,
    budget_usd=250,
    log_days=14,
    upload_origins=("https://dev.example.com",),
    is_protected=False,
)

PROD = Stage(
    name="prod",
    cidr="10.50.0.0/16",
    zones=2,
    nat=Nat.GATEWAY,
    nat_gateways=2,
    storage_mode=StorageMode.HYBRID,
    has_local_media=True,
    has_acceleration=True,
    database=Database("m7g.large", storage_gb=100, max_storage_gb=500, is_multi_az=True, backup_days=14),
    broker=Broker("mq.m7g.large", is_cluster=True, workers=(2, 60)),
    run_size=Size(1024, 4096),
    max_runs=60,
    budget_usd=5000,
    log_days=90,
    upload_origins=("https://app.example.com",),
    is_protected=True,
    door_tasks=(2, 6),
)

STAGES = {stage.name: stage for stage in (DEV, PROD)}
