"""Damaged media: `python -m tests.load.mutants --mutants 2000` cuts, splices and flips bytes of small files.

Each mutant is validated in a process of its own, as a download's file is, and transcribed if it is accepted. No mutant
may end another process than that, and none may be done without a word where the whole file has speech before the
damage. The same seed makes the same mutants.
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.adapters.common.processes.workers import Workers
from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.core.errors import TranscriptionError
from bookmarkai_assets.core.transcripts.quality import is_mostly_heard
from tests.support.deadlines import HANG_SECONDS
from tests.support.media_corpus import make_media, make_recordings

_PICTURE = "{p} -i {a}"
FILES = {
    "mp4": _PICTURE + " {V} -c:a aac -shortest video.mp4",
    "mkv": _PICTURE + " {V} -c:a libopus -shortest video.mkv",
    "webm": _PICTURE + " -c:v libvpx -c:a libvorbis -shortest video.webm",
    "ts": _PICTURE + " {V} -c:a aac -shortest video.ts",
    "flv": _PICTURE + " {V} -c:a aac -shortest video.flv",
    "wmv": _PICTURE + " -c:v msmpeg4 -c:a wmav2 -shortest video.wmv",
    "avi": _PICTURE + " {V} -c:a libmp3lame -shortest video.avi",
    "mp3": "-i {a} -c:a libmp3lame video.mp3",
    "m4a": "-i {a} -c:a aac video.m4a",
    "ogg": "-i {a} -c:a libvorbis video.ogg",
}
SPOKEN_SHARE = 0.5
"""Half of the recording has several words, whatever its first second is."""


@dataclass(frozen=True)
class Mutant:
    """A damaged file: its bytes, where in the whole file the damage begins (0 to 1), and what was done."""

    data: bytes
    begin: float
    damage: str


@dataclass(frozen=True)
class Result:
    """How a mutant ended: an outcome, or its words."""

    outcome: str
    text: str = ""


def mutate(whole: bytes, other: bytes, chance: random.Random) -> Mutant:
    """Damage a file in one of three ways."""
    damage = chance.choice(("cut", "splice", "flip"))
    at = chance.randrange(1, len(whole))
    if damage == "cut":
        return Mutant(whole[:at], at / len(whole), damage)
    if damage == "splice":
        begin = chance.randrange(len(other))
        piece = other[begin : begin + chance.randrange(1, 5000)]
        return Mutant(whole[:at] + piece + whole[at + len(piece) :], at / len(whole), damage)
    changed = bytearray(whole)
    places = [at + chance.randrange(len(whole) - at) for _ in range(chance.randrange(1, 50))]
    for place in places:
        changed[place] ^= 1 << chance.randrange(8)
    return Mutant(bytes(changed), min(places) / len(whole), damage)


def result_of(file: Path, reader: Workers, engine: FasterWhisperEngine) -> Result:
    """Validate and transcribe a file, as the pipeline does."""
    end = reader.run(str(file).encode(), timeout_seconds=HANG_SECONDS)
    if end.status != 0:
        return Result("reader crashed" if end.status is not None else "the reader's program died")
    found = json.loads(end.output)
    if "outcome" in found:
        return Result(str(found["outcome"]))
    if found["audio"] is None:
        return Result("no_audio")
    try:
        transcript = engine.transcribe(Path(found["audio"]), language="en")
    except TranscriptionError:
        return Result("transcription_failed")
    if not is_mostly_heard(transcript):
        return Result("corrupt")
    return Result("done" if transcript.text else "no_speech", transcript.text)


def run(count: int, *, seed: int, model: str) -> tuple[Counter[str], list[str]]:
    """Make and try mutants, and return the number of each end, and the violations."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    engine = FasterWhisperEngine(model=model, device="cpu", compute_type="int8", cpu_threads=1, beam_size=1)
    outcomes: Counter[str] = Counter()
    violations = []
    with (
        tempfile.TemporaryDirectory() as home,
        closing(Workers("-m", "tests.support.reading_child")) as reader,
    ):
        recordings = Path(home) / "recordings"
        recordings.mkdir()
        make_recordings(recordings)
        wholes = {}
        for name, step in FILES.items():
            directory = Path(home) / name
            directory.mkdir()
            wholes[name] = make_media({"make": [step]}, directory, recordings)
        data = {name: file.read_bytes() for name, file in wholes.items()}
        for number in range(count):
            name = chance.choice(list(FILES))
            mutant = mutate(data[name], data[chance.choice(list(FILES))], chance)
            with tempfile.TemporaryDirectory(dir=home) as place:
                file = Path(place) / wholes[name].name
                file.write_bytes(mutant.data)
                result = result_of(file, reader, engine)
            outcomes[result.outcome] += 1
            is_silent = result.outcome == "no_speech" and mutant.begin > SPOKEN_SHARE
            if is_silent or result.outcome == "the reader's program died":
                violations.append(f"mutant {number}: {name}, {mutant.damage} from {mutant.begin:.2f}: {result.outcome}")
    return outcomes, violations


def main() -> int:
    """Print how many mutants ended in which way. The exit code is 1 if one of them broke a rule."""
    from bookmarkai_assets.adapters.speech.models import find_model  # noqa: PLC0415 - the test brings its own

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    outcomes, violations = run(options.mutants, seed=options.seed, model=str(find_model("tiny.en")))
    for outcome, count in outcomes.most_common():
        print(f"{count:6} {outcome}")  # noqa: T201 - a program's report
    print(*violations, sep="\n")  # noqa: T201 - as above
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
