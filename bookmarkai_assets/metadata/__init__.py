"""What analysts read beside each asset in Dagster's UI."""
