"""Windows of speech as CTranslate2 encodes them, and the languages in them. faster-whisper's adapter makes them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.adapters.speech.languages import WINDOW_SECONDS
from bookmarkai_assets.core.transcripts.language_stretches import Probabilities

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Features = npt.NDArray[np.float32]

_COLUMNS_PER_SECOND = 100
_FRAMES_PER_SECOND = 50
"""Whisper's encoder makes a frame of two columns."""


@dataclass(frozen=True)
class EncodedWindow:
    """A window that CTranslate2's `model` has encoded, and its spectrogram, with so many seconds of speech."""

    model: Any
    features: "Features"
    encoded: Any
    seconds: float

    def probabilities(self, spans: Sequence[tuple[float, float]]) -> Sequence[Probabilities]:
        """Return how likely each language is in each span, as `languages.EncodedSpeech` says."""
        import numpy as np  # noqa: PLC0415 - reading the settings does not need it
        from ctranslate2 import StorageView

        frames = np.asarray(_on_cpu(self.encoded))
        length = round(min(end - start for start, end in spans) * _FRAMES_PER_SECOND)
        begins = [round(start * _FRAMES_PER_SECOND) for start, _ in spans]
        slices = np.concatenate([frames[:, begin : begin + length] for begin in begins])
        return languages_of(self.model, StorageView.from_array(np.ascontiguousarray(slices)))

    def probabilities_alone(self, start: float, end: float) -> Probabilities:
        """Encode a span by itself, as `languages.EncodedSpeech` says."""
        first, last = (round(moment * _COLUMNS_PER_SECOND) for moment in (start, end))
        return languages_in(self.model, self.features[:, first:last])


def languages_in(model: Any, features: "Features") -> Probabilities:  # noqa: ANN401 - CTranslate2 ships no types
    """Return how likely each language is in a short spectrogram. It is not filled up to a window, which costs less."""
    import numpy as np  # noqa: PLC0415 - reading the settings does not need it
    from ctranslate2 import StorageView

    even = np.pad(features, ((0, 0), (0, features.shape[1] % 2)))
    (found,) = languages_of(
        model, model.encode(StorageView.from_array(np.ascontiguousarray(even[np.newaxis])), to_cpu=False)
    )
    return found


def features_of_window(features: "Features") -> "Features":
    """Return the first window of a spectrogram, filled up with zeros, as faster-whisper gives it to the encoder.

    faster-whisper does not use the last column.
    """
    import numpy as np  # noqa: PLC0415 - reading the settings does not need it

    columns = WINDOW_SECONDS * _COLUMNS_PER_SECOND
    window = features[:, : min(features.shape[1] - 1, columns)]
    return np.pad(window, ((0, 0), (0, columns - window.shape[1])))


def split_windows(
    model: Any,  # noqa: ANN401 - CTranslate2 ships no types
    features: "Features",
    encoded: Any,  # noqa: ANN401 - as above
) -> Iterator[EncodedWindow]:
    """Yield the windows that were encoded together. Their spectrograms are filled up with zeros behind the speech."""
    import numpy as np  # noqa: PLC0415 - reading the settings does not need it
    from ctranslate2 import StorageView

    batch = features.reshape(-1, *features.shape[-2:])
    for number, window in enumerate(batch):
        seconds = len(np.trim_zeros(window.any(axis=0), "b")) / _COLUMNS_PER_SECOND
        one = encoded
        if len(batch) > 1:
            frames = np.asarray(_on_cpu(encoded))[number : number + 1]
            one = StorageView.from_array(np.ascontiguousarray(frames))
        yield EncodedWindow(model, window, one, seconds)


def languages_of(model: Any, encoded: Any) -> Sequence[Probabilities]:  # noqa: ANN401 - as above
    """Return how likely each language is in each window that was encoded."""
    return [{token[2:-2]: probability for token, probability in found} for found in model.detect_language(encoded)]


def _on_cpu(encoded: Any) -> Any:  # noqa: ANN401 - as above
    from ctranslate2 import Device

    return encoded if encoded.device == "cpu" else encoded.to_device(Device.cpu)
