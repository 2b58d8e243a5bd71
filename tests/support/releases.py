"""Other releases of this program: an earlier one's code, and a later one's migrations."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from bookmarkai_assets.adapters.catalog import revisions, upgrade_catalog
from bookmarkai_assets.adapters.catalog.revisions import MIGRATIONS, REVISIONS

FUTURE = "9999"
"""The revision of a later release."""

EXPANDS = """
    op.add_column("share_work", sa.Column("more", sa.Text))
    op.add_column("media", sa.Column("mood", sa.String(20), nullable=False, server_default="calm"))
    op.add_column("leases", sa.Column("since", sa.Text))
    op.create_table("moods", sa.Column("mood", sa.Text, primary_key=True))
"""
"""A change that only adds to the tables that workers use."""

_REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{previous}"
branch_labels = None
depends_on = None

{declaration}


def upgrade() -> None:
    {change}
"""


def oldest_code_of(revision: str) -> str:
    """Read which code a revision declares as the oldest that can work on it."""
    return str(ScriptDirectory(str(MIGRATIONS)).get_revision(revision).module.oldest_code)


def make_schema(url: str, revision: str) -> None:
    """Create the schema of an earlier release, as that release did, or upgrade one to that revision."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


@contextmanager
def code_of(revision: str) -> Iterator[None]:
    """Make this whole process the code of an earlier release, as far as the schema can tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revisions, "REVISIONS", REVISIONS[: REVISIONS.index(revision) + 1])
        yield


def upgrade_by_later_release(url: str, directory: Path, change: str, *, oldest_code: str | None) -> None:
    """Upgrade a catalog as a later release would, which has one more revision with this change.

    None: that release has forgotten to declare the oldest code.
    """
    migrations = directory / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    add_later_revision(migrations, change, oldest_code=oldest_code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revisions, "MIGRATIONS", migrations)
        patch.setattr(revisions, "REVISIONS", (*REVISIONS, FUTURE))
        upgrade_catalog(url)


def add_later_revision(migrations: Path, change: str, *, oldest_code: str | None) -> None:
    """Add the revision of a later release to a copy of the migrations."""
    declaration = "" if oldest_code is None else f'oldest_code = "{oldest_code}"'
    (migrations / "versions" / f"v{FUTURE}_later.py").write_text(
        _REVISION.format(revision=FUTURE, previous=REVISIONS[-1], change=change, declaration=declaration)
    )
