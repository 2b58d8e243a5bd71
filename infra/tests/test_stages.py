"""A stage or an installation that cannot be deployed is refused before anything is synthesized."""

from dataclasses import replace

import pytest

from bookmarkai_infra.stages import DEV, PROD, Broker, Database, Nat, Size, StorageMode


def test_a_size_that_fargate_does_not_have_is_refused() -> None:
    """Fargate allows only some amounts of memory for each number of CPU units."""
    with pytest.raises(ValueError, match="expected CPU units and memory that Fargate has"):
        Size(256, 4096)


def test_a_broker_that_cannot_be_a_cluster_is_refused() -> None:
    """Amazon MQ runs a cluster only on larger instances, and says so in the middle of a deployment."""
    with pytest.raises(ValueError, match=r"mq\.m7g\.large"):
        Broker("mq.m7g.medium", is_cluster=True, workers=(1, 2))


def test_workers_are_at_least_one_and_at_most_as_many_as_allowed() -> None:
    """A range that is upside down is a mistake."""
    with pytest.raises(ValueError, match="worker"):
        Broker("mq.m7g.medium", is_cluster=False, workers=(3, 2))


@pytest.mark.parametrize(
    ("instance", "storage", "most", "days"),
    [("db.t4g.micro", 20, 50, 1), ("t4g.micro", 10, 50, 1), ("t4g.micro", 50, 50, 1), ("t4g.micro", 20, 50, 0)],
)
def test_a_database_that_rds_would_refuse_is_refused(instance: str, storage: int, most: int, days: int) -> None:
    """The instance is named without db., storage can grow, and backups are kept."""
    with pytest.raises(ValueError, match="expected"):
        Database(instance, storage, most, is_multi_az=False, backup_days=days)


def test_media_on_a_local_disk_need_a_disk_that_all_tasks_share() -> None:
    """A Fargate task's own disk goes with the task, so local and hybrid need EFS."""
    with pytest.raises(ValueError, match="has_local_media"):
        replace(DEV, storage_mode=StorageMode.HYBRID)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Production"},
        {"zones": 1},
        {"nat": Nat.GATEWAY, "nat_gateways": 5},
        {"upload_origins": ("http://app.example.com",)},
        {"upload_origins": ("https://app.example.com/",)},
        {"door_tasks": (0, 1)},
        {"expiry_days": 0},
    ],
)
def test_a_stage_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    """Each of these would fail in the middle of a deployment, or later."""
    with pytest.raises(ValueError, match="expected"):
        replace(PROD, **change)  # type: ignore[arg-type]
