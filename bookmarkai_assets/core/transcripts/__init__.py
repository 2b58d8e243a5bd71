"""Transcripts: the transcript itself, its quality, its recipe and its subtitles."""
