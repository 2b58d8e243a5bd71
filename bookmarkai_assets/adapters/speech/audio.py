"""Read a file's sound as every engine here wants it: one channel, 16,000 samples a second.

`decoding` decodes it in a process of its own. A long sound is read in chunks, so that no more than one is in memory.
`voice` finds the speech in it, and the engines transcribe it.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.speech.decoding import Decoding
from bookmarkai_assets.core.errors import TranscriptionError
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
CHUNK_SECONDS = 120.0
"""The longest chunk, apart from `_SLACK_SECONDS`. Chunks of five minutes took 170 MB more, and words were lost."""

_SLACK_SECONDS = 30.0
"""How long before its end a chunk may be cut, and how much longer than a chunk an undivided sound may be."""

_QUIET_SECONDS = 0.3
"""About the shortest pause between sentences."""

_FULL_SCALE = 32_768.0


@dataclass(frozen=True)
class SoundChunk:
    """A chunk of a sound: its samples, from -1 to 1, and its start in seconds from the sound's start.

    `whole_seconds` is the length of the whole sound. It is what the file declares, and exact only if this `is_last`.
    The last chunk also says how much of the whole sound is not among the samples.
    """

    samples: "npt.NDArray[np.float32]"
    start: float
    is_last: bool
    whole_seconds: float
    left_out_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """The chunk's length."""
        return len(self.samples) / SAMPLES_PER_SECOND

    @property
    def end(self) -> float:
        """The chunk's end, in seconds from the sound's start."""
        return (round(self.start * SAMPLES_PER_SECOND) + len(self.samples)) / SAMPLES_PER_SECOND


def chunks_of(
    audio: Path, *, chunk_seconds: float = CHUNK_SECONDS, start: float = 0.0, language: str | None = None
) -> Generator[SoundChunk]:
    """Decode one file, of any container and codec that FFmpeg reads, in chunks.

    A sound that is not much longer than `chunk_seconds` is one chunk. A longer one is cut at the quietest moment near
    the end of each chunk, so that no word is cut. The cuts are always at the same moments, also when reading begins at
    `start`, which is 0 or one of the cuts. If `start` is the sound's end, there are no chunks. `language` is the one
    that is expected, and may decide between several sound tracks.

    Raises:
        TranscriptionError: The file is missing, is not media, or has no sound that decodes.
    """
    decoding = Decoding(audio, language)
    begin = round(start * SAMPLES_PER_SECOND)
    longest = round(chunk_seconds * SAMPLES_PER_SECOND)
    slack = min(round(_SLACK_SECONDS * SAMPLES_PER_SECOND), longest // 2)
    position, buffer = begin, _Buffer()
    with closing(decoding.samples()) as blocks:
        for samples in blocks:
            buffer.add(samples, skipping=begin)
            while buffer.count > longest + slack:
                cut = buffer.quietest(longest - slack, longest)
                whole = max(decoding.declared_seconds, (position + buffer.count) / SAMPLES_PER_SECOND)
                yield SoundChunk(buffer.take(cut), position / SAMPLES_PER_SECOND, is_last=False, whole_seconds=whole)
                position += cut
    if not buffer.seen:  # frames that do not decode are skipped
        raise TranscriptionError(f"expected sound in {audio}, found a track in which nothing decodes; fetch it again")
    if buffer.count:
        whole = (position + buffer.count) / SAMPLES_PER_SECOND
        yield SoundChunk(
            buffer.take(buffer.count),
            position / SAMPLES_PER_SECOND,
            is_last=True,
            whole_seconds=whole,
            left_out_seconds=decoding.left_out_seconds,
        )


class _Buffer:
    """Samples that are decoded and not yet taken, 16 bits each: half the size of those that engines take."""

    def __init__(self) -> None:
        self._pieces: list[npt.NDArray[np.int16]] = []
        self.seen = 0
        self.count = 0

    def add(self, samples: "npt.NDArray[np.int16]", *, skipping: int) -> None:
        """Add samples, without those that are among the sound's first `skipping`."""
        wanted = samples[max(0, skipping - self.seen) :]
        self.seen += len(samples)
        self.count += len(wanted)
        self._pieces.append(wanted)

    def quietest(self, first: int, last: int) -> int:
        """Find the quietest `_QUIET_SECONDS` between two samples, by energy. Return the middle of them."""
        import numpy as np  # noqa: PLC0415 - as below

        window = round(_QUIET_SECONDS * SAMPLES_PER_SECOND)
        squares = self._all()[first:last].astype(np.int64) ** 2
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(squares)])
        energy = before[window:] - before[:-window]
        return first + int(energy.argmin()) + window // 2

    def take(self, count: int) -> "npt.NDArray[np.float32]":
        """Remove the first `count` samples and return them, scaled to between -1 and 1."""
        import numpy as np  # noqa: PLC0415 - as below

        samples = self._all()
        self._pieces, self.count = [samples[count:].copy()], self.count - count
        taken = samples[:count].astype(np.float32)
        taken /= _FULL_SCALE
        return taken

    def _all(self) -> "npt.NDArray[np.int16]":
        import numpy as np  # noqa: PLC0415 - as below

        self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0]
