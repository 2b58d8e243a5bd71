"""The storage check as a part of the doctor's: each of the inspector's looks, and one finding for all transfers.

The check itself is `storage_checking`'s; it deletes the probes that it puts, also when it is told to end.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from bookmarkai_assets.core.health import CheckStatus, Finding
from bookmarkai_assets.core.media.ports import MediaStore, StoreInspector
from bookmarkai_assets.operations.health.doctor import Check, Tell
from bookmarkai_assets.operations.storage.checking import SMALL_BYTES, Probing, Step, StepStatus, check_backend

LIMIT_SECONDS = 30.0
"""Longer than botocore waits for the two tries of one request to a server that is silent."""

TRANSFERS = "transfers"

_STATUSES: Mapping[StepStatus, CheckStatus] = {
    StepStatus.OK: CheckStatus.PASS,
    StepStatus.WARNING: CheckStatus.WARN,
    StepStatus.FAILED: CheckStatus.FAIL,
    StepStatus.SKIPPED: CheckStatus.SKIP,
}
_COMMAND = "aws "


def storage_health(inspector: StoreInspector, store: MediaStore, probing: Probing) -> Check:
    """Make a check of one backend, whose findings are named `{backend} {look}`, and last `{backend} transfers`.

    The probes are small: what goes in parts is `bookmarkai storage check`'s matter.
    """
    backend = inspector.backend
    names = (*(f"{backend} {look}" for look in inspector.looks), f"{backend} {TRANSFERS}")
    small = dataclasses.replace(probing, multipart_bytes=SMALL_BYTES)

    def look(tell: Tell) -> None:
        probes: list[Step] = []

        def on_step(step: Step) -> None:
            if step.name in inspector.looks:
                tell(_finding(f"{backend} {step.name}", step))
            else:
                probes.append(step)

        check_backend(inspector, store, small, on_step=on_step)
        tell(_of_transfers(names[-1], probes))

    return Check(names, look, LIMIT_SECONDS)


def _finding(name: str, step: Step) -> Finding:
    lines = (step.remedy or "").split("\n")
    commands = [line for line in lines if line.startswith(_COMMAND)]
    words = " ".join(line for line in lines if line and line not in commands)
    return Finding(name, _STATUSES[step.status], step.found, words or None, "\n".join(commands) or None)


def _of_transfers(name: str, probes: Sequence[Step]) -> Finding:
    failed = [step for step in probes if step.status is StepStatus.FAILED]
    if failed:
        first = _finding(name, failed[0])
        rest = f" (and: {', '.join(step.name for step in failed[1:])})" if failed[1:] else ""
        return dataclasses.replace(
            first, found=f"{failed[0].name}: {first.found}{rest}", command=first.command or "bookmarkai storage check"
        )
    done = [step.name for step in probes if step.status is StepStatus.OK]
    if not done:
        return Finding(name, CheckStatus.SKIP, probes[0].found)
    return Finding(name, CheckStatus.PASS, f"{', '.join(done)}: nothing of it is left there")
