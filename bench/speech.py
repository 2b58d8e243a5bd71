"""Measure both speech engines and the plain `whisper` command line over the same audio, interleaved.

Prints for each model the CPU seconds per second of audio, the wall time, the peak memory and the word error rate. Each
measurement is a process of its own that loads its model and transcribes a set of recordings. The tools take each set in
turn. The engines run with the project's defaults (one thread, beam 5, voice detection, times of words), the command
line with its own (all cores, beam 5). Needs Debian's espeak-ng.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import imageio_ffmpeg
import spoken
from common import machine

from bookmarkai_assets.adapters.speech.models import find_model

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what is shared with the tests

from tests.support.base_model import assemble_base_model
from tests.support.wer import word_error_rate
from tests.support.whisper_checkpoint import write_checkpoint

SPEECH_SHARE = 0.7
TOOLS = ("faster-whisper", "openai-whisper", "whisper command")


@dataclass(frozen=True)
class Model:
    """One model's weights in both forms, and its name."""

    name: str
    directory: Path
    checkpoint: Path


@dataclass(frozen=True)
class Measured:
    """What one process took for one set of recordings: seconds, bytes, and the share of words that are wrong."""

    model: str
    tool: str
    audio_seconds: float
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    word_error_rate: float


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="tiny.en,base")
    parser.add_argument("--sets", type=int, default=2, help="sets of recordings, each taken by every tool in turn")
    parser.add_argument("--recordings", type=int, default=4, help="recordings in a set")
    parser.add_argument("--seconds", type=float, default=80.0, help="length of a recording")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        transcribe_as_the_project_does(options.engine)
        return
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
        directory = Path(name)
        models = [model_of(each, directory) for each in options.models.split(",")]
        sets = [
            spoken.recordings(
                directory, count=options.recordings, seconds=options.seconds, speech_share=SPEECH_SHARE, seed=seed
            )
            for seed in range(options.sets)
        ]
        audio = sum(one.seconds for recordings in sets for one in recordings)
        talk = sum(one.speech_seconds for recordings in sets for one in recordings)
        print(f"machine: {machine()}; {audio:.0f} s of audio, {talk / audio:.0%} of it speech")
        found = []
        for model in models:
            for number, recordings in enumerate(sets):
                for tool in TOOLS[number % len(TOOLS) :] + TOOLS[: number % len(TOOLS)]:
                    found.append(measured(tool, model, recordings, directory))
                    print(shown(found[-1]), flush=True)
        report(found)
        if options.json is not None:
            options.json.write_text(json.dumps([asdict(one) for one in found], indent=2))


def model_of(name: str, directory: Path) -> Model:
    """Find a model's weights in CTranslate2's form, and write them in the form that OpenAI's loader reads."""
    found = assemble_base_model(directory) if name == "base" else find_model(name)
    # The command line overrides any language but English if the file's name ends in .en.
    return Model(name, found, write_checkpoint(found, directory / f"{name}.pt"))


def measured(tool: str, model: Model, recordings: Sequence[spoken.Recording], directory: Path) -> Measured:
    """Run one tool in a process of its own over a set of recordings."""
    output = directory / "output"
    output.mkdir(exist_ok=True)
    files = [str(one.path) for one in recordings]
    environment = dict(os.environ)
    if tool == "whisper command":
        programs = directory / "programs"
        programs.mkdir(exist_ok=True)
        if not (programs / "ffmpeg").exists():  # the one thing that it needs besides Python
            (programs / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        environment["PATH"] = f"{programs}:{environment['PATH']}"
        program = str(Path(sys.executable).with_name("whisper"))
        command = [program, *files, "--model", str(model.checkpoint), "--output_dir", str(output)]
        command += ["--output_format", "json", "--verbose", "False"]
        if model.name.endswith(".en"):
            command += ["--language", "en"]
    else:
        path = model.directory if tool == "faster-whisper" else model.checkpoint
        environment |= {"WHISPER_ENGINE": tool, "WHISPER_MODEL": str(path)}
        command = [sys.executable, __file__, "--engine", json.dumps({"files": files, "output": str(output)})]
    start = time.monotonic()
    with (directory / "tool.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"expected {tool} to transcribe, found that it failed:\n{(directory / 'tool.log').read_text()}")
    said = " ".join(one.text for one in recordings)
    heard = " ".join(json.loads((output / f"{one.path.stem}.json").read_text())["text"] for one in recordings)
    return Measured(
        model=model.name,
        tool=tool,
        audio_seconds=sum(one.seconds for one in recordings),
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=wall,
        peak_bytes=usage.ru_maxrss * 1024,
        word_error_rate=word_error_rate(said, heard),
    )


def transcribe_as_the_project_does(job: str) -> None:
    """Transcribe with the engine that the environment names, and write each text as the command line does."""
    from bookmarkai_assets.settings.settings import load_settings  # noqa: PLC0415 - its import is part of the time
    from bookmarkai_assets.wiring.speech import make_speech_engine  # noqa: PLC0415 - as above

    values = json.loads(job)
    engine = make_speech_engine(load_settings(env_file=None))
    for file in map(Path, values["files"]):
        text = engine.transcribe(file, language=None).text
        (Path(values["output"]) / f"{file.stem}.json").write_text(json.dumps({"text": text}))


def report(found: Sequence[Measured]) -> None:
    """Print a table of the sums over all sets, with the highest peak."""
    print("\n| model | | CPU s per audio s | wall s per audio s | peak memory | WER |")
    print(f"|{' --- |' * 6}")
    rows: Mapping[tuple[str, str], list[Measured]] = {
        key: [one for one in found if (one.model, one.tool) == key]
        for key in dict.fromkeys((one.model, tool) for one in found for tool in TOOLS)
    }
    for (model, tool), those in rows.items():
        audio = sum(one.audio_seconds for one in those)
        cpu = sum(one.cpu_seconds for one in those) / audio
        wall = sum(one.wall_seconds for one in those) / audio
        peak = max(one.peak_bytes for one in those) / 1e6
        errors = statistics.mean(one.word_error_rate for one in those)
        print(f"| {model} | {tool} | {cpu:.3f} | {wall:.3f} | {peak:.0f} MB | {errors:.3f} |")


def shown(one: Measured) -> str:
    """Format one measurement, to print it as it comes."""
    speed = f"{one.cpu_seconds:.1f} CPU s, {one.wall_seconds:.1f} s for {one.audio_seconds:.0f} s of audio"
    return f"{one.model} {one.tool}: {speed}, {one.peak_bytes / 1e6:.0f} MB, WER {one.word_error_rate:.3f}"


if __name__ == "__main__":
    main()
