"""Decode text files that people wrote with whatever program they have: any mark, UTF-8 or UTF-16, any line ends."""

import codecs
import re

_MARKED = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # The mark of UTF-32 begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARK = "\ufeff"
_LINE_END = re.compile(r"\r\n|\r|\n")
_DOS_END = "\x1a"
"""Some programs for DOS end a text with it."""

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_CHARACTERS_PER_CONTROL = 20
"""Compressed data has a control character in ten, and text has none."""


class NotTextError(ValueError):
    """The bytes are not text."""


def encoding_of(data: bytes) -> str:
    """Return the encoding of a text, as Python names it: by its mark, else by its zeros, else UTF-8.

    Decoding with it removes the mark. ASCII in UTF-16 has a zero in every second byte.
    """
    marked = next((encoding for mark, encoding in _MARKED if data.startswith(mark)), None)
    if marked is not None:
        return marked
    pairs = len(data) // 2
    if pairs and len(data) % 2 == 0:
        first, second = data[::2].count(0), data[1::2].count(0)
        if first == 0 and 2 * second >= pairs:
            return "utf-16-le"
        if second == 0 and 2 * first >= pairs:
            return "utf-16-be"
    return "utf-8"


def read_lines(data: bytes, *, errors: str = "strict") -> list[str]:
    """Decode a text and divide it into lines, without their ends. A mark at the beginning of any line is dropped.

    Files that were put together have marks in the middle. `errors` is as for `bytes.decode`. Only the ends of lines
    that files have divide lines; `splitlines` would divide at other characters too. Raises `NotTextError`.
    """
    try:
        text = data.decode(encoding_of(data), errors)
    except UnicodeDecodeError as error:
        raise NotTextError(f"expected text in UTF-8 or UTF-16, found other bytes at {error.start}") from error
    text = text.removesuffix(_DOS_END)
    controls = len(_CONTROLS.findall(text))
    if _CHARACTERS_PER_CONTROL * controls > len(text):
        raise NotTextError(f"expected text, found {controls} control characters in {len(text)}")
    return [line.removeprefix(_MARK) for line in _LINE_END.split(text)]
