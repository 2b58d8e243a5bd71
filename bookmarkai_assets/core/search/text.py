"""Text as search sees it: words in lower case without accents. What is indexed and what is asked for pass here alike.

Done here and not by the databases, whose own readings of a text differ from each other and from release to release.
Nothing but letters and digits leaves this module, so that no text can be syntax to whoever stores or asks.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_WORD_CHARACTERS = 64
"""What is longer is told apart by its beginning alone. PostgreSQL takes 2,046 bytes, which are 511 characters."""

# Marks that change how a letter is said and not which it is: Latin, Greek and Cyrillic accents, Hebrew points, Arabic
# vowels. The marks of other scripts (Thai, Devanagari, the Japanese voicing mark) are letters to those who read them.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff]"
)
# Letters that Unicode does not take apart; as PostgreSQL's `unaccent` and people's keyboards have them.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t", "ـ": ""}  # noqa: RUF001 - meant
)
# Scripts that are written without spaces (Unicode 16, Scripts.txt): Thai and Lao, Myanmar, Khmer, Tai Le to New Tai
# Lue, Tai Tham, kana with its extensions, and Han with its planes.
_UNSPACED = re.compile(
    "[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad\u3005-\u3007\u3040-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
_ASCII_WORD = re.compile("[a-z0-9]+")
# Hangul's vowels and finals, and the voicing marks of half-width kana: letters by category, parts of one by use.
_PARTS_OF_A_LETTER = re.compile("[\u1160-\u11ff\uff9e\uff9f]")


@dataclass(frozen=True, slots=True)
class FoundWord:
    """A word as search sees it, and where it stands: `text[start:end]`."""

    word: str
    start: int
    end: int


def words_of(text: str) -> Iterator[FoundWord]:
    """Give the words of a text in order.

    A word is a run of letters and digits; in a script that is written without spaces each letter, with its marks, is a
    word. What a word consists of are lower-case letters, marks and digits, at most `MAX_WORD_CHARACTERS`.
    """
    if text.isascii():
        for found in _ASCII_WORD.finditer(text.lower()):
            yield FoundWord(found[0][:MAX_WORD_CHARACTERS], found.start(), found.end())
        return
    letters: list[str] = []
    begun = ended = 0
    for start, end in _clusters(text):
        for unit in _units(text[start:end]):
            if letters and (unit is None or _UNSPACED.match(unit)):
                yield FoundWord("".join(letters)[:MAX_WORD_CHARACTERS], begun, ended)
                letters = []
            if unit is None:
                continue
            if _UNSPACED.match(unit):
                yield FoundWord(unit[:MAX_WORD_CHARACTERS], start, end)
                continue
            if not letters:
                begun = start
            letters.append(unit)
            ended = end
    if letters:
        yield FoundWord("".join(letters)[:MAX_WORD_CHARACTERS], begun, ended)


def is_unspaced(word: str) -> bool:
    """Tell whether a word of `words_of` is a letter of a script that is written without spaces."""
    return _UNSPACED.match(word) is not None


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Divide a text into letters with the marks that follow them."""
    start = 0
    for position in range(1, len(text)):
        if not _continues(text[position]):
            yield start, position
            start = position
    if text:
        yield start, len(text)


@lru_cache(maxsize=20_000)
def _continues(character: str) -> bool:
    is_mark = unicodedata.category(character).startswith("M")
    return is_mark or _PARTS_OF_A_LETTER.match(character) is not None


@lru_cache(maxsize=20_000)
def _units(cluster: str) -> tuple[str | None, ...]:
    """Fold one letter with its marks into what counts of it: mostly one letter, or None for what is between words."""
    taken_apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", cluster).casefold())
    folded = unicodedata.normalize("NFC", _ACCENTS.sub("", taken_apart).translate(_PLAIN))
    # No letter and no gap either: a mark alone, Arabic's line of stretching, joiners and marks of direction (Cf).
    shown = "".join(character for character in folded if unicodedata.category(character) != "Cf")
    return tuple(_counted(shown[begin:end]) for begin, end in _clusters(shown))


def _counted(unit: str) -> str | None:
    """Keep the letters, digits and marks of a letter; None where there is neither letter nor digit."""
    if not any(character.isalnum() for character in unit):
        return None
    return "".join(c for c in unit if c.isalnum() or unicodedata.category(c).startswith("M"))
