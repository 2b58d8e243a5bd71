"""Failures: report those that stand, and retry them."""
