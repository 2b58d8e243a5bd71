"""The player's clock: when in a video a packet or a sample is due, whatever the file's own time stamps say.

A player begins at the video's earliest time stamp and shows the time from there on. Where time stamps begin again, as
in recordings that were put together, it goes on where it was. Sound that begins late, and gaps in the sound, stay where
they are. The rules and their limits are those of FFmpeg's own program (`ts_discontinuity_detect` in ffmpeg_demux.c and
`aresample=async=1`), with one difference: a gap in the sound stays a gap if the picture goes on meanwhile.
"""

from dataclasses import dataclass, field

BACK_SECONDS = 0.1
"""A time stamp that is further back than this begins a new recording (FFmpeg's AV_TIME_BASE / 10)."""

JUMP_SECONDS = 10.0
"""A jump ahead of more than this is one to another recording's time stamps (FFmpeg's `-dts_delta_threshold`)."""

SLACK_SECONDS = 0.1
"""Samples that are due this much earlier or later are played as they come (FFmpeg's `min_hard_comp`)."""


@dataclass
class _Track:
    offset: float
    last: float
    end: float


@dataclass
class PlayerClock:
    """Maps the time stamps of one file's tracks to the player's clock, packet by packet in the file's order.

    `start_seconds` is the file's earliest time stamp. `may_jump` is true for formats whose time stamps may be those of
    another recording after a jump, such as MPEG-TS. In the others, a jump ahead is a gap. All times are in seconds.
    """

    start_seconds: float
    may_jump: bool
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _offset: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the video's start at zero."""
        self._offset = -self.start_seconds

    def offset_of(self, track: int, stamp: float, duration: float) -> float:
        """Return what to add to a packet's time stamps. `stamp` is its decoding time stamp.

        Packets of several tracks may cross where a new recording begins: each track passes to its clock on its own.
        """
        known = self._tracks.get(track)
        if known is None:
            if self.may_jump and self._tracks and self._is_jump(stamp + self._offset):
                self._offset = self._front() - stamp
            known = self._tracks[track] = _Track(self._offset, stamp + self._offset, stamp + self._offset)
        else:
            known.offset = self._fitting_offset(known, stamp)
        known.last = stamp + known.offset
        known.end = max(known.end, known.last + duration)
        return known.offset

    def _fitting_offset(self, track: _Track, stamp: float) -> float:
        """Return the clock of a packet: that of its track, the newest, or a new one that begins with it.

        If the first two fit, the packet is of the recording in which it comes nearer to what was read last.
        """
        candidates = {track.offset, self._offset}
        fitting = [offset for offset in candidates if self._goes_on(track, stamp + offset)]
        if fitting:
            offset = min(fitting, key=lambda offset: abs(stamp + offset - self._front()))
        else:
            offset = self._offset = track.end - stamp
        # Tracks of one recording end some frames apart. The next one begins after the end, so nothing is lost.
        return offset if offset == track.offset else max(offset, track.end - stamp)

    def _goes_on(self, track: _Track, time: float) -> bool:
        """Whether a track can have a packet at this time of the player's: neither back nor too far ahead."""
        if time < track.last - BACK_SECONDS:
            return False
        return not (self.may_jump and time - track.end > JUMP_SECONDS and self._is_jump(time))

    def _is_jump(self, time: float) -> bool:
        """Whether no track has come near this time."""
        return time - self._front() > JUMP_SECONDS

    def _front(self) -> float:
        return max(track.end for track in self._tracks.values())


@dataclass
class SoundPlacer:
    """Places decoded sound on the player's clock. All times are in seconds.

    `position` is how much is placed, with the silence in its gaps, and `skipped` how much was left out because other
    sound is there already.
    """

    position: float = 0.0
    skipped: float = 0.0

    def place(self, due: float | None, seconds: float) -> tuple[float, float]:
        """Return how much silence belongs before the next `seconds` of sound, and how much of these to skip.

        `due` is the time of their begin; None if it is not known, and they follow what is placed. The first sound is
        placed exactly. What comes later follows without a gap as long as it is due within `SLACK_SECONDS`.
        """
        late = 0.0 if due is None else due - self.position
        if self.position and abs(late) <= SLACK_SECONDS:
            late = 0.0
        silence, skip = max(0.0, late), min(seconds, max(0.0, -late))
        self.position += silence + seconds - skip
        self.skipped += skip
        return silence, skip
