"""Botocore's own data files, read once per worker, so that making a client takes 10 ms instead of 60.

Each client of the product has a session of its own, and a process has one client. The tests make hundreds.
"""

from collections.abc import Iterator
from functools import cache

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_loader_for_all_sessions() -> Iterator[None]:
    """Give all sessions of botocore one loader, which keeps the descriptions of services that it has read."""
    from botocore import session
    from botocore.loaders import create_loader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", cache(create_loader))
        yield
