"""Measure how long good shares take beside poisoned ones, which fail, hang, fill the disk or crash their process.

The real operations process a backlog from a site on loopback, with two runs at a time as in `dagster.yaml` and a fake
speech engine. Each condition is a process of its own, and the rounds are interleaved. The time is from a share's
admission to its transcript. A run's shares are transcribed when all of them are fetched, parked or postponed. Shares in
one run with a share that hangs therefore wait until that one is postponed, and they are shown separately.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import machine

PROJECT = Path(__file__).parents[1]
CONDITIONS = {
    "none": (),
    "fails, fills, crashes": ("fails", "fills", "crashes"),
    "hangs": ("hangs",),
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shares", type=int, default=40, help="good shares in the backlog")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=15, help="seconds that a hanging download may take")
    options = parser.parse_args()
    print(f"machine: {machine()}; {options.shares} good shares, a download may take {options.timeout:.0f} s")
    rounds = [{name: backlog(options, poisons) for name, poisons in CONDITIONS.items()} for _ in range(options.rounds)]
    for name in CONDITIONS:
        p95 = [each[name]["p95"] for each in rounds]
        median = statistics.median(statistics.median(each[name]["neighbours"]) for each in rounds)
        mates = [seconds for each in rounds for seconds in each[name]["mates"]]
        ratio = statistics.median(each[name]["p95"] / each["none"]["p95"] for each in rounds)
        shown = ", ".join(f"{seconds:.1f}" for seconds in p95)
        print(f"{name}: p95 {statistics.median(p95):.1f} s ({shown}), {ratio:.2f} of none; median {median:.1f} s")
        if mates:
            print(f"  in one run with it: median {statistics.median(mates):.1f} s, worst {max(mates):.1f} s")
            print(f"  how it ended: {rounds[0][name]['poisoned']}")


def backlog(options: argparse.Namespace, poisons: tuple[str, ...]) -> dict[str, Any]:
    """Process one backlog in a process of its own, and return its figures."""
    command = [sys.executable, "-m", "tests.load.poisoned", "--shares", str(options.shares)]
    command += ["--timeout", str(options.timeout), *(f"--poison={poison}" for poison in poisons)]
    done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    main()
