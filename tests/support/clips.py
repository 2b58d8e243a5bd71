"""Small videos made by PyAV, for tests that need real media."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream


def make_clip(
    path: Path,
    *,
    seconds: float,
    has_picture: bool = True,
    has_sound: bool = True,
    picture_codec: str = "mpeg4",
    sound_codec: str = "aac",
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a clip of 64x48 pixels at 10 frames a second, with a tone of 440 Hz, and return its path."""
    import av

    sample_rate = 48_000
    with av.open(str(path), "w", options=container_options or {}) as output:
        # A file's tracks have to be added before its first packet.
        picture = cast("VideoStream", output.add_stream(picture_codec, rate=10)) if has_picture else None
        sound = (
            cast("AudioStream", output.add_stream(sound_codec, rate=sample_rate, layout="mono")) if has_sound else None
        )
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            for index in range(round(seconds * 10)):
                image = np.full((48, 64, 3), index * 7 % 256, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts = index
                output.mux(picture.encode(frame))
            output.mux(picture.encode(None))
        if sound is not None:
            moments = np.arange(round(seconds * sample_rate)) / sample_rate
            samples = (np.sin(2 * np.pi * 440 * moments) * 8000).astype(np.int16)
            tone = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            tone.sample_rate = sample_rate
            tone.pts = 0
            output.mux(sound.encode(tone))
            output.mux(sound.encode(None))
    return path
