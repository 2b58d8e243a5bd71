"""Measure long sounds: the memory that minutes and hours take, and the cost of a restart after kill -9 in the middle.

The sound repeats the samples' speech with pauses. Like an audio track, it is AAC in an mp4.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from common import machine

from bookmarkai_assets.demo.samples import GOOD_SAMPLES

RATE = 16_000
MEGABYTE = 1_000_000

_RUN = """
import json, sys, time, resource
from datetime import UTC, datetime, timedelta
from pathlib import Path
from bookmarkai_assets.core.transcripts.ports import ChunkKey
from bookmarkai_assets.core.transcripts.chunks import contiguous_chunks
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.speech import make_speech_engine
audio, catalog_url, model, beam = sys.argv[1:]
settings = load_settings(env_file=None, catalog_url=catalog_url, whisper_model=model, whisper_beam_size=int(beam))
engine = make_speech_engine(settings)
with open_catalog(settings) as catalog:
    key = ChunkKey("media", engine.prepare().fingerprint, "0" * 64, "en")
    catalog.leases.free("media", owner="bench")  # a killed predecessor's
    now = datetime.now(UTC)
    assert catalog.leases.take("media", owner="bench", now=now, until=now + timedelta(hours=9))
    began, first_progress = time.monotonic(), []
    def keep(chunk):
        catalog.chunks.keep(key, chunk, owner="bench", now=datetime.now(UTC))
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"part": chunk.end, "peak_kb": peak_kb}), flush=True)
    def progress(done, of):
        if not first_progress:
            first_progress.append(done)
    kept = contiguous_chunks(catalog.chunks.kept(key))
    transcript = engine.transcribe(Path(audio), language="en", on_progress=progress, kept=kept, on_chunk=keep)
print(json.dumps({
    "seconds": time.monotonic() - began, "audio_seconds": transcript.duration_seconds, "from": first_progress[0],
    "cpu": time.process_time(), "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    "words": transcript.word_count,
}), flush=True)
"""


@dataclass(frozen=True)
class Run:
    """What a child reports about its work. `killed_at` is the second of the audio at which it was killed.

    `peaks_mb` has its peak memory so far, by the seconds of audio that were done.
    """

    figures: dict[str, float]
    killed_at: float | None = None
    peaks_mb: dict[float, float] = field(default_factory=dict)

    def peak_mb_within(self, minutes: int) -> float:
        """Return the peak memory, in MB, for the first minutes of the sound."""
        return max(peak for end, peak in self.peaks_mb.items() if end <= minutes * 60 + 30)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, nargs="*", default=[10, 120])
    parser.add_argument("--restart-minutes", type=int, default=30)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--beam", type=int, default=5)
    given = parser.parse_args()
    print(f"machine: {machine()}; {given.model}, beam {given.beam}, one thread", flush=True)
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
        directory = Path(name)
        for minutes in given.minutes:
            audio = long_sound(directory / f"{minutes}.m4a", minutes)
            done = run(audio, directory / f"{minutes}.db", given.model, given.beam)
            found = done.figures
            peaks = [f"{done.peak_mb_within(m):.0f} MB within {m} min" for m in (10, 30, 60, 120, 240) if m <= minutes]
            print(
                f"{minutes} min: peak memory {', '.join(peaks)}; {found['seconds']:.0f} s, "
                f"{found['cpu'] / found['audio_seconds']:.4f} CPU seconds per second of sound, {found['words']} words",
                flush=True,
            )
        minutes = given.restart_minutes
        audio = long_sound(directory / "restart.m4a", minutes)
        whole = run(audio, directory / "whole.db", given.model, given.beam).figures
        first = run(audio, directory / "restart.db", given.model, given.beam, kill_after=minutes * 30.0)
        second = run(audio, directory / "restart.db", given.model, given.beam).figures
        print(
            f"{minutes} min: {whole['seconds']:.0f} s; killed after {first.killed_at:.0f} s of the sound, the next run "
            f"goes on at {second['from']:.0f} s and takes {second['seconds']:.0f} s; {whole['words']} and "
            f"{second['words']} words",
            flush=True,
        )


def long_sound(path: Path, minutes: int) -> Path:
    """Write speech with pauses that lasts that many minutes."""
    import av
    from faster_whisper import decode_audio

    pieces = [
        np.concatenate([decode_audio(str(sample.path), sampling_rate=RATE), np.zeros(RATE * (1 + n % 3), np.float32)])
        for n, sample in enumerate(GOOD_SAMPLES)
    ]
    once = (np.concatenate(pieces) * 32_767).astype(np.int16)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        written = 0
        while written < minutes * 60 * RATE:
            frame = av.AudioFrame.from_ndarray(once.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, written
            container.mux(stream.encode(frame))
            written += len(once)
        container.mux(stream.encode(None))
    return path


def run(audio: Path, catalog: Path, model: str, beam: int, *, kill_after: float | None = None) -> Run:
    """Transcribe in a child. Kill it once it keeps a chunk that ends at `kill_after` seconds of the sound or later."""
    command = [sys.executable, "-c", _RUN, str(audio), f"sqlite:///{catalog}", model, str(beam)]
    peaks: dict[float, float] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            report = json.loads(line)
            if "part" not in report:
                return Run(report, peaks_mb=peaks)
            peaks[report["part"]] = report["peak_kb"] * 1024 / MEGABYTE
            if kill_after is not None and report["part"] >= kill_after:
                time.sleep(1)  # into the next chunk
                psutil.Process(child.pid).kill()
                return Run({}, killed_at=report["part"])
    raise SystemExit(f"the run ended with {child.returncode} and said nothing")


if __name__ == "__main__":
    main()
