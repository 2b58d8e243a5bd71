"""What only the machine knows: it is judged by this, beside what is really there."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from tests.crash.snapshot import Row
from tests.crash.world import NAMES


@dataclass
class Memory:
    """What only the machine knows: what was promised, what the site served, and what others have done."""

    now: datetime
    acknowledged: set[str] = field(default_factory=set)
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 1))
    leased: dict[str, datetime] = field(default_factory=dict)
    """Media that another live run has a lease on, and until when."""
    damaged: set[str] = field(default_factory=set)
    """Keys of objects that somebody else has overwritten or deleted while a local copy was there."""
    expired: set[str] = field(default_factory=set)
    """Keys of objects that the lifecycle rule has deleted."""
    outside: dict[str, str] = field(default_factory=dict)
    events: dict[int, Row] = field(default_factory=dict)
    """Every storage event that ever was, by id. Retention removes them from the catalog."""
    decided: set[int] = field(default_factory=set)
    """The decisions that an operator, or the gate's run, knows to be on record."""
    alerts: Counter[str] = field(default_factory=Counter)
    """How often the receiver was sent each incident."""
    killed: Counter[str] = field(default_factory=Counter)
    """How many operations of each kind were killed."""
