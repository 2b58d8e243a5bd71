"""Split text into words for search, in lower case and without accents. Indexed text and queries are split alike.

This is done here because databases split text differently from each other and from release to release. Words contain
only letters, their marks and digits, so no text can become syntax in an index or a query.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain

MAX_WORD_CHARACTERS = 64
"""Longer words are cut to this. PostgreSQL accepts 2,046 bytes, which are 511 characters."""

# Marks that change how a letter is pronounced and not which letter it is: Latin, Greek and Cyrillic accents, Hebrew
# points, Arabic vowels. Readers of other scripts (Thai, Devanagari, the Japanese voicing mark) take marks for letters.
_ACCENT = "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff]"
_ACCENTS = re.compile(_ACCENT)
# Letters that Unicode does not decompose, replaced as by PostgreSQL's `unaccent` and as people type them.
_PLAIN = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t", "ـ": ""}  # noqa: RUF001 - meant
)
# Scripts without spaces between words (Unicode 16, Scripts.txt): Thai and Lao, Myanmar, Khmer, Tai Le to New Tai Lue,
# Tai Tham, kana with its extensions, and Han with its planes.
_UNSPACED = re.compile(
    "[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad\u3005-\u3007\u3040-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
_ASCII_WORD = re.compile("[a-z0-9]+")
# Hangul's vowels and finals, and the voicing marks of half-width kana. They are letters by category, but used as parts
# of one.
_PARTS_OF_A_LETTER = re.compile("[\u1160-\u11ff\uff9e\uff9f]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word as search compares it, and its position in the text: `text[start:end]`."""

    word: str
    start: int
    end: int


def tokenize(text: str) -> Iterator[Token]:
    """Yield the words of a text in order.

    A word is a run of letters and digits. In a script without spaces, each letter with its marks is a word. Words
    consist of lower-case letters, marks and digits, and have at most `MAX_WORD_CHARACTERS`.
    """
    if text.isascii():
        for match in _ASCII_WORD.finditer(text.lower()):
            yield Token(match[0][:MAX_WORD_CHARACTERS], match.start(), match.end())
        return
    letters: list[str] = []
    begun = ended = 0
    for start, end in _clusters(text):
        for unit in _units(text[start:end]):
            if letters and (unit is None or _UNSPACED.match(unit)):
                yield Token("".join(letters)[:MAX_WORD_CHARACTERS], begun, ended)
                letters = []
            if unit is None:
                continue
            if _UNSPACED.match(unit):
                yield Token(unit[:MAX_WORD_CHARACTERS], start, end)
                continue
            if not letters:
                begun = start
            letters.append(unit)
            ended = end
    if letters:
        yield Token("".join(letters)[:MAX_WORD_CHARACTERS], begun, ended)


def fold(text: str) -> str:
    """Return a text in lower case and without accents, as words are compared, with all that is between the words."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed).translate(_PLAIN))


def pattern_of(text: str) -> str:
    """Return a regular expression that finds a text in others, whatever the case and the accents of its letters.

    It is written in what Python and PostgreSQL have in common. Spellings are those of alphabets with accents: Latin,
    Greek and Cyrillic. A letter of another script is found as it is.
    """
    folded, parts, position = fold(text), list[str](), 0
    while position < len(folded):
        end = _end_of_stretch(folded, position)
        ways = ["".join(_any_spelling(letters) for letters in way) for way in _ways_to_write(folded[position:end])]
        parts.append(ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})")
        position = end
    return "".join(parts)


def _end_of_stretch(folded: str, begin: int) -> int:
    """Return where the letters from `begin` end that may be written with one character, overlapping ones included."""
    end, position = begin + 1, begin
    while position < end and end - begin < _MAX_STRETCH:
        longest = max((size for size in _LIGATURES if folded[position : position + size] in _spellings()), default=1)
        end = min(max(end, position + longest), len(folded), begin + _MAX_STRETCH)
        position += 1
    return end


def _ways_to_write(letters: str) -> Iterator[list[str]]:
    """Yield each way to divide letters into those that are written with one character, letter by letter first."""
    if not letters:
        yield []
        return
    for size in (1, *_LIGATURES):
        if len(letters) >= size and (size == 1 or letters[:size] in _spellings()):
            for rest in _ways_to_write(letters[size:]):
                yield [letters[:size], *rest]


def is_unspaced(word: str) -> bool:
    """Whether a word of `tokenize` is a letter of a script without spaces."""
    return _UNSPACED.match(word) is not None


_LIGATURES = (2, 3)
"""How many letters one character may stand for: æ for two, ﬃ for three."""

_MAX_STRETCH = 6
"""The longest stretch of letters whose ligatures may overlap. Real words have three: ffi in "office"."""

_ALPHABETS = (range(0x30, 0x590), range(0x1E00, 0x2000), range(0xFB00, 0xFB07), range(0xFF10, 0xFF5B))
"""Latin, Greek and Cyrillic with their accents, ligatures and full-width forms."""


@cache
def _spellings() -> Mapping[str, str]:
    """Return all characters that are folded to the same letter, or pair of letters, by that."""
    spellings: dict[str, str] = {}
    for code in chain(*_ALPHABETS):
        character = chr(code)
        if character.isalnum():
            folded = fold(character)
            spellings[folded] = spellings.get(folded, "") + character
    return spellings


def _any_spelling(letters: str) -> str:
    characters = _spellings().get(letters, letters)
    if not letters.isalnum():
        return f"\\{letters}" if letters.isascii() else letters
    return f"[{characters}]{_ACCENT}*"


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Split a text into letters with the marks that follow them. Yield start and end."""
    start = 0
    for position in range(1, len(text)):
        if not _extends_letter(text[position]):
            yield start, position
            start = position
    if text:
        yield start, len(text)


@lru_cache(maxsize=20_000)
def _extends_letter(character: str) -> bool:
    is_mark = unicodedata.category(character).startswith("M")
    return is_mark or _PARTS_OF_A_LETTER.match(character) is not None


@lru_cache(maxsize=20_000)
def _units(cluster: str) -> tuple[str | None, ...]:
    """Fold one letter with its marks into the letters that search compares, mostly one. None ends a word."""
    folded = fold(cluster)
    # Joiners and direction marks (Cf) are dropped. Like a lone mark or Arabic's tatweel, they neither are a letter nor
    # end a word.
    shown = "".join(character for character in folded if unicodedata.category(character) != "Cf")
    return tuple(_keep_letters(shown[begin:end]) for begin, end in _clusters(shown))


def _keep_letters(unit: str) -> str | None:
    """Return the letters, digits and marks of a unit; None if it has neither letter nor digit."""
    if not any(character.isalnum() for character in unit):
        return None
    return "".join(c for c in unit if c.isalnum() or unicodedata.category(c).startswith("M"))
