"""Speech with known words for the benchmarks, by eSpeak NG, with pauses, as WAV files and as videos.

Needs Debian's `espeak-ng`. The encoder is imageio-ffmpeg's. The same seed gives the same words, voices and pauses.
"""

import random
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

RATE = 22_050
"""eSpeak NG's rate, in samples per second."""

Samples = npt.NDArray[np.int16]

VOICES = ("en-us", "en-gb", "en-us+m3", "en-us+f3", "en-gb-x-rp", "en-us+f2", "en-029", "en-us+m7")
_QUIET = 300
_CROWDED_PAUSE_SECONDS = 0.25

_WHO = (
    "the old baker", "my younger sister", "a tired farmer", "our new neighbor", "the school teacher",
    "a quiet stranger",
    "the bus driver", "her best friend", "the village doctor", "a clever student", "the hotel manager",
    "his grandfather",
    "the young artist", "a hungry traveler", "the football coach", "my uncle", "the night nurse", "a local fisherman",
)  # fmt: skip
_DID = (
    "carried", "painted", "forgot", "repaired", "sold", "cleaned", "borrowed", "hid", "dropped", "discovered",
    "measured",
    "photographed", "wrapped", "returned", "brought", "washed",
)  # fmt: skip
_WHAT = (
    "a basket of apples", "the wooden table", "three green bottles", "a broken bicycle", "the heavy suitcase",
    "a letter from the bank", "two loaves of bread", "the kitchen window", "an expensive camera",
    "a pair of black shoes",
    "the garden chairs", "a box of candles", "the blue umbrella", "a small silver key", "the winter blankets",
    "a bag of potatoes", "the family piano", "a map of the city",
)  # fmt: skip
_WHERE = (
    "at the train station", "behind the church", "near the river", "in the summer house", "on the second floor",
    "across the street", "beside the open fire", "in front of the museum", "under the bridge", "at the end of the road",
    "outside the hospital", "in the middle of the market", "next to the swimming pool", "along the beach",
)  # fmt: skip
_WHEN = (
    "early in the morning", "just before lunch", "after the long meeting", "on a cold winter evening", "last Saturday",
    "during the heavy rain", "while the children were asleep", "because nobody else had time", "without saying a word",
    "when the music stopped", "for the second time this week", "and then went home", "before the guests arrived",
    "although it was already dark",
)  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """A file with speech, the words in it, its length, and how many seconds of it are speech."""

    path: Path
    text: str
    seconds: float
    speech_seconds: float


def recordings(
    directory: Path, *, count: int, seconds: float, speech_share: float, seed: int = 1
) -> Sequence[Recording]:
    """Speak `count` recordings, each `seconds` long, with a different text, voice, speed and set of pauses."""
    return [_recording(directory / f"{seed}-{n}.wav", n, seconds, speech_share, seed) for n in range(count)]


def write_wav(path: Path, samples: npt.NDArray[np.int16]) -> Path:
    """Write samples at `RATE`, mono."""
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(RATE)
        audio.writeframes(samples.tobytes())
    return path


def picture(directory: Path, *, seconds: float, kilobits: int) -> Path:
    """Encode moving noise over colours, in H.264 at this bitrate, 720x1280 at 30 frames a second, without sound."""
    path = directory / f"picture-{kilobits}.mp4"
    rate = f"{kilobits}k"
    encoding = ["-c:v", "libx264", "-preset", "superfast", "-b:v", rate, "-maxrate", rate, "-bufsize", rate]
    scene = f"gradients=size=720x1280:rate=30:speed=0.02:seed=1:duration={seconds},noise=alls=12:allf=t"
    _ffmpeg("-f", "lavfi", "-i", scene, *encoding, "-pix_fmt", "yuv420p", "-g", "60", str(path))
    return path


def video(path: Path, picture_file: Path, sound: Path, *, audio_kilobits: int) -> Path:
    """Combine a picture and a sound as sites serve them: MP4, AAC-LC, 44.1 kHz, stereo."""
    _ffmpeg(
        "-i", str(picture_file), "-i", str(sound), "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        "-c:a", "aac", "-b:a", f"{audio_kilobits}k", "-ar", "44100", "-ac", "2", "-movflags", "+faststart", str(path),
    )  # fmt: skip
    return path


def _recording(path: Path, number: int, seconds: float, speech_share: float, seed: int) -> Recording:
    chance = random.Random(f"{seed}-{number}")  # noqa: S311 - the same words each time
    voice = VOICES[number % len(VOICES)]
    speed, pitch = chance.randint(140, 170), chance.randint(40, 55)
    said: list[str] = []
    spoken: list[npt.NDArray[np.int16]] = []
    left = int(seconds * speech_share * RATE)
    while True:
        sentence = _sentence(chance)
        samples = speech(sentence, voice=voice, speed=speed, pitch=pitch)
        if spoken and len(samples) > 2 * left:  # without this sentence the share is closer to the wanted one
            break
        left -= len(samples)
        said.append(sentence)
        spoken.append(samples)
    quiet = int(seconds * RATE) - sum(map(len, spoken))
    pauses = _pauses(chance, len(spoken) + 1, quiet)
    pieces = [piece for pair in zip(pauses, [*spoken, spoken[0][:0]], strict=True) for piece in pair]
    write_wav(path, np.concatenate(pieces))
    return Recording(path, " ".join(said), seconds, sum(map(len, spoken)) / RATE)


def _pauses(chance: random.Random, count: int, samples: int) -> list[npt.NDArray[np.int16]]:
    """Divide silence into `count` pauses at random, some short and some long."""
    least = min(int(_CROWDED_PAUSE_SECONDS * RATE), samples // count)
    weights = [chance.random() ** 3 for _ in range(count)]
    lengths = [least + int((samples - least * count) * weight / sum(weights)) for weight in weights]
    lengths[-1] += samples - sum(lengths)
    return [np.zeros(length, np.int16) for length in lengths]


def _sentence(chance: random.Random) -> str:
    words = " ".join(chance.choice(part) for part in (_WHO, _DID, _WHAT, _WHERE, _WHEN))
    return f"{words[0].upper()}{words[1:]}."


def speech(text: str, *, voice: str, speed: int, pitch: int) -> npt.NDArray[np.int16]:
    """Speak a sentence, and cut off the silence that the program puts around it."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "speech.wav"
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(file), text]
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            sys.exit("expected the program espeak-ng, found none; install it with: apt-get install espeak-ng")
        with wave.open(str(file)) as audio:
            samples = np.frombuffer(audio.readframes(audio.getnframes()), np.int16)
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    return samples[loud[0] : loud[-1] + 1]


def _ffmpeg(*arguments: str) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments], check=True)
