"""Which object keys are safe both in a local directory and in a bucket. `object_keys` builds the keys."""

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass

MAX_KEY_BYTES = 1024
"""Amazon S3's limit on a key, in UTF-8."""

MAX_SEGMENT_BYTES = 249
"""File systems allow 255 bytes for a name. The names of the hidden files beside a stored file need the rest."""


def check_key(key: str) -> None:
    """Refuse a key that could leave its directory, or that the two backends would read differently.

    Raises a `StoreError` (configuration) that says what is wrong. This package builds keys from the operator's prefix,
    so a bad one is a mistake in the settings, or a record that somebody has edited.
    """
    problem = _problem_of(key)
    if problem is not None:
        raise StoreError(
            StoreErrorClass.CONFIGURATION,
            f"expected a relative key such as temp/videos/2026/01/31/name.mp4, found {key[:200]!r}, {problem}; "
            "check S3_VIDEO_PREFIX",
        )


def is_safe_key(key: str) -> bool:
    """Whether `check_key` accepts the key."""
    return _problem_of(key) is None


def _problem_of(key: str) -> str | None:
    segments = key.split("/")
    if not key or "" in segments:
        return "which is empty, absolute or has an empty segment"
    if any(segment.startswith(".") for segment in segments):
        return "which has a segment that begins with '.': such names are hidden, or lead elsewhere"
    if "\\" in key:
        return "which has a backslash"
    if not key.isprintable():
        return "which has a control character"
    if len(key.encode("utf-8", errors="surrogatepass")) > MAX_KEY_BYTES:
        return f"which is longer than {MAX_KEY_BYTES} bytes"
    if any(len(segment.encode("utf-8", errors="surrogatepass")) > MAX_SEGMENT_BYTES for segment in segments):
        return f"which has a segment of more than {MAX_SEGMENT_BYTES} bytes"
    return None
