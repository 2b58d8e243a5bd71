"""Fixtures that every test may use. Servers start once per worker, on free ports, and stop with it."""

pytest_plugins = [
    "tests.plugins.catalog",
    "tests.plugins.command_line",
    "tests.plugins.downloads",
    "tests.plugins.guarded_s3",
    "tests.plugins.live_pipeline",
    "tests.plugins.model",
    "tests.plugins.pipeline",
    "tests.plugins.seaweed",
    "tests.plugins.vault",
]
