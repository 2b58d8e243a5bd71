"""The ports of transcripts: the speech engine, the table of transcripts, and the chunks of unfinished ones."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk, ignore_chunk
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind
from bookmarkai_assets.core.transcripts.transcript import Recipe, Setup, Transcript

if TYPE_CHECKING:
    from bookmarkai_assets.core.transcripts.staleness import MadeTranscript, RecipeUse, TranscriptCounts


@dataclass(frozen=True)
class ChunkKey:
    """What a chunk can be reused for: the same media, recipe (its fingerprint), sound file and requested language.

    `requested_language` is None if the language was to be detected.
    """

    media_id: str
    recipe: str
    audio_sha256: str
    requested_language: str | None


class ChunkTable(ABC):
    """The chunks of unfinished transcripts, kept so that interrupted work continues after them."""

    @abstractmethod
    def keep(self, key: ChunkKey, chunk: TranscriptChunk, *, owner: str, now: datetime) -> None:
        """Keep a chunk, replacing one that begins at the same moment.

        Raises `LeaseLostError` unless `owner` holds the lease on the key's media.
        """

    @abstractmethod
    def kept(self, key: ChunkKey) -> Sequence[TranscriptChunk]:
        """Read the chunks of one transcript, ordered by their start."""

    @abstractmethod
    def drop(self, media_id: str) -> None:
        """Delete all chunks of a media."""

    @abstractmethod
    def abandoned(self, *, before: datetime) -> Sequence[str]:
        """List the media whose latest chunk was kept before that moment."""


def ignore_progress(_done_seconds: float, _all_seconds: float) -> None:
    """Report the progress of a transcription to nobody."""


class SpeechEngine(ABC):
    """Turns an audio file into a transcript. Loads its model once per process, on first use.

    Several threads may use one engine.
    """

    @property
    @abstractmethod
    def engine(self) -> str:
        """The engine's name, as transcripts record it."""

    @property
    @abstractmethod
    def model(self) -> str:
        """The model's name or path, as in the setting and as transcripts record it."""

    @property
    @abstractmethod
    def setup(self) -> Setup:
        """What `recipe` will return, without the weights. Does not search for the model."""

    @abstractmethod
    def recipe(self) -> Recipe:
        """Return what transcripts are made with now. Loads no weights into memory and uses no network.

        The language of one file is not part of it, nor is what only affects the speed (device, threads). Raises
        `ConfigurationError` if the model is not on this machine.
        """

    @abstractmethod
    def prepare(self) -> Recipe:
        """Load the model, which may download it, and return the recipe. Raises `ConfigurationError`."""

    @abstractmethod
    def supports(self, language: str) -> bool:
        """Whether the model knows a language, by Whisper's code for it. Raises `ConfigurationError`."""

    @abstractmethod
    def transcribe(
        self,
        audio: Path,
        *,
        language: str | None,
        names: Sequence[str] = (),
        on_progress: Callable[[float, float], object] = ignore_progress,
        kept: Sequence[TranscriptChunk] = (),
        on_chunk: Callable[[TranscriptChunk], object] = ignore_chunk,
    ) -> Transcript:
        """Transcribe one file. `language` is the spoken language; None detects it, and it may change within the sound.

        The transcript's `language_probability` is how likely the sound is in its language, also if that was given.
        `names` may be spoken, and are spelled as they should be. An engine that was made to expect names expects these,
        and others ignore them.
        Segments are in order, do not overlap and lie within the sound, and so do the words within a segment.
        `on_progress` is called with the seconds of the sound that are done and with its length. The seconds done never
        decrease, and at the end all are done. Until a long sound has been read, its length is what the file says.
        Raises `TranscriptionError`, and `ConfigurationError` for a language that the model does not know. Any exception
        of `on_progress` or `on_chunk` ends the work.

        A long sound is divided into chunks, always at the same moments, and is never in memory whole. `on_chunk` is
        called with each chunk when it is done. `kept` are the chunks that are done already, from the start without a
        gap, as an engine of the same recipe made them for the same file and `language`. They are not done again. A
        sound that is not divided has no chunks.
        """


@dataclass(frozen=True)
class DoubtfulTranscript:
    """A share whose transcript is doubted, when that was made, and the doubts."""

    share_id: str
    made_at: datetime
    doubts: tuple[Doubt, ...]


class TranscriptTable(ABC):
    """BookmarkAI's `transcripts`, and the recipe of each one."""

    @abstractmethod
    def put(self, share_id: str, transcript: Transcript, *, media_id: str, owner: str, now: datetime) -> None:
        """Write the share's transcript, replacing an earlier one.

        Raises `LeaseLostError` unless `owner` holds the lease on the media that was transcribed. It is checked in the
        same transaction: a run that was stopped for longer than its lease would else replace what another has written.
        """

    @abstractmethod
    def get(self, share_id: str) -> Transcript | None:
        """Read the share's transcript."""

    @abstractmethod
    def find_for_media(self, media_id: str, *, recipe: str, language: str | None) -> Transcript | None:
        """Read the latest transcript of a media's shares that was made by a recipe, given by its fingerprint.

        Only one that the engine would make again if it were given `language`, or None to detect it. That is one in this
        language alone, or with None, one in a language that was likelier than all others together. A transcript without
        words is the same for every language.
        """

    @abstractmethod
    def recipes(self) -> Sequence[Recipe]:
        """Return the recipes that have made transcripts here, with one of the names of each model."""

    @abstractmethod
    def recipes_in_use(self, *, but: Collection[str] = ()) -> Sequence["RecipeUse"]:
        """Count the transcripts that were made here and still exist, by what made them, the most frequent first.

        Those of the recipes in `but`, given by fingerprint, are not looked at.
        """

    @abstractmethod
    def made_by(self, recipes: Collection[str | None]) -> Iterator["MadeTranscript"]:
        """Read the transcripts that these recipes made and that still exist, the newest first.

        Recipes are given by fingerprint. None means that the recipe is not recorded. Read the iterator to its end or
        close it: a transaction stays open until then.
        """

    @abstractmethod
    def count_made(self) -> "TranscriptCounts":
        """Count the transcripts that were made here and still exist, and those that were not made here."""

    @abstractmethod
    def latest_of_media(self, media_id: str) -> str | None:
        """Return the share of a media whose transcript was written last; None if no share of it has one."""

    @abstractmethod
    def doubtful(self, *, kinds: Collection[DoubtKind] = (), limit: int | None) -> Sequence[DoubtfulTranscript]:
        """Read the transcripts that have doubts, the newest first, at most `limit`, or all.

        With `kinds`, only those that have a doubt of one of these kinds, with all their doubts.
        """
