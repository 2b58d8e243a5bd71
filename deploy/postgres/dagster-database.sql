-- The second database of the server: Dagster's. PostgreSQL's image has made the first, and runs this once, beside it.
CREATE DATABASE dagster;
