"""Where the project's own files are, for tests that read its pages or start its programs."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]
