"""The door to what is transcribed of long sounds so far. See `ports` for the others."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.transcript_parts import TranscriptPart


@dataclass(frozen=True)
class PartKey:
    """What a part can be used for again: the same media, recipe (its fingerprint), sound file and told language.

    `told_language` is None where the language was to be detected.
    """

    media_id: str
    recipe: str
    audio_sha256: str
    told_language: str | None


class PartTable(ABC):
    """Parts of transcripts that are under way, kept so that work which was cut short goes on behind them."""

    @abstractmethod
    def keep(self, key: PartKey, part: TranscriptPart, *, now: datetime) -> None:
        """Keep a part, in place of one that began where it does."""

    @abstractmethod
    def kept(self, key: PartKey) -> Sequence[TranscriptPart]:
        """Read the parts of one transcript, by their start."""

    @abstractmethod
    def drop(self, media_id: str) -> None:
        """Forget all parts of a media."""

    @abstractmethod
    def abandoned(self, *, before: datetime) -> Sequence[str]:
        """List the media that have parts of which the latest was kept before that moment."""
