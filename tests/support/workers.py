"""Workers for tests."""

from datetime import datetime, timedelta

from bookmarkai_assets.core.workers.worker import Worker, WorkerKind


def worker(
    worker_id: str,
    *,
    now: datetime,
    seconds: float = 30,
    kind: WorkerKind = WorkerKind.RUN,
    storage_mode: str = "local",
    s3_percentage: int = 0,
) -> Worker:
    """Return a worker that began at `now` and is alive for some seconds."""
    return Worker(
        worker_id=worker_id,
        kind=kind,
        job="share_to_transcript" if kind is WorkerKind.RUN else None,
        host="ant",
        pid=7,
        storage_mode=storage_mode,
        s3_percentage=s3_percentage,
        policy="everything new goes to the local directory",
        began_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )
