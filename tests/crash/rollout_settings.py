"""The settings of the rollout and of retention with which the machine works: so small that hours decide something."""

from datetime import timedelta

from bookmarkai_assets.core.history import HistoryRules
from bookmarkai_assets.core.rollout.gate_figures import GateLimits
from bookmarkai_assets.core.rollout.stages import AbortTarget, RolloutControl, RolloutPlan, Stage

EVENT_DAYS = 3
"""How long storage events are kept."""

HISTORY = HistoryRules(run_days=None, partition_days=None, event_days=EVENT_DAYS)
PLAN = RolloutPlan(
    stages=(Stage(50), Stage(100)),
    min_stage_time=timedelta(hours=1),
    control=RolloutControl.AUTOMATIC,
    abort_to=AbortTarget.LAST_HELD,
)
LIMITS = GateLimits(
    window=timedelta(days=2),
    min_sample=1,
    max_failure_percent=50,
    max_mean_upload_seconds=60,
    max_download_p95_seconds=60,
    budget_usd=None,
    max_verification_age=timedelta(days=8),
)
