"""Every file that a player plays is transcribed, at the player's times: the cases of tests/corpus/media.toml."""

from pathlib import Path

import numpy as np
import pytest

from bookmarkai_assets.adapters.downloader.media_file import read_media
from bookmarkai_assets.adapters.speech.decoding import Decoding
from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.core.transcripts.quality import assess
from bookmarkai_assets.core.transcripts.transcript import Transcript
from tests.support.corpus import Case, cases_of
from tests.support.media_corpus import RECORDINGS, Samples, heard_at, make_media, make_recordings, play, wrong_in

CASES = cases_of("media.toml", "media")

TOLERANCE_SECONDS = 0.15
"""A packet of the slowest codec, and the hundredth of a second in which loudness is measured."""

TRANSCRIBED = frozenset(
    {
        "WMA in a Windows video",
        "sound begins late in MP4",
        "gap in Matroska",
        "three recordings with pictures put together",
        "MP3 from stereo to mono",
        "channels that are each other's opposite",
        "silence",
    }
)
"""The cases that are transcribed here. `make soak` transcribes all, with both engines, from a file and from S3."""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with only the recordings."""
    directory = tmp_path_factory.mktemp("recordings")
    make_recordings(directory)
    return directory


@pytest.fixture(scope="module")
def engine(tiny_en_model: Path) -> FasterWhisperEngine:
    """Return the default engine with the small model."""
    return FasterWhisperEngine(model=str(tiny_en_model), device="cpu", compute_type="int8", cpu_threads=1, beam_size=1)


@pytest.fixture(scope="module")
def plain(recordings: Path, engine: FasterWhisperEngine) -> dict[str, Transcript]:
    """Transcribe each recording by itself."""
    return {name: engine.transcribe(recordings / f"{name}.wav", language="en") for name in RECORDINGS}


def samples_of(file: Path) -> Samples:
    """Decode a file as engines get it."""
    return np.concatenate(list(Decoding(file, "en").samples()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_what_a_player_plays_is_transcribed(
    case: Case, tmp_path: Path, recordings: Path, engine: FasterWhisperEngine, plain: dict[str, Transcript]
) -> None:
    """Each recording is audible when it is played. For some, the words are in the transcript at that time."""
    file = make_media(case, tmp_path, recordings)
    facts = read_media(file, audio_stem=tmp_path / "audio", language=case.get("language", "en"))
    if case.get("outcome") == "no_audio":
        assert facts.audio is None
        return
    assert facts.audio is not None
    sounds = {"track": samples_of(facts.audio)} | ({"played": play(file)} if case.get("is_played", True) else {})
    for name, at in case.get("hears", ()):
        for source, sound in sounds.items():
            begin, likeness = heard_at(sound, samples_of(recordings / f"{name}.wav"), at)
            assert likeness > 0.85, source
            assert begin == pytest.approx(at, abs=TOLERANCE_SECONDS), source
    if case["name"] in TRANSCRIBED:
        transcript = assess(engine.transcribe(facts.audio, language="en"), hinted_language=None)
        assert wrong_in(transcript, case, plain) is None
        assert transcript.left_out_seconds < 1
        assert transcript.duration_seconds < facts.duration_seconds + 1
