"""Fixtures that every test may use. Servers start once per worker, on free ports, and stop with it."""

from hypothesis import HealthCheck, settings

# A deadline for each example fails when the machine is busy, not when the code is wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest_plugins = [
    "tests.plugins.botocore_models",
    "tests.plugins.catalog",
    "tests.plugins.command_line",
    "tests.plugins.compiled_statements",
    "tests.plugins.downloads",
    "tests.plugins.frozen_heap",
    "tests.plugins.guarded_s3",
    "tests.plugins.live_pipeline",
    "tests.plugins.model",
    "tests.plugins.pipeline",
    "tests.plugins.scheduling",
    "tests.plugins.seaweed",
    "tests.plugins.vault",
]
