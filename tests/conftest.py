"""Fixtures that every test may use. Servers start once per worker, on free ports, and stop with it."""

import logging
import os

import pytest
from hypothesis import HealthCheck, settings

from tests.support.examples import EXAMPLES, QUICK
from tests.support.scratch import use_memory

use_memory()

# A deadline for each example fails when the machine is busy, not when the code is wrong.
for name, count in EXAMPLES.items():
    settings.register_profile(name, deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=count)
settings.load_profile(QUICK)

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


def pytest_xdist_auto_num_workers() -> int:
    """Return three workers for two cores, because many tests wait for a server or another process."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.fixture(autouse=True)
def _logs_as_at_the_start() -> None:
    """Let our loggers speak, whatever an earlier test of this worker has set up: a log is global to a process."""
    logging.disable(logging.NOTSET)
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("bookmarkai_assets") and isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate = False, True
