"""Windows of speech as openai-whisper encodes them, and the languages in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.adapters.speech.languages import WINDOW_SECONDS
from bookmarkai_assets.core.transcripts.language_stretches import Probabilities

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_COLUMNS_PER_SECOND = 100
_COLUMNS = WINDOW_SECONDS * _COLUMNS_PER_SECOND
_FRAMES_PER_SECOND = 50
"""Whisper's encoder makes a frame of two columns."""


@dataclass(frozen=True)
class EncodedWindow:
    """A window that `model` has encoded, and its spectrogram, with so many seconds of speech."""

    model: Any
    mel: Any
    encoded: Any
    seconds: float

    def probabilities(self, spans: Sequence[tuple[float, float]]) -> Sequence[Probabilities]:
        """Return how likely each language is in each span, as `languages.EncodedSpeech` says."""
        import torch

        length = round(min(end - start for start, end in spans) * _FRAMES_PER_SECOND)
        begins = [round(start * _FRAMES_PER_SECOND) for start, _ in spans]
        return _detect(self.model, torch.cat([self.encoded[:, begin : begin + length] for begin in begins]))

    def probabilities_alone(self, start: float, end: float) -> Probabilities:
        """Encode a span by itself, as `languages.EncodedSpeech` says."""
        first, last = (round(moment * _COLUMNS_PER_SECOND) for moment in (start, end))
        return _languages_in(self.model, self.mel[:, :, first:last])


def languages_in(model: Any, samples: "npt.NDArray[np.float32]") -> Probabilities:  # noqa: ANN401 - openai-whisper ships no types
    """Return how likely each language is in a few seconds of speech."""
    import whisper

    return _languages_in(model, whisper.log_mel_spectrogram(samples, model.dims.n_mels).unsqueeze(0).to(model.device))


def encode_window(
    model: Any,  # noqa: ANN401 - openai-whisper ships no types
    samples: "npt.NDArray[np.float32]",
) -> EncodedWindow:
    """Encode the first window of a sound, exactly as openai-whisper does to transcribe it."""
    import torch
    import whisper

    mel = whisper.log_mel_spectrogram(samples, model.dims.n_mels, padding=WINDOW_SECONDS * whisper.audio.SAMPLE_RATE)
    columns = min(mel.shape[-1] - _COLUMNS, _COLUMNS)
    window = whisper.pad_or_trim(mel[:, :columns], _COLUMNS).unsqueeze(0).to(model.device)
    with torch.no_grad():
        return EncodedWindow(model, window, model.encoder(window), columns / _COLUMNS_PER_SECOND)


def seconds_of(mel: Any) -> float:  # noqa: ANN401 - as above
    """Return how many seconds of a window are speech. The spectrogram is filled up with zeros behind it."""
    columns = mel[0].any(dim=0).nonzero()
    return (int(columns[-1]) + 1) / _COLUMNS_PER_SECOND if len(columns) else 0.0


def _languages_in(model: Any, mel: Any) -> Probabilities:  # noqa: ANN401 - as above
    """Encode a short spectrogram as the encoder does, but without filling it up to a window, which costs less."""
    import torch
    from torch.nn import functional

    encoder = model.encoder
    with torch.no_grad():
        encoded = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mel)))).permute(0, 2, 1)
        encoded = encoded + encoder.positional_embedding[: encoded.shape[1]]
        for block in encoder.blocks:
            encoded = block(encoded)
        (found,) = _detect(model, encoder.ln_post(encoded))
    return found


def _detect(model: Any, encoded: Any) -> Sequence[Probabilities]:  # noqa: ANN401 - as above
    import torch
    from whisper.tokenizer import get_tokenizer

    tokenizer = get_tokenizer(model.is_multilingual, num_languages=model.num_languages)
    with torch.no_grad():
        logits = model.logits(torch.tensor([[tokenizer.sot]] * len(encoded)).to(encoded.device), encoded)[:, 0]
    found = logits[:, list(tokenizer.all_language_tokens)].float().softmax(dim=-1).tolist()
    return [dict(zip(tokenizer.all_language_codes, one, strict=True)) for one in found]
