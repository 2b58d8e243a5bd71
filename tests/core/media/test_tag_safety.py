"""Which tags both backends accept."""

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.tag_safety import MAX_TAGS_BYTES, check_tags


@pytest.mark.parametrize(
    "tags",
    [{}, {"share-id": "0b5f"}, {"title": "any 🎬\ntext"}, {"a": ""}, {"title": "x" * (MAX_TAGS_BYTES - 5)}],
    ids=["none", "plain", "any-text", "empty", "longest"],
)
def test_tags_of_two_kilobytes_are_accepted(tags: dict[str, str]) -> None:
    """Any text is accepted under a plain name, up to the size that a bucket stores."""
    check_tags(tags)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"": "x"}, "tag name"),
        ({"Title": "x"}, "'Title'"),
        ({"a_b": "x"}, "'a_b'"),
        ({"-a": "x"}, "'-a'"),
        ({"sha256": "x"}, "'sha256'"),
        ({"size": "1"}, "'size'"),
        ({"title": "\ud83d"}, "half a character"),
        ({"title": "x" * (MAX_TAGS_BYTES - 4)}, "found 1930; shorten title"),
        ({"title": "é" * 400}, "shorten title"),
    ],
)
def test_other_tags_are_refused(tags: dict[str, str], reason: str) -> None:
    """A tag that a bucket could not store is refused by name, and characters beyond ASCII count as encoded."""
    with pytest.raises(StoreError, match=reason) as caught:
        check_tags(tags)

    assert caught.value.error_class is StoreErrorClass.OTHER
