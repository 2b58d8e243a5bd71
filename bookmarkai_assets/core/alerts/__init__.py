"""Alerts: which conditions are worth an alert, and what the alert says."""
