"""From settings to the parts: the one place where an adapter is chosen."""
