"""Alerts: find new incidents and deliver them."""
