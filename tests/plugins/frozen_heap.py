"""Objects from before the first test are kept from the garbage collector, which would scan them again and again."""

import gc

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave modules and collected tests, half a million objects, out of every collection from here on."""
    gc.freeze()
