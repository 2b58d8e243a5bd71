"""All media of the corpus, transcribed: `python -m tests.load.media`.

Each case of tests/corpus/media.toml is validated as a download is, and its sound is transcribed by both engines, from
the audio track and from what an S3 server returns of it. The model is the smallest one.
"""

import hashlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.downloader.media_file import read_media
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.adapters.speech.models import find_model
from bookmarkai_assets.adapters.speech.openai_whisper import OpenAIWhisperEngine
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.transcripts.quality import assess
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.corpus import Case, cases_of
from tests.support.media_corpus import RECORDINGS, make_media, make_recordings, wrong_in
from tests.support.whisper_checkpoint import write_checkpoint

if TYPE_CHECKING:
    from bookmarkai_assets.core.transcripts.ports import SpeechEngine


def main() -> int:
    """Print what is wrong, and how many cases are right. The exit code is 1 if one is wrong."""
    cases = cases_of("media.toml", "media")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        wrong = list(_try_all(cases, home))
    for line in wrong:
        print(line)  # noqa: T201 - a program's report
    print(f"{len(cases)} cases, two engines, from a file and from S3: {len(wrong)} wrong")  # noqa: T201 - as above
    return 1 if wrong else 0


def _try_all(cases: list[Case], home: Path) -> Iterator[str]:
    model = find_model("tiny.en")
    checkpoint = write_checkpoint(model, home / "tiny.en.pt")
    settings = {"device": "cpu", "cpu_threads": 1, "beam_size": 1}
    engines: Mapping[str, SpeechEngine] = {
        "faster-whisper": FasterWhisperEngine(model=str(model), compute_type="int8", **settings),  # type: ignore[arg-type]
        "openai-whisper": OpenAIWhisperEngine(model=str(checkpoint), cache=home, compute_type=None, **settings),  # type: ignore[arg-type]
    }
    recordings = home / "recordings"
    recordings.mkdir()
    make_recordings(recordings)
    plain = {
        engine_name: {name: engine.transcribe(recordings / f"{name}.wav", language="en") for name in RECORDINGS}
        for engine_name, engine in engines.items()
    }
    with SeaweedServer(home / "seaweed", bucket="media") as server:
        store = S3Store(
            server.bucket,
            region=server.region,
            endpoint=server.endpoint,
            access_key=server.access_key,
            secret_key=server.secret_key,
            use_path_style=True,
        )
        for number, case in enumerate(cases):
            directory = home / str(number)
            directory.mkdir()
            file = make_media(case, directory, recordings)
            audio = read_media(file, audio_stem=directory / "audio", language=case.get("language", "en")).audio
            if audio is None:
                if case.get("outcome") != "no_audio":
                    yield f"{case['name']}: no sound was found"
                continue
            for source, sound in {"file": audio, "S3": _through_store(store, audio)}.items():
                for engine_name, engine in engines.items():
                    transcript = assess(engine.transcribe(sound, language="en"), hinted_language=None)
                    problem = wrong_in(transcript, case, plain[engine_name])
                    if problem:
                        yield f"{case['name']}, {engine_name}, from {source}: {problem}"


def _through_store(store: S3Store, file: Path) -> Path:
    """Put a file to S3 and get it back."""
    data = file.read_bytes()
    digest = Digest(len(data), hashlib.sha256(data).hexdigest())
    stored = store.put(
        file,
        f"{digest.sha256}{file.suffix}",
        expected=digest,
        content_type="audio/mp4",
        tags={},
        may_replace=True,
        may_consume=False,
    )
    back = file.with_name(f"back{file.suffix}")
    store.get(stored.url, back, expected=digest)
    return back


if __name__ == "__main__":
    sys.exit(main())
