"""Scripts for those who work on the project: samples and pictures made anew. Each is run as `python -m tools.NAME`."""
