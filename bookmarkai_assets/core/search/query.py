"""The query language of search, parsed strictly: words, "phrases", begin*, -not.

What counts as a word is in `text`. How a query becomes SQL is in the catalog's adapter.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bookmarkai_assets.core.errors import SearchQueryError
from bookmarkai_assets.core.search.text import Token, is_unspaced, tokenize

MAX_CHARACTERS = 1000
MAX_TERMS = 32
"""Bounds the cost of one query."""

MIN_PREFIX_CHARACTERS = 2
"""One letter alone begins up to a tenth of all words."""

EXAMPLES = """words that all occur, "words in a row", begin* for a word's beginning, -word for what must not occur"""

_PIECE = re.compile(r'(?P<minus>-)?(?:"(?P<phrase>[^"]*)(?P<end>"?)(?P<star>\*)?|(?P<plain>[^\s"]+))')
_CURLY = str.maketrans("“”„‟«»", '""""""')


@dataclass(frozen=True)
class Term:
    """Words that must follow each other. With `is_prefix`, the last one is only the beginning of a word."""

    words: tuple[str, ...]
    is_prefix: bool = False


@dataclass(frozen=True)
class SearchQuery:
    """All of `required`, which is not empty, must occur in a sentence, and none of `excluded`."""

    required: tuple[Term, ...]
    excluded: tuple[Term, ...] = ()


def parse_query(text: str) -> SearchQuery:
    """Parse a query. Raises a `SearchQueryError` whose message says what a query may contain.

    Anything between words that has neither letter nor digit is ignored. Typographic quotation marks count as quotation
    marks.
    """
    if len(text) > MAX_CHARACTERS:
        raise SearchQueryError(f"expected at most {MAX_CHARACTERS:,} characters to search for, found {len(text):,}")
    terms = list(_parse_terms(text.translate(_CURLY)))
    if len(terms) > MAX_TERMS:
        raise SearchQueryError(f"expected at most {MAX_TERMS} words and phrases to search for, found {len(terms)}")
    required = tuple(dict.fromkeys(term for is_excluded, term in terms if not is_excluded))
    excluded = tuple(dict.fromkeys(term for is_excluded, term in terms if is_excluded))
    if not required:
        found = "only what must not occur" if excluded else "no letter or digit" if text.strip() else "nothing"
        raise SearchQueryError(f"expected a word to search for, found {found}; give {EXAMPLES}")
    return SearchQuery(required, excluded)


def matches(query: SearchQuery, text: str) -> Sequence[tuple[int, int]]:
    """Return where the required words are in a text: `text[start:end]`, in order, without overlaps."""
    tokens = list(tokenize(text))
    occurrences = sorted({occurrence for term in query.required for occurrence in _occurrences(term, tokens)})
    merged: list[tuple[int, int]] = []
    for start, end in occurrences:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def is_match(query: SearchQuery, text: str) -> bool:
    """Whether a text has all that is required and nothing that is excluded. Every index must agree with this."""
    tokens = list(tokenize(text))

    def occurs(term: Term) -> bool:
        return next(_occurrences(term, tokens), None) is not None

    return all(map(occurs, query.required)) and not any(map(occurs, query.excluded))


def _parse_terms(text: str) -> Iterator[tuple[bool, Term]]:
    for piece in _PIECE.finditer(text):
        if piece["phrase"] is not None and not piece["end"]:
            raise SearchQueryError(
                f"expected a quotation mark to close the phrase that begins at character {piece.start() + 1}, found "
                f"none; give {EXAMPLES}"
            )
        wanted = piece["phrase"] if piece["plain"] is None else piece["plain"].rstrip("*")
        is_prefix = piece["star"] is not None if piece["plain"] is None else piece["plain"].endswith("*")
        if "*" in wanted:
            raise SearchQueryError(
                f"expected a star only behind the beginning of a word, found it at character "
                f"{piece.start() + piece[0].index('*') + 1}; give {EXAMPLES}"
            )
        words = tuple(token.word for token in tokenize(wanted))
        if not words:
            continue
        # A letter that is a word by itself is not the beginning of another.
        is_prefix = is_prefix and not is_unspaced(words[-1])
        if is_prefix and len(words[-1]) < MIN_PREFIX_CHARACTERS:
            raise SearchQueryError(
                f"expected at least {MIN_PREFIX_CHARACTERS} letters before a star, found {words[-1]!r}; give more of "
                "the word"
            )
        yield piece["minus"] is not None, Term(words, is_prefix)


def _occurrences(term: Term, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    length = len(term.words)
    for first in range(len(tokens) - length + 1):
        row = tokens[first : first + length]
        whole = row[:-1] if term.is_prefix else row
        if all(token.word == word for token, word in zip(whole, term.words, strict=False)) and (
            not term.is_prefix or row[-1].word.startswith(term.words[-1])
        ):
            yield row[0].start, row[-1].end
