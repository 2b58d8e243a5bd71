"""Short recordings in languages other than English, with their texts. Files only; transcribes nothing.

`tools/make_foreign_speech.py` makes them from this list, and the texts were written for it.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.support.project import PROJECT

_DIRECTORY = PROJECT / "tests" / "samples"


@dataclass(frozen=True)
class ForeignSpeech:
    """One recording: eSpeak NG's voice and its speed in words a minute, Whisper's language code, and the text."""

    file: str
    voice: str
    words_per_minute: int
    language: str
    text: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return _DIRECTORY / self.file


GERMAN = ForeignSpeech(
    "german.m4a",
    "de",
    120,
    "de",
    "Guten Morgen. Ich möchte bitte zwei Brötchen und eine Tasse Kaffee. Das Wetter ist heute sehr schön.",
)
SPANISH = ForeignSpeech(
    "spanish.m4a",
    "es-419",
    130,
    "es",
    "Mañana vamos a la playa con mis hermanos y mi perro. El agua está muy fría.",
)
