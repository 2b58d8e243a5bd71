"""The HTTP door: shares come in, and what the pipeline knows of them goes out. Thin routes over operations."""
