"""SQLAlchemy's compiled statements, kept once per worker instead of once for each catalog.

An engine keeps its statements, and in the product a process has one engine. The tests make hundreds, each with a
dialect of its own, but dialects of one kind write the same SQL.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache
from typing_extensions import override

_SIZE = 2000


class _Statements(LRUCache[Any, Any]):
    """Compiled statements by what they were compiled from and the kind of their dialect."""

    @override
    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_by_kind(key), default)

    @override
    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_by_kind(key), value)


def _by_kind(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *rest = key
    return type(dialect), dialect._json_serializer, *rest


@pytest.fixture(scope="session", autouse=True)
def one_cache_for_all_engines() -> Iterator[None]:
    """Give all connections one cache of compiled statements."""
    statements = _Statements(_SIZE)

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=statements)

    event.listen(Engine, "engine_connect", share)
    yield
    event.remove(Engine, "engine_connect", share)
