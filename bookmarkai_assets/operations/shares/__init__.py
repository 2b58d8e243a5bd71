"""Shares: record them, claim them, and lease them while a run works on them."""
