"""Shares: what a share is, its progress, and how shares are packed into runs."""
