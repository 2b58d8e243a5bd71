"""Shares: what a share is, how far it has come, and how shares are packed into runs."""
