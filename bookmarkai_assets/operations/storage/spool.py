"""Long lists that a verification needs at hand and that do not fit in memory: what stores list, and what was found.

They are in temporary SQLite databases. SQLite holds some megabytes of each in memory and the rest in a file that is
gone with the process.
"""

import json
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from bookmarkai_assets.core.media.ports import ListedObject

_CACHE_KIB = 16_384
_ROWS_AT_A_TIME = 1_000

Item = TypeVar("Item")


def _open_temporary(owner: object) -> sqlite3.Connection:
    """Open a temporary database that is closed with its owner, at the latest when nobody needs that any more."""
    # An empty name is SQLite's own for a temporary database on disk. Its threads are kept apart by our locks.
    database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    weakref.finalize(owner, database.close)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return database


class SpooledListing:
    """What one store lists, by key. Threads may share it."""

    def __init__(self, listed: Iterable[ListedObject]) -> None:
        self._lock = threading.Lock()
        self._database = _open_temporary(self)
        self._database.execute(
            "CREATE TABLE listed (key BLOB PRIMARY KEY, url BLOB, size_bytes INTEGER, modified_at REAL) WITHOUT ROWID"
        )
        self._database.executemany(
            "INSERT OR REPLACE INTO listed VALUES (?, ?, ?, ?)",
            ((_pack(one.key), _pack(one.url), one.size_bytes, one.modified_at.timestamp()) for one in listed),
        )

    def totals(self) -> tuple[int, int]:
        """Return how many objects are listed, and their bytes."""
        with self._lock:
            count, size_bytes = self._database.execute(
                "SELECT count(*), coalesce(sum(size_bytes), 0) FROM listed"
            ).fetchone()
        return count, size_bytes

    def pop(self, key: str) -> ListedObject | None:
        """Take an object out of the listing. None if it is not, or no longer, listed."""
        with self._lock:
            row = self._database.execute("SELECT * FROM listed WHERE key = ?", (_pack(key),)).fetchone()
            if row is not None:
                self._database.execute("DELETE FROM listed WHERE key = ?", (_pack(key),))
        return None if row is None else _listed(row)

    def __iter__(self) -> Iterator[ListedObject]:
        """Yield what is left, by key."""
        after = b""
        while True:
            with self._lock:
                rows = self._database.execute(
                    "SELECT * FROM listed WHERE key > ? ORDER BY key LIMIT ?", (after, _ROWS_AT_A_TIME)
                ).fetchall()
            if not rows:
                return
            yield from map(_listed, rows)
            after = rows[-1][0]

    def close(self) -> None:
        """Free the memory and the file."""
        self._database.close()


def _listed(row: tuple[bytes, bytes, int, float]) -> ListedObject:
    key, url, size_bytes, modified_at = row
    return ListedObject(_unpack(key), _unpack(url), size_bytes, datetime.fromtimestamp(modified_at, UTC))


# A file's name need not be text. Python has lone surrogates for such bytes, which SQLite's text cannot store.
def _pack(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _unpack(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


class Spool(Generic[Item]):
    """A list that only grows, read in the order of ranks, for one thread at a time.

    `encode` turns an item into plain values, and `decode` turns them back.
    """

    def __init__(
        self, encode: Callable[[Item], Mapping[str, Any]], decode: Callable[[Mapping[str, Any]], Item]
    ) -> None:
        self._encode = encode
        self._decode = decode
        self._database = _open_temporary(self)
        self._database.execute("CREATE TABLE items (number INTEGER PRIMARY KEY, rank INTEGER, item TEXT)")

    def add(self, item: Item, *, rank: int) -> None:
        """Add an item. Lower ranks come first."""
        text = json.dumps(self._encode(item))
        self._database.execute("INSERT INTO items (rank, item) VALUES (?, ?)", (rank, text))

    def __len__(self) -> int:
        """Return how many items there are."""
        return int(self._database.execute("SELECT count(*) FROM items").fetchone()[0])

    def __iter__(self) -> Iterator[Item]:
        """Yield the items by rank, and within a rank as they were added."""
        for (text,) in self._database.execute("SELECT item FROM items ORDER BY rank, number"):
            yield self._decode(json.loads(text))
