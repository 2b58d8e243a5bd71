"""The storage check as one of the doctor's checks: a result for each check of the inspector, and one for all transfers.

The work is done by `operations.storage.checking`. It deletes the probe objects that it puts, also when time runs out.
"""

import dataclasses
from collections.abc import Sequence

from bookmarkai_assets.core.health import CheckResult, CheckStatus, TimedResult
from bookmarkai_assets.core.media.ports import MediaStore, StoreInspector
from bookmarkai_assets.operations.health.doctor import Check, Report
from bookmarkai_assets.operations.storage.checking import SMALL_BYTES, Probing, check_backend

LIMIT_SECONDS = 30.0
"""Longer than botocore takes for two attempts at one request to a server that does not answer."""

TRANSFERS = "transfers"


def make_storage_check(inspector: StoreInspector, store: MediaStore, probing: Probing) -> Check:
    """Make a check of one backend. Its results are named `{backend} {check}`, and the last `{backend} transfers`.

    The probe objects are small: uploads in several parts are left to `bookmarkai storage check`.
    """
    small = dataclasses.replace(probing, multipart_bytes=SMALL_BYTES)

    def run(report: Report) -> None:
        transfers: list[TimedResult] = []

        def on_step(step: TimedResult) -> None:
            if step.name in inspector.checks:
                report(step.result)
            else:
                transfers.append(step)

        check_backend(inspector, store, small, on_step=on_step)
        report(_sum_up(transfers))

    return Check(tuple(f"{inspector.backend} {name}" for name in (*inspector.checks, TRANSFERS)), run, LIMIT_SECONDS)


def _sum_up(transfers: Sequence[TimedResult]) -> CheckResult:
    """Make one result of all transfers: the first that failed, else the first that has a warning, if any."""
    failed = [step for step in transfers if step.result.status is CheckStatus.FAIL]
    doubtful = failed or [step for step in transfers if step.result.status is CheckStatus.WARN]
    if doubtful:
        first = doubtful[0]
        rest = f" (and: {', '.join(step.name for step in doubtful[1:])})" if doubtful[1:] else ""
        return dataclasses.replace(
            first.result,
            found=f"{first.name}: {first.result.found}{rest}",
            command=first.result.command or "bookmarkai storage check",
        )
    done = [step.name for step in transfers if step.result.status is CheckStatus.PASS]
    if not done:
        return CheckResult(CheckStatus.SKIP, transfers[0].result.found)
    return CheckResult(CheckStatus.PASS, f"{', '.join(done)}: nothing of it is left there")
