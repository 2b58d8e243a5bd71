"""Transcripts: make them, store them as files, reuse them, and find the stale ones."""
