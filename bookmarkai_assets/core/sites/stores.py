"""The circuit breaker of a store: the same as a site's, and kept in the same table. These are pure rules.

A store that fails for everybody holds the shares that need it. What is wrong with one object is its share's failure.
"""

from bookmarkai_assets.core.errors import StoreErrorClass

_SUFFIX = " store"
"""Ends the names of stores. No site's name has a space."""

PROBE_NAME = "store-probe-"
"""Begins the names of the small objects that show whether a store works."""

OF_ONE_OBJECT = frozenset(
    {
        StoreErrorClass.NOT_FOUND,
        StoreErrorClass.EXPIRED,
        StoreErrorClass.CHECKSUM,
        StoreErrorClass.CONFLICT,
        StoreErrorClass.INTERRUPTED,
    }
)
"""The errors that say nothing about a store. After any other, a probe shows whether the store fails for everybody."""

OF_THE_STORE = frozenset({StoreErrorClass.NO_SPACE})
"""The errors that need no probe. A small probe may still fit where nothing else does."""


def store_name(backend: str) -> str:
    """Return the name under which a backend's store has its breaker, such as `s3 store`."""
    return f"{backend}{_SUFFIX}"


def is_store(name: str) -> bool:
    """Whether a breaker's name is that of a store, and not of a site."""
    return name.endswith(_SUFFIX)


def backend_of(name: str) -> str:
    """Return the backend that a store's breaker is named after."""
    return name.removesuffix(_SUFFIX)
