"""What the pipeline does, written over the core's ports: no Dagster and no vendor in here."""
