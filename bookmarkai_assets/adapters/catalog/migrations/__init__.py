"""The schema's history for Alembic: one file per revision in `versions`, each frozen once released.

A revision only adds to what the code of its `oldest_code` knows: tables, plain indexes, columns that may be null or
have a default. What is dropped, renamed or made stricter belongs to a later release. Its revision declares as the
oldest code the first that does without it (docs/adr/0040).
"""
