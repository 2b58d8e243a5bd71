"""Find out whether a file was cut off: it declares more than it has."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.common.pyav.containers import declared_seconds, format_of
from bookmarkai_assets.adapters.downloader.file_structure import lacks_bytes
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

# These declare each frame and the whole length. In the others lengths are guessed, and gaps are common.
_EXACT = frozenset({"mov", "matroska"})
# Tracks may end some frames apart, and edit lists trim them. If more than this is missing, the file was cut off.
_RAGGED_SECONDS = 0.5
_RAGGED_SHARE = 0.02


def is_exact(container: "InputContainer") -> bool:
    """Whether the format declares each frame and the whole length."""
    return format_of(container) in _EXACT


def refuse_truncated(container: "InputContainer", file: Path, ends: Mapping[int, float]) -> None:
    """Refuse a file that lacks bytes, or declares a later end, of itself or of a track, than its last packets have.

    `ends` are in seconds by the file's own time stamps, by the tracks' indices. Raises `ShareFailedError` (corrupt).
    """
    if lacks_bytes(file, format_of(container)):
        raise ShareFailedError(Failure(Outcome.CORRUPT, "the file is cut off: its last element is not complete"))
    if not is_exact(container):
        return
    declared = declared_seconds(container)
    if declared is not None:
        _refuse_short(declared, max(ends.values()))
    for index, end in ends.items():
        own = _declared_end(container.streams[index])
        if own is not None:
            _refuse_short(own, end)


def _declared_end(track: "Stream") -> float | None:
    """Return the end that a track declares for itself; None if it declares none.

    Matroska has none but a tag of its writers. libavformat may fill in the length of the whole file instead.
    """
    tag = track.metadata.get("DURATION")
    if tag is not None:
        return _seconds_of(tag)
    if track.container.format.name.startswith("matroska") or track.duration is None or track.time_base is None:
        return None
    return float(((track.start_time or 0) + track.duration) * track.time_base)


def _seconds_of(clock: str) -> float | None:
    """Read a time like 00:01:02.345000000."""
    try:
        hours, minutes, seconds = clock.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None


def _refuse_short(declared_seconds: float, found_seconds: float) -> None:
    if declared_seconds - found_seconds > max(_RAGGED_SECONDS, _RAGGED_SHARE * declared_seconds):
        raise ShareFailedError(
            Failure(
                Outcome.CORRUPT,
                f"the file is cut off: it declares {declared_seconds:.1f} seconds and ends after {found_seconds:.1f}",
            )
        )
