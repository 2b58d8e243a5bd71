"""What can be wrong with a transcript, as values. The rules that find it are in `quality`."""

from dataclasses import dataclass
from enum import StrEnum


class DoubtKind(StrEnum):
    """The kinds of doubt; each is a check of the asset `transcript`."""

    NO_SPEECH = "no_speech"
    REPETITION_LOOP = "repetition_loop"
    IMPLAUSIBLE_RATE = "implausible_rate"
    UNEXPECTED_LANGUAGE = "unexpected_language"
    LOW_CONFIDENCE = "low_confidence"
    NOT_COVERED = "not_covered"


class Severity(StrEnum):
    """`error`: the text as a whole is not to be relied on. `warn`: a part of it, or perhaps nothing, is wrong."""

    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True)
class Doubt:
    """One doubt about one transcript: the figure that was found, the limit it is beyond, and both in words.

    What the figure counts is the kind's own, see `quality`. A limit of None: there is nothing to compare with.
    """

    kind: DoubtKind
    severity: Severity
    figure: float | None
    limit: float | None
    words: str


def as_plain(doubt: Doubt) -> dict[str, str | float | None]:
    """Give a doubt as plain values, as JSON has it wherever it is shown or kept."""
    return {
        "kind": doubt.kind.value,
        "severity": doubt.severity.value,
        "figure": doubt.figure,
        "limit": doubt.limit,
        "words": doubt.words,
    }


def in_words(doubts: tuple[Doubt, ...]) -> str:
    """Put doubts into one line, each with its kind in front; an empty one without any."""
    return "; ".join(f"{doubt.kind}: {doubt.words}" for doubt in doubts)
