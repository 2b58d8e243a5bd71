"""What is loaded before the first test stays, so the garbage collector need not look at it again and again."""

import gc

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave modules and collected tests, half a million objects, out of every collection from here on."""
    gc.freeze()
