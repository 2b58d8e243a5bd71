"""Failures: when to try again, and the failures that stand as debt."""
