"""The table of workers: runs and daemons, with their last sign of life."""

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, Table, Text

from bookmarkai_assets.adapters.catalog.columns import ForeignText, Moment
from bookmarkai_assets.adapters.catalog.tables.base import metadata

workers = Table(
    "workers",
    metadata,
    Column("worker_id", String(255), nullable=False, comment="the id of a run, or the name of a process"),
    Column("kind", String(20), nullable=False, comment="run or daemon"),
    Column("job", Text, comment="the run's job"),
    Column("host", ForeignText, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("storage_mode", String(20), nullable=False, comment="its setting STORAGE_MODE"),
    Column("s3_percentage", Integer, nullable=False, comment="its setting S3_SPLIT_PERCENTAGE"),
    Column("policy", Text, nullable=False, comment="where it sent new media when it began, in words"),
    Column("began_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, comment="until when it counts as alive without another sign"),
    PrimaryKeyConstraint("worker_id", name="pk_workers"),
)
