"""Transcripts: their content, quality, recipes, formats and subtitles."""
