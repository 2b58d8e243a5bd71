"""Make the adapters and rules that the settings describe. The one place where an adapter is chosen."""
