"""The crash machine: Hypothesis writes programs of operations, mishaps and time, and every operation may be killed.

`python -m tests.crash.machine --kills 300` runs it and prints what it found. With `--json` the output is JSON.
"""

import argparse
import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from tests.crash import bugs
from tests.crash.failpoints import FAILPOINTS, is_rare
from tests.crash.judge import Violation
from tests.crash.openings import OPENINGS, Opening, Turns
from tests.crash.prepared import prepare
from tests.crash.rules import CrashMachine
from tests.crash.runner import Installation, installation

SEED = 1
STEPS = 8
EXAMPLES_PER_ROUND = 11
"""From the twelfth on Hypothesis mostly varies earlier examples, and new examples find more here."""

TRIES = 3
"""How often a hunt for a bug begins in the bug's own state first, because most need a kill at the right step."""


@dataclass
class Hunt:
    """What one run of the machine has found."""

    seed: int
    bug: str | None
    kills: int = 0
    operations: int = 0
    seconds: float = 0.0
    violation: str | None = None
    trace: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    refusals: int = 0
    kinds: dict[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return its fields as plain values."""
        return {**vars(self), "kills_per_second": round(self.kills / max(self.seconds, 0.001), 1)}


def hunt(home: Installation, *, kills: int, seed_: int, seconds: float, bug: str | None) -> Hunt:
    """Run rounds of examples until there were enough kills, at each failpoint, or until a violation is found."""
    tally, found = home.tally, Hunt(seed_, bug)
    start = time.monotonic()
    CrashMachine.home = home
    near: list[Opening] = []
    if bug is not None:
        mistake = bugs.BUGS[bug]
        mistake.plant()
        near = [replace(opening, kill=mistake.kill) for opening in OPENINGS if opening.beginning == mistake.beginning]
    CrashMachine.turns = Turns(tally, near * TRIES)

    def is_enough() -> bool:
        return tally.kills.total() >= kills and set(tally.kills) >= FAILPOINTS

    round_ = 0
    while not is_enough() and time.monotonic() - start < seconds:
        try:
            run_state_machine_as_test(
                seed(seed_ + round_)(CrashMachine),
                settings=settings(
                    max_examples=EXAMPLES_PER_ROUND,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        except (Violation, Flaky):
            # What Hypothesis reports about an example that was broken off does not matter.
            if home.violation is None:
                raise
            found.violation, found.trace = home.violation, tuple(home.trace)
            break
        round_ += 1
    found.seconds = round(time.monotonic() - start, 2)
    found.kills, found.operations = tally.kills.total(), tally.operations.total()
    found.kinds = {kind: f"{tally.killed[kind]} of {count} killed" for kind, count in tally.operations.items()}
    found.missed = tuple(sorted(FAILPOINTS - set(tally.kills)))
    found.unlisted = tuple(sorted(name for name in tally.failpoints - FAILPOINTS if not is_rare(name)))
    found.refusals = tally.refusals
    return found


def main() -> int:
    """Run the machine as the arguments say. The exit code is 0 if nothing was found."""
    parser = argparse.ArgumentParser(description="Kill operations at their durable steps and judge what is left.")
    parser.add_argument("--kills", type=int, default=300, help="how many kills to do at least")
    parser.add_argument("--seed", type=int, default=SEED, help="which programs to run")
    parser.add_argument("--seconds", type=float, default=600, help="when to give up")
    parser.add_argument("--bugs", nargs="*", choices=list(bugs.BUGS), help="seeded bugs to hunt, one after the other")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--list", action="store_true", help="print the name of each step that was seen, and how often it was killed at"
    )
    arguments = parser.parse_args()
    with installation() as home:
        prepare(home)
        failures = 0
        for bug in arguments.bugs or [None]:
            hunting = partial(
                hunt,
                home,
                kills=arguments.kills,
                seed_=arguments.seed,
                seconds=arguments.seconds,
                bug=bug,
            )
            # A bug gets a process of its own, so that the next one starts with unchanged code.
            found = hunting() if bug is None else _in_process_of_its_own(hunting)
            _print(found, as_json=arguments.json)
            failures += bool(found.violation)
        if arguments.list:
            counts = home.tally.kills
            sys.stdout.write("".join(f"{counts[name]:5} {name}\n" for name in sorted(home.tally.failpoints)))
    return 1 if failures else 0


def _print(found: Hunt, *, as_json: bool) -> None:
    result = found.as_dict()
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        lines = [f"{key}: {value}" for key, value in result.items() if value not in (None, ()) and key != "trace"]
        sys.stdout.write("\n".join([*lines, *(f"  {line}" for line in found.trace), ""]))
    sys.stdout.flush()


def _in_process_of_its_own(hunting: Callable[[], Hunt]) -> Hunt:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(hunting(), pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise RuntimeError(f"expected the hunt to end by itself, found that it ended with {status}")
    found: Hunt = pickle.loads(content)  # noqa: S301 - written by this very program
    return found


if __name__ == "__main__":
    sys.exit(main())
