"""The parts of a multipart upload, within S3's limits."""

from collections.abc import Iterator
from dataclasses import dataclass

MIN_PART_BYTES = 5 << 20
"""The least that S3 takes for a part, except for the last one."""

MAX_PART_BYTES = 5 << 30
MAX_PARTS = 10_000
MAX_AT_ONCE_BYTES = 5 << 30
"""The largest object that S3 takes in one request."""

PART_BYTES = 16 << 20
"""As the store's own: 4 at a time are as fast as s5cmd. The parts of larger files grow, so that they are few enough."""

AT_ONCE_BYTES = 64 << 20
"""Up to this size a file is sent in one request unless its owner asks for parts: little is lost if it breaks off."""

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class PlannedPart:
    """One part: its number, from 1, and which bytes of the file it has."""

    number: int
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class PartPlan:
    """How a file is divided. All parts but the last one have `part_bytes`."""

    size_bytes: int
    part_bytes: int

    @property
    def count(self) -> int:
        """How many parts there are."""
        return -(-self.size_bytes // self.part_bytes)

    def part(self, number: int) -> PlannedPart:
        """Return a part by its number. Raises a `ValueError` for one that the file does not have."""
        if not 1 <= number <= self.count:
            raise ValueError(f"expected a part from 1 to {self.count}, found {number}")
        offset = (number - 1) * self.part_bytes
        return PlannedPart(number, offset, min(self.part_bytes, self.size_bytes - offset))

    def __iter__(self) -> Iterator[PlannedPart]:
        """Return all parts in order."""
        return (self.part(number) for number in range(1, self.count + 1))


def plan_parts(size_bytes: int, *, part_bytes: int = PART_BYTES) -> PartPlan:
    """Divide a file of at least one byte into parts of at least `part_bytes`, in whole mebibytes.

    Raises a `ValueError` for a file that is empty or too large for S3.
    """
    if not 1 <= size_bytes <= MAX_PARTS * MAX_PART_BYTES:
        raise ValueError(f"expected 1 to {MAX_PARTS * MAX_PART_BYTES} bytes, found {size_bytes}")
    least = max(part_bytes, MIN_PART_BYTES, -(-size_bytes // MAX_PARTS))
    return PartPlan(size_bytes, min(MAX_PART_BYTES, -(-least // _MEBIBYTE) * _MEBIBYTE))
