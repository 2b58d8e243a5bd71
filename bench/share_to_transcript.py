"""Measure how long a share takes from `shares add` to its transcript, and how many a minute a backlog makes.

`plain_script.py` runs on the same links, S3 server and machine, and the rounds are interleaved.
"""

import argparse
import statistics

from common import machine, running_pipeline, seconds_of_plain_script, seconds_until_done

from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

BACKLOG = 40


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of pipeline and plain script, interleaved")
    rounds = range(parser.parse_args().rounds)
    print(f"machine: {machine()}")
    with (
        running_pipeline(mode="s3") as bench,
        open_catalog(load_settings(env_file=None, catalog_url=bench.environment["CATALOG_URL"])) as catalog,
    ):
        lone = [seconds_until_done(bench, catalog, [bench.long_link(n)]) for n in rounds]
        print(f"one 30 s clip, from `shares add` to its transcript: {shown(lone)}")
        ours, plain = [], []
        for n in rounds:
            links = [f"{link}&round={n}" for link in bench.short_links(BACKLOG)]
            ours.append(seconds_until_done(bench, catalog, links))
            plain.append(seconds_of_plain_script(bench, links))
        ratio = statistics.median(one / other for one, other in zip(ours, plain, strict=True))
        print(f"backlog of {BACKLOG} clips of 5 to 8 s, the pipeline: {shown(ours)}, {per_minute(ours)}")
        print(f"backlog of {BACKLOG} clips of 5 to 8 s, plain script: {shown(plain)}, {per_minute(plain)}")
        print(f"the pipeline takes {ratio:.2f} of the plain script's time")


def shown(seconds: list[float]) -> str:
    """Format a median with all its values."""
    return f"{statistics.median(seconds):.1f} s ({', '.join(f'{value:.1f}' for value in seconds)})"


def per_minute(seconds: list[float]) -> str:
    """Format a rate."""
    return f"{60 * BACKLOG / statistics.median(seconds):.0f} a minute"


if __name__ == "__main__":
    main()
