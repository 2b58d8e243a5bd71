"""What botocore reads from its own files, read once per worker: a client is made in 10 ms, and not in 60.

Each client of the product has a session of its own, as in the product a process has one client. Hundreds are made here.
"""

from collections.abc import Iterator
from functools import cache

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_loader_for_all_sessions() -> Iterator[None]:
    """Return all sessions of botocore one loader, which keeps the descriptions of services that it has read."""
    from botocore import session
    from botocore.loaders import create_loader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", cache(create_loader))
        yield
