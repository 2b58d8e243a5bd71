"""What the page to upload files shows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UploadsView:
    """The largest file, for a person, and whether there is a bucket to upload to."""

    max_size: str
    has_bucket: bool
