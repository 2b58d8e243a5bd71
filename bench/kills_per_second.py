"""Measure how many kills a second the crash machine makes. The cost of a kill is what limits the soak's depth."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from common import machine

PROJECT = Path(__file__).parents[1]


def main() -> None:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"machine: {machine()}")
    for seed in range(options.rounds):
        command = [
            sys.executable,
            "-m",
            "tests.crash.machine",
            "--kills",
            str(options.kills),
            "--seed",
            str(seed),
            "--json",
        ]
        done = json.loads(subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout)
        rate = done["kills"] / done["seconds"]
        print(f"seed {seed}: {done['kills']} kills in {done['operations']} operations, {rate:.1f} kills a second")


if __name__ == "__main__":
    main()
