"""A video's sound: which of its tracks is transcribed, and in what form engines get it."""

from collections.abc import Sequence
from dataclasses import dataclass

SAMPLES_PER_SECOND = 16_000
"""The rate that Whisper was trained on. Engines get one channel of it, 16 bits for each sample."""


@dataclass(frozen=True)
class SoundTrack:
    """One sound track, as its file describes it.

    `index` is its number among all tracks of the file. `language` is an ISO 639 code of two letters where there is one,
    else the file's own word for it; None if the file names none. `is_aside` for a commentary, a description for the
    blind, or sound without the voices. `is_default` for a track that players are told to choose.
    """

    index: int
    codec: str
    language: str | None = None
    title: str | None = None
    is_default: bool = False
    is_original: bool = False
    is_dub: bool = False
    is_aside: bool = False

    @property
    def words(self) -> str:
        """The track in words, such as `2: aac, en, default`."""
        marks = {"default": self.is_default, "original": self.is_original, "dub": self.is_dub, "aside": self.is_aside}
        words = (self.codec, self.language, self.title, *(mark for mark, is_set in marks.items() if is_set))
        return f"{self.index}: {', '.join(filter(None, words))}"


def choose_track(tracks: Sequence[SoundTrack], *, language: str | None) -> SoundTrack | None:
    """Return the track to transcribe; None if there is none.

    What is aside of the video comes last and a dub after the original. Then the file's default decides, then the
    `language` that is expected of the video, and then the order in the file.
    """

    def rank(track: SoundTrack) -> tuple[bool, bool, bool, bool, bool, int]:
        is_foreign = language is not None and track.language != language
        return (track.is_aside, track.is_dub, not track.is_default, is_foreign, not track.is_original, track.index)

    return min(tracks, key=rank, default=None)
