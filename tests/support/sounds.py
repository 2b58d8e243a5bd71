"""Sounds that tests make: silence, noise and music as numbers, and the samples' speech as numbers. 16 kHz, mono."""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000
"""Samples a second, as Whisper needs them."""

Samples = npt.NDArray[np.float32]

_CHORDS = ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
_OVERTONES = ((1, 1.0), (2, 0.5), (3, 0.25), (4, 0.12))


def silence(seconds: float) -> Samples:
    """Return silence."""
    return np.zeros(int(RATE * seconds), np.float32)


def noise(seconds: float) -> Samples:
    """Return white noise, always the same."""
    return np.random.default_rng(1).uniform(-0.5, 0.5, int(RATE * seconds)).astype(np.float32)


def music(seconds: int) -> Samples:
    """Return a chord a second, struck like a piano's, four in turn."""
    time = np.arange(RATE) / RATE
    bars = [
        np.sum([level * np.sin(2 * np.pi * tone * over * time) for tone in chord for over, level in _OVERTONES], axis=0)
        for chord in _CHORDS
    ]
    played = np.concatenate([bars[second % len(bars)] * np.exp(-1.5 * time) for second in range(seconds)])
    return np.asarray(0.6 * played / np.abs(played).max(), np.float32)


def speech(path: Path) -> Samples:
    """Decode the sound of a file."""
    from faster_whisper import decode_audio

    return np.asarray(decode_audio(str(path), sampling_rate=RATE), np.float32)


def write_sound(path: Path, samples: Samples) -> Path:
    """Write samples between -1 and 1 as a WAV file."""
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(RATE)
        audio.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return path
