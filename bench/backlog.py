"""Time a backlog of 24 clips of 30 s through the three assets, in turn with the plain script on the same links.

Prints both times, the CPU time of each, the ratio, and the bytes fetched from S3 to transcribe against the bytes of the
videos. The model is tiny.en, the storage mode s3 against SeaweedFS, and dagster.yaml is dagster_home's, with as many
runs at a time as there are cores. Needs Debian's espeak-ng.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil
import spoken
from common import Bench, file_site, machine, running_pipeline, seconds_of_plain_script, seconds_until_done

from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

CLIPS = 24
CLIP_SECONDS = 30.0
SPEECH_SHARE = 0.85
VIDEO_KILOBITS = 2400
AUDIO_KILOBITS = 64


@dataclass(frozen=True)
class Took:
    """What one round took: seconds until the last transcript, and seconds of all its processes' CPU time."""

    seconds: float
    cpu_seconds: float


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of pipeline and plain script, interleaved")
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bookmarkai-clips-") as name, file_site(Path(name)) as site:
        clips = make_clips(Path(name), options.clips)
        print(f"machine: {machine()}; {len(clips)} clips of {CLIP_SECONDS:g} s, {clips[0].stat().st_size:,} bytes each")
        ours, plain = [], []
        events: list[StorageEvent] = []
        for n in range(options.rounds):
            links = [f"http://{site}/{clip.name}" for clip in clips]
            with (
                running_pipeline(mode="s3", allowed_hosts=[site]) as bench,
                open_catalog(load_settings(env_file=None, catalog_url=bench.environment["CATALOG_URL"])) as catalog,
            ):
                with CpuMeter(bench) as cpu:
                    seconds = seconds_until_done(bench, catalog, links)
                ours.append(Took(seconds, cpu.seconds))
                events += catalog.events.after(0, limit=100_000)[0]
                bench.dagster.stop()  # its daemon never rests
                with CpuMeter(bench) as cpu:
                    seconds = seconds_of_plain_script(bench, links)
                plain.append(Took(seconds, cpu.seconds))
            print(f"round {n + 1}: pipeline {shown(ours[-1])}, plain script {shown(plain[-1])}")
        report(ours, plain, bytes_of(events), options.json)


def make_clips(directory: Path, count: int) -> Sequence[Path]:
    """Write the clips. All have the same picture. Each has speech 85% of the time, in its own voice and words."""
    picture = spoken.picture(directory, seconds=CLIP_SECONDS, kilobits=VIDEO_KILOBITS)
    sounds = spoken.recordings(directory, count=count, seconds=CLIP_SECONDS, speech_share=SPEECH_SHARE)
    return [
        spoken.video(directory / f"{n}.mp4", picture, sound.path, audio_kilobits=AUDIO_KILOBITS)
        for n, sound in enumerate(sounds)
    ]


class CpuMeter:
    """Measures the CPU time of everything that this process has started, except the S3 server.

    It reads the times twice, at begin and end, and costs nothing in between. A process that has ended counts with its
    parent's children.
    """

    seconds = 0.0

    def __init__(self, bench: Bench) -> None:
        self._server_pid = bench.seaweed.pid

    def __enter__(self) -> Self:
        self._before = self._cpu_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = self._cpu_seconds() - self._before

    def _cpu_seconds(self) -> float:
        here = psutil.Process()
        times = here.cpu_times()
        total = times.children_user + times.children_system
        for process in here.children(recursive=True):
            if process.pid != self._server_pid:
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    total += times.user + times.system + times.children_user + times.children_system
        return total


def bytes_of(events: Sequence[StorageEvent]) -> Mapping[str, int]:
    """Add up the bytes of the videos that were put, and those that were fetched from S3 to transcribe."""
    return {
        "videos": sum(e.size_bytes or 0 for e in events if e.operation == "put" and e.kind == "video"),
        "fetched_to_transcribe": sum(
            e.size_bytes or 0 for e in events if e.operation == "get" and e.purpose == "transcribe"
        ),
    }


def report(ours: Sequence[Took], plain: Sequence[Took], found: Mapping[str, int], file: Path | None) -> None:
    """Print medians and ratios. `file` gets everything as JSON."""
    ratio = statistics.median(one.seconds / other.seconds for one, other in zip(ours, plain, strict=True))
    cpu_ratio = statistics.median(one.cpu_seconds / other.cpu_seconds for one, other in zip(ours, plain, strict=True))
    print("\n| | seconds | CPU seconds |\n| --- | --- | --- |")
    for label, rounds in (("the pipeline", ours), ("the plain script", plain)):
        seconds = statistics.median(one.seconds for one in rounds)
        print(f"| {label} | {seconds:.1f} | {statistics.median(one.cpu_seconds for one in rounds):.1f} |")
    print(f"| ratio (median of the rounds') | {ratio:.2f} | {cpu_ratio:.2f} |")
    share = found["fetched_to_transcribe"] / found["videos"]
    print(f"\nfetched from S3 to transcribe: {share:.1%} of the videos' {found['videos']:,} bytes")
    if file is not None:
        rounds_of = {"pipeline": ours, "plain_script": plain}
        figures = {name: [asdict(one) for one in rounds] for name, rounds in rounds_of.items()}
        file.write_text(json.dumps({**figures, "ratio": ratio, "cpu_ratio": cpu_ratio, "bytes": found}, indent=2))


def shown(took: Took) -> str:
    """Format what one round took."""
    return f"{took.seconds:.1f} s ({took.cpu_seconds:.1f} CPU s)"


if __name__ == "__main__":
    main()
