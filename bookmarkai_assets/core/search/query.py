"""What people ask of search, read strictly: words, "phrases", begin*, -not.

What counts as a word is in `search_text`, how a database is asked in its adapter.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bookmarkai_assets.core.errors import SearchQueryError
from bookmarkai_assets.core.search.text import FoundWord, is_unspaced, words_of

MAX_CHARACTERS = 1000
MAX_TERMS = 32
"""Bounds what one question may cost."""

MIN_PREFIX_CHARACTERS = 2
"""A word's first letter alone begins a tenth of all words."""

EXAMPLES = """words that all occur, "words in a row", begin* for a word's beginning, -word for what must not occur"""

_PIECE = re.compile(r'(?P<minus>-)?(?:"(?P<phrase>[^"]*)(?P<end>"?)(?P<star>\*)?|(?P<plain>[^\s"]+))')
_CURLY = str.maketrans("“”„‟«»", '""""""')


@dataclass(frozen=True)
class Term:
    """Words that must stand in a row; of the last one only the beginning is given if `is_prefix`."""

    words: tuple[str, ...]
    is_prefix: bool = False


@dataclass(frozen=True)
class SearchQuery:
    """Every one of `required`, at least one, must occur in a sentence, and none of `excluded`."""

    required: tuple[Term, ...]
    excluded: tuple[Term, ...] = ()


def parse_query(text: str) -> SearchQuery:
    """Read a question. Raises `SearchQueryError`, whose message says what can be asked.

    What has neither letter nor digit, between words, asks for nothing. Typographic quotation marks are quotation marks.
    """
    if len(text) > MAX_CHARACTERS:
        raise SearchQueryError(f"expected at most {MAX_CHARACTERS:,} characters to search for, found {len(text):,}")
    terms = list(_terms(text.translate(_CURLY)))
    if len(terms) > MAX_TERMS:
        raise SearchQueryError(f"expected at most {MAX_TERMS} words and phrases to search for, found {len(terms)}")
    required = tuple(dict.fromkeys(term for is_excluded, term in terms if not is_excluded))
    excluded = tuple(dict.fromkeys(term for is_excluded, term in terms if is_excluded))
    if not required:
        found = "only what must not occur" if excluded else "no letter or digit" if text.strip() else "nothing"
        raise SearchQueryError(f"expected a word to search for, found {found}; give {EXAMPLES}")
    return SearchQuery(required, excluded)


def matches(query: SearchQuery, text: str) -> Sequence[tuple[int, int]]:
    """Say where in a text the required words stand: `text[start:end]`, in order, none overlapping another."""
    said = list(words_of(text))
    spans = sorted({span for term in query.required for span in _spans(term, said)})
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def is_match(query: SearchQuery, text: str) -> bool:
    """Tell whether a text has all that is required and nothing that is excluded: what every index must answer alike."""
    said = list(words_of(text))

    def occurs(term: Term) -> bool:
        return next(_spans(term, said), None) is not None

    return all(map(occurs, query.required)) and not any(map(occurs, query.excluded))


def _terms(text: str) -> Iterator[tuple[bool, Term]]:
    for piece in _PIECE.finditer(text):
        if piece["phrase"] is not None and not piece["end"]:
            raise SearchQueryError(
                f"expected a quotation mark to close the phrase that begins at character {piece.start() + 1}, found "
                f"none; give {EXAMPLES}"
            )
        said = piece["phrase"] if piece["plain"] is None else piece["plain"].rstrip("*")
        is_prefix = piece["star"] is not None if piece["plain"] is None else piece["plain"].endswith("*")
        if "*" in said:
            raise SearchQueryError(
                f"expected a star only behind the beginning of a word, found it at character "
                f"{piece.start() + piece[0].index('*') + 1}; give {EXAMPLES}"
            )
        words = tuple(found.word for found in words_of(said))
        if not words:
            continue
        # A letter that is a word of its own is its own beginning.
        is_prefix = is_prefix and not is_unspaced(words[-1])
        if is_prefix and len(words[-1]) < MIN_PREFIX_CHARACTERS:
            raise SearchQueryError(
                f"expected at least {MIN_PREFIX_CHARACTERS} letters before a star, found {words[-1]!r}; give more of "
                "the word"
            )
        yield piece["minus"] is not None, Term(words, is_prefix)


def _spans(term: Term, said: Sequence[FoundWord]) -> Iterator[tuple[int, int]]:
    length = len(term.words)
    for first in range(len(said) - length + 1):
        row = said[first : first + length]
        whole = row[:-1] if term.is_prefix else row
        if all(found.word == word for found, word in zip(whole, term.words, strict=False)) and (
            not term.is_prefix or row[-1].word.startswith(term.words[-1])
        ):
            yield row[0].start, row[-1].end
