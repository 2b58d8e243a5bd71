"""Decide which of a video's formats may be fetched. yt-dlp sorts those and takes the best.

Runs in a download's own process. Four kinds of format are left out if there are others: a dub, the music that a post
goes with, a sound with its loudness levelled, and what came without the sound that it promised.
"""

import re
from collections.abc import Mapping
from typing import Any

from bookmarkai_assets.adapters.downloader import tiktok
from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily

Format = Mapping[str, Any]
"""A format of yt-dlp's, or an info dict for which it has picked one. Any key may be missing."""

SELECTOR = "b/bv*+ba"
"""The best file with picture and sound, or else the best of each, merged."""

SORT = ("lang", "res:720", "+size")
"""First the original's language. Then the shorter side of the picture, up to 720, and of those the fewest bytes."""

MAX_TRIES = 3
"""How many formats of one video are fetched at most, while none has sound."""

_LISTED = "_listed"  # the key of an info dict that holds the dict as it was before a format was picked
_CODEC_PATTERNS = tuple(
    (codec, re.compile(pattern))
    for codec, pattern in (
        (Codec.AV1, r"av0?1"),
        (Codec.VP9, r"vp0?9"),
        (Codec.VP8, r"vp0?8"),
        (Codec.H264, r"avc|[hx]264"),
        (Codec.H265, r"hev|hvc|[hx]265|bytevc1"),
        (Codec.NO_PICTURE, r"none$"),
    )
)
# The preference that extractors give a format that is damaged or that nothing plays. A watermark costs 1 or 2.
_LAST_RESORT = -10
_FILE_KEYS = ("vcodec", "acodec", "width", "height", "tbr", "filesize", "protocol", "language")
_LEVELLED = "DRC"  # dynamic range compression, YouTube's "stable volume"


class FormatRules:
    """A pre-processor of yt-dlp for one download: it leaves out formats before yt-dlp picks one.

    `silent_formats` are the families that the site is known to serve without sound.
    """

    def __init__(self, silent_formats: frozenset[FormatFamily]) -> None:
        self._known = silent_formats
        self._tried: list[Format] = []
        self._silent: set[FormatFamily] = set()

    def set_downloader(self, _: object) -> None:
        """Do nothing. yt-dlp calls it."""

    def run(self, info: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Leave out formats. yt-dlp calls it once the formats are sorted. It returns no files to delete."""
        if not info.get("formats"):
            return [], info
        listed = info.get(_LISTED, info)
        return [], info | {"formats": self._offer(listed), _LISTED: listed}

    def without(self, info: Format, *, is_silent: bool) -> dict[str, Any] | None:
        """Return the info dict from which yt-dlp picks another format. None if no other promises sound.

        `info` is the one with the format that was picked. `is_silent` if its file had no sound, and not if it could not
        be fetched.
        """
        carriers = _carriers(info)
        self._tried += carriers
        if is_silent:
            self._silent.update(map(family_of, carriers))
        listed = info.get(_LISTED)
        if not carriers or listed is None or not self._offer(listed):
            return None
        return dict(listed)

    def broken_promises(self, info: Format) -> frozenset[FormatFamily]:
        """Return the families that came without sound, given the info dict of the format that has it."""
        return frozenset(self._silent.difference(map(family_of, _carriers(info))))

    def _offer(self, listed: Format) -> list[Format]:
        """Return the formats from which one may be picked. After the first, only if one of them promises sound."""
        is_first = not self._tried
        formats = _formats_of_the_video(listed)
        left = [one for one in formats if not any(_is_same_file(one, tried) for tried in self._tried)]
        tried_families = frozenset(map(family_of, self._tried))
        for avoided in (tried_families | self._known, tried_families, frozenset[FormatFamily]()):
            offer = [
                one
                for one in left
                if not _may_have_sound(one) or (family_of(one) not in avoided and (is_first or _promises_sound(one)))
            ]
            if any(map(_promises_sound, offer)):
                return offer
        return formats if is_first else []


def family_of(one: Format) -> FormatFamily:
    """Return the family of a format, by its codec for the picture and its protocol."""
    name, protocol = str(one.get("vcodec") or "").lower(), str(one.get("protocol") or "")
    codec = next((codec for codec, pattern in _CODEC_PATTERNS if pattern.match(name)), Codec.OTHER)
    delivery = Delivery.HLS if "m3u8" in protocol else Delivery.DASH if "dash" in protocol else Delivery.FILE
    return FormatFamily(codec if name else Codec.UNKNOWN, delivery)


def _formats_of_the_video(listed: Format) -> list[Format]:
    formats: list[Format] = listed["formats"]
    if listed.get("extractor_key") == tiktok.IE_KEY:
        formats = [one for one in formats if not tiktok.is_music(one)]
    return _without_levelled(_without_dubs(formats))


def _without_dubs(formats: list[Format]) -> list[Format]:
    """Leave out what is in another language than the original, if a format that is as good has the original.

    Without this, a file with picture and sound would be taken although the original is there as a sound of its own.
    """
    sounds = [one for one in formats if _may_have_sound(one)]
    if len({one["language"] for one in sounds if one.get("language")}) < 2:  # noqa: PLR2004 - a dub is a second one
        return formats
    best: dict[float, float] = {}  # of the formats with at least this preference, how near to the original
    nearest = -float("inf")
    for one in sorted(sounds, key=_preference, reverse=True):
        nearest = max(nearest, _nearness(one))
        best[_preference(one)] = nearest
    return [one for one in formats if not _may_have_sound(one) or _nearness(one) >= best[_preference(one)]]


def _without_levelled(formats: list[Format]) -> list[Format]:
    """Leave out sounds with their loudness levelled. They are some bytes smaller, and not what the author made."""
    plain = {one.get("language") for one in formats if _is_only_sound(one) and not _is_levelled(one)}
    return [one for one in formats if not _is_levelled(one) or one.get("language") not in plain]


def _carriers(info: Format) -> list[Format]:
    """Return those of the picked formats that should have brought the sound."""
    return list(filter(_may_have_sound, info.get("requested_formats") or [info]))


def _may_have_sound(one: Format) -> bool:
    return one.get("acodec") != "none"


def _is_only_sound(one: Format) -> bool:
    return _may_have_sound(one) and one.get("vcodec") == "none"


def _promises_sound(one: Format) -> bool:
    """Whether the site says that a format has sound, and it is one to rely on. Playlists name no codec for sounds."""
    is_said = _may_have_sound(one) and bool(one.get("acodec") or one.get("vcodec") == "none")
    return is_said and _preference(one) > _LAST_RESORT


def _is_levelled(one: Format) -> bool:
    return _is_only_sound(one) and _LEVELLED in str(one.get("format_note")).split(", ")


def _is_same_file(one: Format, other: Format) -> bool:
    """Whether two formats are one file, such as the same on two hosts."""
    if one.get("format_id") == other.get("format_id"):
        return True
    is_known = bool(one.get("filesize") or one.get("tbr"))
    return is_known and all(one.get(key) == other.get(key) for key in _FILE_KEYS)


def _preference(one: Format) -> float:
    return _number(one.get("preference"))


def _nearness(one: Format) -> float:
    return _number(one.get("language_preference"))


def _number(value: object) -> float:
    """Read a preference. -1 is yt-dlp's own default."""
    return value if isinstance(value, int | float) else -1
