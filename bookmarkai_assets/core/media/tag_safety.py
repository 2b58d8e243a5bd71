"""Which tags both backends accept. The tags of media are made in `object_tags`, and the stores write them."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass

MAX_TAGS_BYTES = 1929
"""The 2,048 bytes that Amazon S3 allows for an object's user metadata, less 119 for digest, size and checksum."""

RESERVED_NAMES = frozenset({"sha256", "size", "crc64nvme"})
"""The names that the stores use themselves."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def size_of_tag(name: str, value: str) -> int:
    """Count the bytes of a tag as a bucket keeps it. Raises `UnicodeEncodeError` for half a surrogate pair."""
    return len(name) + len(quote(value, safe="/:@"))


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse tags that one of the two backends could not keep, because media must be able to move between them.

    Names and values are counted as a bucket keeps them, percent-encoded. Raises a `StoreError` (other) that says what
    is wrong.
    """
    total = 0
    for name, value in tags.items():
        if _NAME.fullmatch(name) is None or name in RESERVED_NAMES:
            raise StoreError(
                StoreErrorClass.OTHER,
                f"expected a tag name of a-z, 0-9 and '-' other than {' and '.join(sorted(RESERVED_NAMES))}, found "
                f"{name[:100]!r}",
            )
        try:
            total += size_of_tag(name, value)
        except UnicodeEncodeError:
            raise StoreError(
                StoreErrorClass.OTHER, f"expected text as the tag {name}, found half a character: {value[:100]!a}"
            ) from None
    if total > MAX_TAGS_BYTES:
        raise StoreError(
            StoreErrorClass.OTHER,
            f"expected at most {MAX_TAGS_BYTES} bytes of tags, found {total}; shorten {', '.join(tags)}",
        )
