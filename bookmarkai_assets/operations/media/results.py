"""What became of each media that a command worked on. Which outcomes there are is the work's own matter."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

Outcome = TypeVar("Outcome", bound=StrEnum)


@dataclass(frozen=True)
class MediaResult(Generic[Outcome]):
    """What became of one media: `size_bytes` as the work says, `seconds` the wall time, `detail` why it failed."""

    media_id: str
    share_id: str | None
    outcome: Outcome
    size_bytes: int = 0
    seconds: float = 0.0
    detail: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give the JSON form: the fields by name, the outcome by its value, the seconds to three places."""
        return {**asdict(self), "outcome": self.outcome.value, "seconds": round(self.seconds, 3)}
