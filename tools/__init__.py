"""Scripts for developers, which make the samples and pictures again. Run one as `python -m tools.NAME`."""
