"""Say in one line what failed in a run, for those who see that it is red."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bookmarkai_assets.core.outcomes import Failure, Outcome


def failure_in_words(failure: Failure) -> str:
    """Say how one share ended, and at which step if that is known, such as "failed at raw_video: gone: HTTP 404"."""
    at = f" at {failure.step}" if failure.step else ""
    return f"failed{at}: {failure.outcome}: {failure.reason}"


def failures_in_words(failures: Mapping[str, Failure], *, total: int, steps: Sequence[str]) -> str:
    """Say how many of a run's `total` shares failed, at which of its `steps` and how. `failures` must not be empty.

    A run's only share is described as `failure_in_words` does.
    """
    if total == 1:
        return failure_in_words(*failures.values())
    ends = {step: [why.outcome for why in failures.values() if why.step == step] for step in steps}
    where = "; ".join(f"at {step}: {outcomes_in_words(outcomes)}" for step, outcomes in ends.items() if outcomes)
    others = ", the others went on" if len(failures) < total else ""
    return f"failed {where}. {len(failures)} of {total} shares failed{others}"


def outcomes_in_words(outcomes: Iterable[Outcome]) -> str:
    """Count outcomes, the most frequent first and the others by name, such as "2 done, 1 gone, 1 private"."""
    counts = sorted(Counter(outcomes).items(), key=lambda counted: (-counted[1], counted[0]))
    return ", ".join(f"{count} {outcome}" for outcome, count in counts)
