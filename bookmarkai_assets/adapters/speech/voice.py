"""Where somebody speaks in a sound: the voice detection that ships with faster-whisper, for an engine that has none.

The silence is cut out before the model sees the sound, because Whisper invents words for it; times are put back after.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.adapters.speech.audio import SAMPLES_PER_SECOND

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VOICE_DETECTION = "silero-v6"
"""As recipes record it: another one hears other words."""

_SHORTEST_WORD_MS = 250
_REST_SECONDS = 5.0


@dataclass(frozen=True)
class Voice:
    """The stretches of a sound in which somebody speaks, put together. `times` maps them back to the sound."""

    samples: "npt.NDArray[np.float32]"
    times: Any

    @property
    def seconds(self) -> float:
        """How much there is."""
        return len(self.samples) / SAMPLES_PER_SECOND

    def span(self, start: float, end: float) -> tuple[float, float]:
        """Give the times in the sound of a word from `start` to `end`: both in the stretch that its middle is in."""
        stretch = self.times.get_chunk_index((start + end) / 2)
        return self.times.get_original_time(start, stretch), self.times.get_original_time(end, stretch)

    def moment(self, time: float, *, is_end: bool = False) -> float:
        """Give the time in the sound; `is_end` where it ends something, which at a border is the stretch before."""
        found: float = self.times.get_original_time(time, is_end=is_end)
        return found


def voice_in(samples: "npt.NDArray[np.float32]") -> Voice:
    """Find the speech, with faster-whisper's defaults: silence of 2 s and more is left out, but for 0.4 s of it."""
    from faster_whisper.vad import SpeechTimestampsMap, VadOptions, collect_chunks, get_speech_timestamps

    stretches = get_speech_timestamps(samples, VadOptions())
    pieces, _ = collect_chunks(samples, stretches)
    return Voice(pieces[0], SpeechTimestampsMap(stretches, SAMPLES_PER_SECOND))


def is_over(samples: "npt.NDArray[np.float32]", done_seconds: float) -> bool:
    """Tell whether nobody speaks in what is left of a sound: for a quarter of a second; less is the end of a word.

    A rest of more than 5 s is not looked at, and counts as speech. With the times of words both engines begin the next
    window where the last word ends, and so read the half second behind the last word once more: 30 s of speech take
    two to three times as long, most of it for text that is made up and thrown away.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    rest = samples[int(done_seconds * SAMPLES_PER_SECOND) :]
    if not len(rest) or len(rest) > _REST_SECONDS * SAMPLES_PER_SECOND:
        return not len(rest)
    return not get_speech_timestamps(rest, VadOptions(min_speech_duration_ms=_SHORTEST_WORD_MS))
