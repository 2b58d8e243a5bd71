"""A rollout for tests: rules, figures good and bad, and a ledger in which somebody else may be first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.placement import StorageMode, StoragePolicy
from bookmarkai_assets.core.rollout.gate import GateFigures, window_to_judge
from bookmarkai_assets.core.rollout.ports import RecordedVerification, RolloutLedger
from bookmarkai_assets.core.rollout.stages import AbortTarget, Decision, RolloutControl, RolloutPlan, Stage
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.deciding import Evaluation, evaluate, read_state
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
STAGE_TIME = timedelta(days=7)
SPLIT = 30
"""`S3_SPLIT_PERCENTAGE`, a value that no stage has."""

BAD: dict[str, Any] = {"access_denied": 2}
SCARCE: dict[str, Any] = {"uploads": 8, "upload_failures": 0}


def rollout_rules(
    control: RolloutControl = RolloutControl.MANUAL,
    *,
    mode: StorageMode = StorageMode.HYBRID,
    abort_to: AbortTarget = AbortTarget.LAST_HELD,
) -> PipelineRules:
    """Return an operator's settings: shadow, 10, 25, 50 and 100%, a week each."""
    plan = RolloutPlan(tuple(map(Stage.parse, ("shadow", "10", "25", "50", "100"))), STAGE_TIME, control, abort_to)
    return replace(make_rules(load_settings(env_file=None)), storage=StoragePolicy(mode, SPLIT), rollout=plan)


def figures_at(catalog: Catalog, rules: PipelineRules, now: datetime, **changes: Any) -> GateFigures:
    """Return figures with which every rule passes at this time, with some changes."""
    good = GateFigures(
        window=window_to_judge(rules.gate, read_state(catalog), now=now),
        uploads=200,
        upload_failures=1,
        mean_upload_seconds=2.5,
        access_denied=0,
        verification=RecordedVerification(
            verified_at=now, is_deep=False, is_good=True, missing=0, different=0, unverified=0, counts={"same": 7}
        ),
        losses_since_verification=0,
        projected_month_usd=12.5,
        downloads=90,
        download_p95_seconds=1.5,
    )
    return replace(good, **changes)


class ContestedLedger(RolloutLedger):
    """A ledger in which `first` is called once, just before the next decision is recorded."""

    def __init__(self, ledger: RolloutLedger) -> None:
        self._ledger = ledger
        self.first: Callable[[], object] | None = None

    @override
    def append(self, decision: Decision) -> Decision:
        first, self.first = self.first, None
        if first is not None:
            first()
        return self._ledger.append(decision)

    @override
    def history(self, *, limit: int | None = None, with_advice: bool = True) -> Sequence[Decision]:
        return self._ledger.history(limit=limit, with_advice=with_advice)

    @override
    def standing(self) -> Decision | None:
        return self._ledger.standing()

    @override
    def record_verification(self, verification: RecordedVerification) -> None:
        self._ledger.record_verification(verification)

    @override
    def last_verification(self) -> RecordedVerification | None:
        return self._ledger.last_verification()


@dataclass
class Rollout:
    """One installation's rollout, its clock, and a catalog in which somebody else can be first."""

    base: Catalog
    rules: PipelineRules
    now: datetime = START
    ledger: ContestedLedger = field(init=False)
    catalog: Catalog = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = ContestedLedger(self.base.rollout)
        doors = {door.name: getattr(self.base, door.name) for door in fields(Catalog)}
        self.catalog = Catalog(**{**doors, "rollout": self.ledger})

    @property
    def history(self) -> Sequence[Decision]:
        """All rows, oldest first."""
        return self.base.rollout.history()

    def let_pass(self, **time: float) -> None:
        """Let time pass, as `timedelta` counts it."""
        self.now += timedelta(**time)

    def figures(self, **changes: Any) -> GateFigures:
        """Return good figures of this moment, with some changes."""
        return figures_at(self.base, self.rules, self.now, **changes)

    def evaluate(self, **changes: Any) -> Evaluation:
        """Have the gate judge good figures with some changes."""
        return evaluate(self.catalog, self.rules, figures=self.figures(**changes), now=self.now, actor="run-1")

    def act(self, command: Callable[..., Decision], *args: Any, **options: Any) -> Decision:
        """Run a person's command."""
        options = {"now": self.now, "actor": "ann", "reason": "because", **options}
        return command(self.catalog, self.rules, *args, **options)
