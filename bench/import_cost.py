"""What it costs to load the code location, beside Dagster alone: `python bench/import_cost.py`.

Every run's process loads the definitions, and every command loads the command line. Each program has a process of its
own, and they take turns, forwards and backwards; a first turn that writes the .pyc files is not counted. Figures are
CPU time, user and system: of the whole process with its end, and up to the last import. Settings are as on a machine
where none is set. Exit code 1 if a median ratio of the definitions is above 1.25.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from common import machine

LIMIT = 1.25
"""Of the CPU of `import dagster`."""

_LOAD = "import time, {module}; print(time.process_time())"
DAGSTER = "import dagster"
DEFINITIONS = "import bookmarkai_assets.definitions"
COMMAND = "bookmarkai shares list --help"
PROGRAMS: dict[str, Sequence[str]] = {
    DAGSTER: ["-c", _LOAD.format(module="dagster")],
    DEFINITIONS: ["-c", _LOAD.format(module="bookmarkai_assets.definitions")],
    COMMAND: ["-m", "bookmarkai_assets.cli", "shares", "list", "--help"],
}


@dataclass(frozen=True)
class Cost:
    """The CPU seconds of one process: of all of it, and up to its last import where it says so."""

    whole: float
    loaded: float | None


def main() -> int:
    """Print the figures; 1 when a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"machine: {machine()}; {options.rounds} rounds")
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as directory:
        for program in PROGRAMS:
            _cost_of(program, directory)
        rounds = [_round(directory, backwards=bool(n % 2)) for n in range(options.rounds)]
    print(f"\n{'CPU of the whole process, ms':44} {'median':>7} {'min':>7} {'max':>7}")
    for program in PROGRAMS:
        _print_row(program, [1000 * costs[program].whole for costs in rounds], digits=0)
    print(f"\n{'times the CPU of import dagster':44} {'median':>7} {'min':>7} {'max':>7}")
    whole = [costs[DEFINITIONS].whole / costs[DAGSTER].whole for costs in rounds]
    loaded = [(costs[DEFINITIONS].loaded or 0) / (costs[DAGSTER].loaded or 1) for costs in rounds]
    _print_row("definitions, whole process", whole)
    _print_row("  where Dagster went first", whole[::2])
    _print_row("  where the definitions went first", whole[1::2])
    _print_row("definitions, up to the last import", loaded)
    _print_row("  where Dagster went first", loaded[::2])
    _print_row("  where the definitions went first", loaded[1::2])
    _print_row(COMMAND, [costs[COMMAND].whole / costs[DAGSTER].whole for costs in rounds])
    is_broken = max(median(whole), median(loaded)) > LIMIT
    print(f"\nat most {LIMIT} is allowed{': BROKEN' if is_broken else ''}")
    return int(is_broken)


def _round(directory: str, *, backwards: bool) -> dict[str, Cost]:
    programs = list(PROGRAMS)
    return {program: _cost_of(program, directory) for program in (programs[::-1] if backwards else programs)}


def _cost_of(program: str, directory: str) -> Cost:
    """Run a program in a directory without a .env file, with no setting in its environment."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    before = _cpu_of_children()
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program]],
        cwd=directory,
        env=environment,
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return Cost(_cpu_of_children() - before, None if program == COMMAND else float(done.stdout))


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _print_row(name: str, figures: Sequence[float], *, digits: int = 2) -> None:
    if figures:
        cells = (f"{figure:7.{digits}f}" for figure in (median(figures), min(figures), max(figures)))
        print(f"{name:44} {' '.join(cells)}")


if __name__ == "__main__":
    sys.exit(main())
