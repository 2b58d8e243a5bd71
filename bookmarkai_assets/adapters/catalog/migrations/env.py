"""Alembic's entry point. Runs the revisions in the transaction that the caller has begun, and does not commit."""

from alembic import context

from bookmarkai_assets.adapters.catalog.tables.base import SCHEMA_VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=SCHEMA_VERSION_TABLE)
context.run_migrations()
