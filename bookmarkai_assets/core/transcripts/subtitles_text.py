"""Speech as text on a screen: cleaning, width in columns, and where a line may end. Times are in `subtitles_timing`."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise

# Embeddings, overrides and isolates (UAX 9) affect all text after them, and the byte order mark is invisible. Marks
# that only order a neighbour stay, and so do joiners, because Arabic, Hebrew, Persian and emoji need them.
_FAR_REACHING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")

# Scripts without spaces between words. A line may end between any two of their letters. Hangul has spaces.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),
    (0x3041, 0x312F),  # kana, bopomofo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),  # ideographs, from here on
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # half-width kana
    (0x20000, 0x3FFFF),
)
# Vowels that are written before their consonant, and signs that stack the next one (UAX 14).
_NO_BREAK_AFTER = frozenset("เแโใไເແໂໃໄ\u1039\u17d2")
# Vowels after their consonant, and small kana and marks that may not begin a line (JIS X 4051).
_NO_BREAK_BEFORE = frozenset("ะาำๅๆະາຳຽぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶー々ゝゞヽヾ")
_JOINER = "\u200d"
_FLAG_OR_CHARACTER = re.compile("[\U0001f1e6-\U0001f1ff]{2}|.", re.DOTALL)
_SKIN_TONES = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_MARKS = frozenset({"Mn", "Mc", "Me", "Cf"})
_WIDTHLESS = _MARKS - {"Mc"}
_CLOSING = frozenset({"Pe", "Pf", "Po"})
_OPENING = frozenset({"Ps", "Pi"})

_AFTER_PUNCTUATION = "\"'”’»)]」』）】"  # noqa: RUF001 - of several scripts
_SENTENCE_ENDS = tuple(".!?…。！？؟۔।։")  # noqa: RUF001 - as above
_CLAUSE_ENDS = tuple(",;:、，；：،؛–—")  # noqa: RUF001 - as above


def clean_speech(text: str) -> str:
    """Make one line of a text: single spaces, and no characters that control a terminal or reorder what follows."""
    if not text.isprintable():
        text = "".join(
            " " if c.isspace() else c
            for c in text
            if c.isspace() or (c not in _FAR_REACHING and unicodedata.category(c) not in {"Cc", "Cs"})
        )
    return " ".join(text.split())


def width_of(text: str) -> int:
    """Return the columns that a line takes: two for a wide character (UAX 11), none for a mark on another."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def divide(text: str, *, max_width: int) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a cleaned text that no line may break, and whether a space precedes each.

    These are words or, in a script without spaces between words, letters with their marks and punctuation. A piece
    wider than `max_width` columns is cut into pieces that fit. Joined with their spaces, they are the text.
    """
    for word in text.split():
        is_spaced = True
        for part in _unbreakable_parts(word):
            for piece in _cut(part, max_width):
                yield piece, is_spaced
                is_spaced = False


def ends_sentence(piece: str) -> bool:
    """Whether a sentence may end with this piece."""
    return piece.rstrip(_AFTER_PUNCTUATION).endswith(_SENTENCE_ENDS)


def ends_clause(piece: str) -> bool:
    """Whether a part of a sentence may end with this piece."""
    return piece.rstrip(_AFTER_PUNCTUATION).endswith(_CLAUSE_ENDS)


def _unbreakable_parts(word: str) -> list[str]:
    return [word] if word.isascii() else _join(_clusters(word), _is_unbreakable)


def _cut(part: str, max_width: int) -> list[str]:
    if width_of(part) <= max_width:
        return [part]
    pieces, used = [""], 0
    for cluster in _clusters(part):
        # A cluster wider than a line is nothing that anybody reads as one character.
        for item in [cluster] if width_of(cluster) <= max_width else cluster:
            width = width_of(item)
            if pieces[-1] and used + width > max_width:
                pieces.append("")
                used = 0
            pieces[-1] += item
            used += width
    return pieces


def _clusters(word: str) -> list[str]:
    """Split a word into what a reader takes for one character (the part of UAX 29 that speech needs)."""
    return list(word) if word.isascii() else _join(_FLAG_OR_CHARACTER.findall(word), _is_one_character)


def _join(items: list[str], belong_together: Callable[[str, str], bool]) -> list[str]:
    begins = [at for at, pair in enumerate(pairwise(items), 1) if not belong_together(*pair)]
    return ["".join(items[begin:end]) for begin, end in pairwise([0, *begins, len(items)])]


def _is_one_character(left: str, right: str) -> bool:
    return left == _JOINER or _category(right[0]) in _MARKS or right in _SKIN_TONES


def _is_unbreakable(left: str, right: str) -> bool:
    before, after = left[-1], right[0]
    if after in _NO_BREAK_BEFORE or _category(after) in _CLOSING:
        return True
    if left[0] in _NO_BREAK_AFTER or before in _NO_BREAK_AFTER or _category(before) in _OPENING:
        return True
    return not (_is_unspaced(left[0]) or _is_unspaced(after))


@lru_cache(maxsize=8192)
def _is_unspaced(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _UNSPACED)


@lru_cache(maxsize=8192)
def _category(character: str) -> str:
    return unicodedata.category(character)


@lru_cache(maxsize=8192)
def _columns(character: str) -> int:
    if _category(character) in _WIDTHLESS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
