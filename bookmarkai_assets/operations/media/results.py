"""The result for each media that a command worked on. Each command has its own outcomes."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

Outcome = TypeVar("Outcome", bound=StrEnum)


@dataclass(frozen=True)
class MediaResult(Generic[Outcome]):
    """The result for one media. `size_bytes` is what the command says, `seconds` wall time, `detail` why it failed."""

    media_id: str
    share_id: str | None
    outcome: Outcome
    size_bytes: int = 0
    seconds: float = 0.0
    detail: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: the fields by name, the outcome by its value, the seconds to three decimal places."""
        return {**asdict(self), "outcome": self.outcome.value, "seconds": round(self.seconds, 3)}
