"""Alembic's entry point. Runs the revisions in the transaction that the caller has begun, and does not commit.

After each revision it records the oldest code that can work on the schema, as the revision declares it.
"""

from collections.abc import Collection
from typing import Any

from alembic import context
from sqlalchemy import Connection, update

from bookmarkai_assets.adapters.catalog.tables.base import SCHEMA_VERSION_TABLE, schema_version

_FIRST_TO_DECLARE = "0013"


def _record_oldest_code(*, heads: Collection[str], **_: Any) -> None:  # noqa: ANN401 - Alembic's
    for revision in heads:
        if revision >= _FIRST_TO_DECLARE:
            # A revision that declares none fails here. Keeping its predecessor's could promise too much.
            declared = context.script.get_revision(revision).module.oldest_code
            _connection.execute(update(schema_version).values(oldest_code=declared))


_connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=_connection,
    version_table=SCHEMA_VERSION_TABLE,
    on_version_apply=_record_oldest_code,  # type: ignore[arg-type] # it is called by keywords
)
context.run_migrations()
