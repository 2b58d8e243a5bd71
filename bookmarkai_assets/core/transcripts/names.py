"""Choose the names that a post spells, for a speech engine to expect them. Whether an engine does is its own setting.

A name shows by its capitals: `ComfyUI`, `#NewYorkCity`, `@ana_ruiz`, or a capitalised word inside a sentence. Scripts
without capitals have no names here, and a German noun counts as one. That costs a place in the list, and no more.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from bookmarkai_assets.core.media.media import UNTITLED, VideoInfo

MAX_NAMES = 20
MAX_CHARACTERS = 200
"""Of all names together with the separators. They are some 60 tokens in Latin script, of the 223 that Whisper takes."""

MAX_NAME_CHARACTERS = 40

_LINK = re.compile(r"\b(?:https?://|www\.)\S+|\S+@\S+\.\S+")
_HASHTAG = re.compile(r"#(\w+)")
_HANDLE = re.compile(r"(?<!\w)@(\w[\w.]*)")
_SENTENCE_END = re.compile(
    r"(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)[.!?…:;|•\N{EN DASH}\N{EM DASH}]+(?=\s|$)"
    r"|[\n\r]+|[\U0001f000-\U0001ffff☀-➿]+"
)
_WORD = re.compile(r"[^\W_]+(?:['’.&-][^\W_]+)*")  # noqa: RUF001 - typographic apostrophe
_JOINT = re.compile(r"(?<=[^\W\d_A-Z]{2})(?=[A-Z][a-z])|[_.]+|(?<=[a-z])(?=\d)")
_FIRST_PERSON = re.compile(r"I(?:['’]\w+)?$")  # noqa: RUF001 - as above

_LONG_WORD_LETTERS = 4
"""From this length on, words are capitalised in headlines in Title Case, whatever they are."""

_ACRONYM_LETTERS = range(2, 6)
_SHORTEST_NAME = 2


def names_in_post(info: VideoInfo) -> Sequence[str]:
    """Return the names in a post's title, author and description, without repetitions, the likeliest to be said first.

    They have letters, digits and inner punctuation only. There are at most `MAX_NAMES`, of at most `MAX_CHARACTERS`.
    """
    title = _LINK.sub(" ", "" if info.title == UNTITLED else info.title)
    description = _LINK.sub(" ", info.description or "")
    lowercase = {word for word in _WORD.findall(_without_tags(f"{title}\n{description}")) if word.islower()}
    found = chain(
        _names_in_prose(title, lowercase),
        _names_in_tags(f"{title}\n{description}", lowercase),
        _parts_of_handle(info.author or ""),
        _names_in_prose(description, lowercase),
    )
    return tuple(_bounded(found))


def _names_in_prose(text: str, lowercase: Iterable[str]) -> Iterator[str]:
    """Yield the runs of capitalised words that begin no sentence, and words with capitals inside wherever they are."""
    for sentence in _SENTENCE_END.split(_without_tags(text)):
        words = _WORD.findall(sentence)
        tells_nothing = _is_headline(words)
        run: list[str] = []
        for position, word in enumerate(words):
            is_ordinary = position == 0 or tells_nothing or word.casefold() in lowercase
            is_name = _is_distinctive(word, among=words) or (word[0].isupper() and not is_ordinary)
            if is_name and not _FIRST_PERSON.match(word):
                run.append(word)
                continue
            yield " ".join(run)
            run = []
        yield " ".join(run)


def _names_in_tags(text: str, lowercase: Iterable[str]) -> Iterator[str]:
    for tag in _HASHTAG.findall(text):
        name = " ".join(_JOINT.split(tag))
        if any(character.isupper() for character in tag) and name.casefold() not in lowercase:
            yield name
    for handle in _HANDLE.findall(text):
        yield from _parts_of_handle(handle)


def _parts_of_handle(handle: str) -> Iterator[str]:
    """Yield a handle, or an author's name, as words: `ana_ruiz88` is Ana Ruiz."""
    words = _WORD.findall(" ".join(_JOINT.split(handle)))
    yield " ".join(word if any(map(str.isupper, word)) else word.capitalize() for word in words if not word.isdigit())


def _without_tags(text: str) -> str:
    return _HANDLE.sub(" ", _HASHTAG.sub(" ", text))


def _is_headline(words: Sequence[str]) -> bool:
    """Whether all longer words, or all words, have capitals, so that they tell nothing."""
    return all(word[0].isupper() for word in words if len(word) >= _LONG_WORD_LETTERS) or all(map(str.isupper, words))


def _is_distinctive(word: str, *, among: Sequence[str]) -> bool:
    """Whether a word has a capital after its first letter, as no ordinary word has unless all are in capitals."""
    if not any(map(str.isupper, word[1:])) or all(map(str.isupper, among)):
        return False
    return not word.isupper() or len(word) in _ACRONYM_LETTERS


def _bounded(names: Iterable[str]) -> Iterator[str]:
    count, characters = 0, 0
    seen: set[str] = set()
    for name in names:
        folded = name.casefold()
        if not _SHORTEST_NAME <= len(name) <= MAX_NAME_CHARACTERS or folded in seen:
            continue
        if count == MAX_NAMES or characters + len(name) > MAX_CHARACTERS:
            return
        seen.add(folded)
        count, characters = count + 1, characters + len(name) + len(", ")
        yield name
