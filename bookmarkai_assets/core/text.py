"""Make untrusted text safe to store and to show: no invisible characters, no secrets, a maximum length."""

import re
import unicodedata

# Unicode's bidirectional controls (UAX 9) reorder the text around them. The byte order mark hides in titles. Joiners
# stay, because emoji and several scripts need them.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_LINE_BREAKS = frozenset("\n\u2028\u2029")
_URL = re.compile(
    r"\b(?P<scheme>[a-z][a-z0-9+.-]{0,20})://(?:[^\s/?#'\"<>]*@)?(?P<location>[^\s?#'\"<>]*)[^\s'\"<>]*", re.IGNORECASE
)
_MARKUP = re.compile(r"[\\`*_\[\]<>~&|#!]")
# Limits the work on megabytes of text. Text beyond it could only be kept if nearly all before it was dropped.
_READ_PER_KEPT = 10


def clean_line(text: str, *, max_characters: int) -> str:
    """Make one line of a text: no control or reordering characters, single spaces, cut with … if it is too long."""
    return _truncate(" ".join(_drop_invisible(text, max_characters).split()), max_characters)


def clean_paragraphs(text: str, *, max_characters: int) -> str:
    """Clean a text as `clean_line` does, but keep line breaks, at most two in a row."""
    lines = [" ".join(line.split()) for line in _drop_invisible(text, max_characters).split("\n")]
    return _truncate(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), max_characters)


def without_secrets(text: str) -> str:
    """Cut every URL in a text down to scheme, host and path, because queries and user names carry tokens."""
    return _URL.sub(r"\g<scheme>://\g<location>", text)


def escape_markdown(text: str) -> str:
    """Escape what markdown would take for markup, so that a line is shown as it is: no link, picture or HTML."""
    return _MARKUP.sub(r"\\\g<0>", text)


def format_size(size_bytes: int) -> str:
    """Format a number of bytes for a person, in the unit that suits it, such as 2.50 GB or 512 bytes."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= size:
            return f"{size_bytes / size:.2f} {unit}"
    return f"{size_bytes} bytes"


def _drop_invisible(text: str, max_characters: int) -> str:
    """Drop invisible and reordering characters. Every kind of white space becomes a space or a newline."""
    kept = []
    for character in text[: _READ_PER_KEPT * max_characters]:
        if character in _LINE_BREAKS:
            kept.append("\n")
        elif character.isspace():
            kept.append(" ")
        elif character not in _REORDERING and unicodedata.category(character) not in {"Cc", "Cs"}:
            kept.append(character)
    return "".join(kept)


def _truncate(text: str, max_characters: int) -> str:
    return text if len(text) <= max_characters else text[: max_characters - 1].rstrip() + "…"
