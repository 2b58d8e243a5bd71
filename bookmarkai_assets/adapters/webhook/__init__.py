"""Alerts sent to a webhook."""
