"""Families of formats that a site lists with sound and serves without. The site's next fetches prefer others."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from typing_extensions import override

BELIEVED_FOR = timedelta(days=30)
"""How long a family counts as silent after it was last found so. The fetch after that tries it again."""


class Codec(StrEnum):
    """The picture's codec. `OTHER` is one that is not named here, and `UNKNOWN` one that the site does not state."""

    AV1 = "av1"
    VP8 = "vp8"
    VP9 = "vp9"
    H264 = "h264"
    H265 = "h265"
    OTHER = "other"
    UNKNOWN = "unknown"
    NO_PICTURE = "no_picture"


class Delivery(StrEnum):
    """How a format is delivered: as one file, or in the segments of a playlist."""

    FILE = "file"
    HLS = "hls"
    DASH = "dash"


@dataclass(frozen=True, order=True)
class FormatFamily:
    """The formats of a site that have the same codec and delivery. A site makes them in the same way."""

    codec: Codec
    delivery: Delivery

    @classmethod
    def parse(cls, text: str) -> "FormatFamily":
        """Parse what `str` writes. Raises ValueError."""
        codec, _, delivery = text.partition("/")
        return cls(Codec(codec), Delivery(delivery))

    @override
    def __str__(self) -> str:
        """Return the family as it is stored and shown, such as `h265/file`."""
        return f"{self.codec}/{self.delivery}"
