"""Check that one daemon works on this installation, and that all workers have the same settings for storage."""

from datetime import datetime

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.workers.worker import WorkerKind, daemons_of, odd_ones_out


def check_workers(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> CheckResult:
    """Warn of a second daemon, and of workers whose storage settings are not the ones that this process has."""
    living = catalog.workers.living(now=now)
    daemons = daemons_of(living)
    if len(daemons) > 1:
        named = ", ".join(f"{one.process} with STORAGE_MODE={one.storage_mode}" for one in daemons)
        return CheckResult(
            CheckStatus.WARN,
            f"{len(daemons)} daemons work on this catalog: {named}",
            "stop all but one: each takes up shares under its own settings. After a restart, the old one is listed "
            f"for {rules.lease_seconds:g} s more",
        )
    odd = odd_ones_out(living, rules.storage.mode, rules.storage.s3_percentage)
    if odd:
        one = odd[0]
        return CheckResult(
            CheckStatus.WARN,
            f"{len(odd)} of {len(living)} workers have other storage settings than this command: {one.process} has "
            f"STORAGE_MODE={one.storage_mode} and S3_SPLIT_PERCENTAGE={one.s3_percentage}",
            "start them with the environment that is meant, or run this command with theirs",
        )
    if not living:
        return CheckResult(CheckStatus.SKIP, "none is alive")
    runs = sum(one.kind is WorkerKind.RUN for one in living)
    daemon = "1 daemon" if daemons else "no daemon"
    return CheckResult(CheckStatus.PASS, f"{daemon} and {runs} runs, all with STORAGE_MODE={rules.storage.mode}")
