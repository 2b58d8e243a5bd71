"""Shares: record them, claim them, and hold them while a run works on them."""
