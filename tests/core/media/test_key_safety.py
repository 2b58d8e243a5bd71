"""Which keys are safe under a directory and a bucket alike."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.key_safety import MAX_KEY_BYTES, MAX_SEGMENT_BYTES, check_key, is_safe_key

LONGEST_SEGMENT = "x" * MAX_SEGMENT_BYTES
LONGEST_KEY = "/".join([LONGEST_SEGMENT] * 4) + "/" + "x" * (MAX_KEY_BYTES - 4 * (MAX_SEGMENT_BYTES + 1))


@pytest.mark.parametrize(
    "key", ["a", "temp/videos/2026/01/31/0123_1.audio.m4a", "a.b/c..d", "é 🎬", LONGEST_SEGMENT, LONGEST_KEY]
)
def test_ordinary_keys_are_safe(key: str) -> None:
    """Relative keys of printable names are accepted, up to the limits of both backends."""
    check_key(key)

    assert is_safe_key(key)


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", ".a", "a/.b", "a/.b/c", "a\\b", "a\0", "a\nb"),
        "\udcff",
        LONGEST_SEGMENT + "x",
        "é" * (MAX_SEGMENT_BYTES // 2 + 1),
        LONGEST_KEY + "x",
    ],
)
def test_other_keys_are_refused(key: str) -> None:
    """A key that climbs, is hidden, is no text, or is too long in UTF-8 is a configuration error that names it."""
    with pytest.raises(StoreError, match="found") as caught:
        check_key(key)

    assert caught.value.error_class is StoreErrorClass.CONFIGURATION
    assert not is_safe_key(key)


@given(st.text(alphabet="ab./\\\0é", max_size=12))
def test_a_safe_key_stays_below_its_directory(key: str) -> None:
    """A path built from a safe key is below its root, spelled exactly so, with no hidden name on the way."""
    if is_safe_key(key):
        path = PurePosixPath("/root") / key
        assert str(path) == f"/root/{key}"
        assert not any(part.startswith(".") for part in path.parts)
