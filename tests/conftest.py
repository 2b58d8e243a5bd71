"""Fixtures that every test may use. Servers start once per worker, on free ports, and stop with it."""

pytest_plugins = [
    "tests.plugins.catalog",
    "tests.plugins.downloads",
    "tests.plugins.live_pipeline",
    "tests.plugins.model",
    "tests.plugins.pipeline",
    "tests.plugins.seaweed",
]
