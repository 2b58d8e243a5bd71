"""Failures: when to try again, and the retry debt."""
