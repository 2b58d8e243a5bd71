"""Read a file's packets with the player's clock."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.adapters.common.pyav.containers import may_jump, start_seconds
from bookmarkai_assets.core.media.player_clock import PlayerClock

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer
    from av.stream import Stream


def timed_packets(
    container: "InputContainer", *, clocked: Sequence["Stream"], others: Sequence["Stream"] = ()
) -> Iterator[tuple["Packet[Any]", float]]:
    """Yield each packet of the tracks, and what to add to its time stamps, in seconds, to get the player's time.

    The time stamps of the `clocked` tracks, picture and sound, decide where a new recording begins. Those of the
    `others` only count from the start of the file. A packet without time stamps belongs after the one before.
    """
    start = start_seconds(container)
    clock = PlayerClock(start, may_jump(container))
    units = {track.index: float(track.time_base or 0) for track in (*clocked, *others)}
    indices = {track.index for track in clocked}
    sounds = {track.index for track in clocked if track.type == "audio"}
    offsets: dict[int, float] = {}
    for packet in container.demux([*clocked, *others]):
        if not packet.size:
            continue  # the end of a track, as PyAV says it to decoders
        index = packet.stream_index
        # Pictures are stored in another order than they are shown, so their presentation times do step back.
        stamp = packet.pts if packet.dts is None and index in sounds else packet.dts
        if index in indices and stamp is not None:
            unit = units[index]
            offsets[index] = clock.offset_of(index, stamp * unit, (packet.duration or 0) * unit)
        yield packet, offsets.get(index, -start)
