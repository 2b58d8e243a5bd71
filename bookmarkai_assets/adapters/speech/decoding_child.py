"""The program that decodes sounds: `python -m bookmarkai_assets.adapters.speech.decoding_child`.

A stranger's file can crash FFmpeg, so each one is decoded in a process of its own, behind walls: it may read no other
file, connect nowhere, start nothing, and write nothing but the samples. They go to its stdout: a line of JSON with the
length that the file declares, then 16 bits for each sample. Its result says how much was left out, or why the file
cannot be decoded. `decoding` is the other end.
"""

import gc
import io
import json
import os
import resource
import sys
import wave
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.common.processes.fork_server import ForkServer, control_on_stdin
from bookmarkai_assets.adapters.common.pyav.containers import declared_seconds, has_time_stamps, open_media
from bookmarkai_assets.adapters.common.pyav.packets import timed_packets
from bookmarkai_assets.adapters.common.pyav.samples import SoundDecoder
from bookmarkai_assets.adapters.common.pyav.tracks import picture_of, sound_of
from bookmarkai_assets.adapters.common.walls.raising import raise_walls
from bookmarkai_assets.adapters.common.walls.readable import find_readable
from bookmarkai_assets.adapters.common.walls.room import Kernel, Room
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from bookmarkai_assets.adapters.common.pyav.samples import Samples

# Decoding an hour takes some ten seconds. What takes longer than this for the longest videos is a trap.
_MAX_CPU_SECONDS = 600
_MAX_DATA_BYTES = 1024**3
_SAMPLE_BYTES = 2


def main() -> None:
    """Serve files until the other end of stdin closes."""
    control = control_on_stdin()
    _warm_up()
    find_readable(has_programs=False)
    # Every fork shares the memory of what is imported by now. A garbage collection there would copy it page by page.
    gc.collect()
    gc.freeze()
    ForkServer(control, partial(decode, Kernel.of_this_machine())).serve()


def _warm_up() -> None:
    """Decode a moment of silence, so that the forks share what decoding imports and allocates."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as audio:
        audio.setnchannels(2)
        audio.setsampwidth(_SAMPLE_BYTES)
        audio.setframerate(SAMPLES_PER_SECOND)
        audio.writeframes(bytes(SAMPLES_PER_SECOND))
    sound.seek(0)
    with open_media(sound) as container:
        for _ in _decoded(container, SoundDecoder(has_time_stamps=True), container.streams.audio[0]):
            pass


def decode(kernel: Kernel, text: bytes) -> bytes:
    """Decode the sound of one file. The job has its path and the language that is expected of it."""
    from av.error import FFmpegError

    job = json.loads(text)
    _confine()
    raise_walls(Room(readable=(*find_readable(has_programs=False), Path(job["file"]))), kernel)

    try:
        return json.dumps(_write_samples(Path(job["file"]), job["language"])).encode()
    except FFmpegError as error:
        return json.dumps({"unreadable": error.strerror}).encode()
    except Exception as error:  # noqa: BLE001 - the other end says it; this process may not write to stderr
        return json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode()


def _write_samples(file: Path, language: str | None) -> dict[str, object]:
    with open_media(file) as container:
        sound = sound_of(container, language=language)
        if sound is None:
            return {"unreadable": None}
        _write(json.dumps({"declared_seconds": declared_seconds(container)}).encode() + b"\n")
        decoder = SoundDecoder(has_time_stamps=has_time_stamps(container))
        for samples in _decoded(container, decoder, sound):
            _write(samples.astype("<i2").tobytes())
    return {"left_out_seconds": decoder.left_out_seconds}


def _decoded(container: "InputContainer", decoder: SoundDecoder, sound: "AudioStream") -> Iterator["Samples"]:
    picture, offset = picture_of(container), 0.0
    for packet, shift in timed_packets(container, clocked=[track for track in (picture, sound) if track]):
        if packet.stream_index == sound.index:
            offset = shift
            yield from decoder.decode(packet, offset)
    yield from decoder.finish(sound, offset)


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]


def _confine() -> None:
    """Give this process little memory and time, and no file to write."""
    os.chdir("/")
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_DATA, _MAX_DATA_BYTES),
        (resource.RLIMIT_CPU, _MAX_CPU_SECONDS),
    ):
        _, hard = resource.getrlimit(kind)
        lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lowest, lowest))


if __name__ == "__main__":
    main()
