"""The ports of transcripts: the speech engine, the table of transcripts, and the parts of one under way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk, ignore_chunk
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind
from bookmarkai_assets.core.transcripts.staleness import MadeTranscript, RecipeUse
from bookmarkai_assets.core.transcripts.transcript import Recipe, Setup, Transcript


@dataclass(frozen=True)
class ChunkKey:
    """What a part can be used for again: the same media, recipe (its fingerprint), sound file and told language.

    `told_language` is None where the language was to be detected.
    """

    media_id: str
    recipe: str
    audio_sha256: str
    told_language: str | None


class ChunkTable(ABC):
    """Parts of transcripts that are under way, kept so that work which was cut short goes on behind them."""

    @abstractmethod
    def keep(self, key: ChunkKey, part: TranscriptChunk, *, now: datetime) -> None:
        """Keep a part, in place of one that began where it does."""

    @abstractmethod
    def kept(self, key: ChunkKey) -> Sequence[TranscriptChunk]:
        """Read the parts of one transcript, by their start."""

    @abstractmethod
    def drop(self, media_id: str) -> None:
        """Forget all parts of a media."""

    @abstractmethod
    def abandoned(self, *, before: datetime) -> Sequence[str]:
        """List the media that have parts of which the latest was kept before that moment."""


def ignore_progress(_done_seconds: float, _all_seconds: float) -> None:
    """Tell nobody how far a transcription is."""


class SpeechEngine(ABC):
    """Turns an audio file into a transcript. Loads its model once per process, at the first use.

    Several threads may use one engine.
    """

    @property
    @abstractmethod
    def engine(self) -> str:
        """The engine's name, as transcripts record it."""

    @property
    @abstractmethod
    def model(self) -> str:
        """The model's name or path, as it was set and as transcripts record it."""

    @property
    @abstractmethod
    def setup(self) -> Setup:
        """Say what `recipe` will, without its weights: no model is looked for."""

    @abstractmethod
    def recipe(self) -> Recipe:
        """Say what transcripts made now are made with. Loads no weights into memory and asks no network.

        Neither the language of one file nor what only decides how fast it goes (device, threads) is part of it. Raises
        `ConfigurationError` where the model is nowhere on this machine.
        """

    @abstractmethod
    def prepare(self) -> Recipe:
        """Load the model, which may fetch it, and say what transcripts are made with. Raises `ConfigurationError`."""

    @abstractmethod
    def supports(self, language: str) -> bool:
        """Tell whether the model knows a language, by Whisper's code for it. Raises `ConfigurationError`."""

    @abstractmethod
    def transcribe(
        self,
        audio: Path,
        *,
        language: str | None,
        on_progress: Callable[[float, float], object] = ignore_progress,
        kept: Sequence[TranscriptChunk] = (),
        on_chunk: Callable[[TranscriptChunk], object] = ignore_chunk,
    ) -> Transcript:
        """Transcribe one file; `language` is the one that is spoken, None detects it.

        The transcript's `language_probability` is how likely the sound is in its language, also where that was told.
        Segments are in order, apart from each other and within the sound; so are the words within a segment.
        `on_progress` is told how many seconds of the sound are done and how many there are: never less than before,
        and at the end all. How long a long sound is, is what the file says until it has been read. Raises
        `TranscriptionError`, and `ConfigurationError` for a language that the model does not know. Whatever
        `on_progress` or `on_chunk` raises ends the work.

        A long sound is divided, always at the same moments, and never held in memory whole. Each part is given to
        `on_chunk` when it is done. `kept` are the parts that are done already, from the start on without a gap, as an
        engine of the same recipe gave them for the same file and `language`; they are not done again. A sound that is
        not divided gives no part.
        """


@dataclass(frozen=True)
class DoubtfulTranscript:
    """A share whose transcript is marked, when that was made, and by which doubts."""

    share_id: str
    made_at: datetime
    doubts: tuple[Doubt, ...]


class TranscriptTable(ABC):
    """BookmarkAI's `transcripts`, and beside it what made each one."""

    @abstractmethod
    def put(self, share_id: str, transcript: Transcript, *, now: datetime) -> None:
        """Write the share's transcript, replacing an earlier one."""

    @abstractmethod
    def get(self, share_id: str) -> Transcript | None:
        """Read the share's transcript."""

    @abstractmethod
    def find_for_media(self, media_id: str, *, recipe: str, language: str | None) -> Transcript | None:
        """Read the latest transcript that a share of a media got by a recipe, named by its fingerprint.

        Only one that would not be another if the engine were told `language`, or None to detect it: one that is in that
        language, or with None in a language that was likelier than all others together. One without words is the same
        whatever the engine is told.
        """

    @abstractmethod
    def recipes_in_use(self) -> Sequence[RecipeUse]:
        """Count the transcripts that were made here and stand, by what made them, the most first."""

    @abstractmethod
    def made_by(self, recipes: Collection[str | None]) -> Iterator[MadeTranscript]:
        """Read the transcripts that these recipes made, named by fingerprint, and that stand, the newest first.

        None stands for a recipe that is not on record. Read to the end, or close: a transaction stays open until then.
        """

    @abstractmethod
    def count_of_others(self) -> int:
        """Count the shares with a transcript that was not made here."""

    @abstractmethod
    def latest_of_media(self, media_id: str) -> str | None:
        """Name the share of a media whose transcript was written last; None while no share of it has one."""

    @abstractmethod
    def doubtful(self, *, kinds: Collection[DoubtKind] = (), limit: int) -> Sequence[DoubtfulTranscript]:
        """Read the transcripts that are marked by doubts, the newest first, at most `limit`.

        With `kinds` only those that have a doubt of one of these, with all their doubts.
        """
