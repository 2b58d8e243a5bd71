"""The schema's history for Alembic: one file per revision in `versions`, each frozen once released."""
