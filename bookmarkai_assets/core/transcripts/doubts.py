"""What can be wrong with a transcript, as values. The rules that find doubts are in `quality`."""

from dataclasses import dataclass
from enum import StrEnum


class DoubtKind(StrEnum):
    """The kinds of doubt. Each is a check of the asset `transcript`."""

    NO_SPEECH = "no_speech"
    REPETITION_LOOP = "repetition_loop"
    IMPLAUSIBLE_RATE = "implausible_rate"
    UNEXPECTED_LANGUAGE = "unexpected_language"
    LOW_CONFIDENCE = "low_confidence"
    NOT_COVERED = "not_covered"
    SOUND_LEFT_OUT = "sound_left_out"
    OUTLASTS_VIDEO = "outlasts_video"


class Severity(StrEnum):
    """`error`: the text as a whole cannot be relied on. `warn`: some of it, or perhaps nothing, is wrong."""

    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True)
class Doubt:
    """One doubt about one transcript: the figure that was measured, the limit that it is beyond, and both in words.

    What the figure counts depends on the kind, see `quality.find_doubts`. `limit` is None if the figure is compared
    with nothing.
    """

    kind: DoubtKind
    severity: Severity
    figure: float | None
    limit: float | None
    words: str


def as_plain(doubt: Doubt) -> dict[str, str | float | None]:
    """Return a doubt's JSON object, which is the same wherever a doubt is shown or kept."""
    return {
        "kind": doubt.kind.value,
        "severity": doubt.severity.value,
        "figure": doubt.figure,
        "limit": doubt.limit,
        "words": doubt.words,
    }


def in_words(doubts: tuple[Doubt, ...]) -> str:
    """Return doubts in one line, each after its kind. The line is empty if there are none."""
    return "; ".join(f"{doubt.kind}: {doubt.words}" for doubt in doubts)
