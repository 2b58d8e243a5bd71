"""Find the speech in a sound, with the voice detection that ships with faster-whisper.

openai-whisper has none of its own. The silence is cut out before the model sees the sound, because Whisper invents
words for it. The times are mapped back afterwards.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VOICE_DETECTION = "silero-v6"
"""Its name in recipes: another voice detection leads to other words."""

_SHORTEST_WORD_MS = 250
_REST_SECONDS = 5.0


@dataclass(frozen=True)
class Voice:
    """The passages of a sound in which somebody speaks, joined. `times` maps their times back to the sound's."""

    samples: "npt.NDArray[np.float32]"
    times: Any

    @property
    def seconds(self) -> float:
        """The length of the joined speech."""
        return len(self.samples) / SAMPLES_PER_SECOND

    def original_times(self, start: float, end: float) -> tuple[float, float]:
        """Return the sound's times of a word from `start` to `end`. Both are in the passage that its middle is in."""
        passage = self.times.get_chunk_index((start + end) / 2)
        return self.times.get_original_time(start, passage), self.times.get_original_time(end, passage)

    def original_time(self, time: float, *, is_end: bool = False) -> float:
        """Return the sound's time. With `is_end`, a time on a border belongs to the passage before it."""
        original: float = self.times.get_original_time(time, is_end=is_end)
        return original


def extract_voice(samples: "npt.NDArray[np.float32]") -> Voice:
    """Cut out silence of 2 s or more, except for 0.4 s of it. These are faster-whisper's defaults."""
    from faster_whisper.vad import SpeechTimestampsMap, VadOptions, collect_chunks, get_speech_timestamps

    passages = get_speech_timestamps(samples, VadOptions())
    pieces, _ = collect_chunks(samples, passages)
    return Voice(pieces[0], SpeechTimestampsMap(passages, SAMPLES_PER_SECOND))


def is_rest_silent(samples: "npt.NDArray[np.float32]", done_seconds: float) -> bool:
    """Whether nobody speaks in the rest of a sound. Less than a quarter of a second of speech is the end of a word.

    A rest of more than 5 s is not checked, and counts as speech. With word times, both engines begin the next window
    where the last word ends. Without this check they read the half second after the last word once more. 30 s of speech
    then take two to three times as long, mostly for invented text that is thrown away.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    rest = samples[int(done_seconds * SAMPLES_PER_SECOND) :]
    if not len(rest) or len(rest) > _REST_SECONDS * SAMPLES_PER_SECOND:
        return not len(rest)
    return not get_speech_timestamps(rest, VadOptions(min_speech_duration_ms=_SHORTEST_WORD_MS))
