"""The metadata that analysts read in Dagster's UI: the keys, their meanings and their values."""
