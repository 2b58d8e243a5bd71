# ruff: noqa: INP001 - its folder is put on the path, so that Python finds it by this name
"""On the path of Dagster's processes, this makes the daemon check backfills every 2 seconds, not every 30.

The interval is a constant of Dagster's, without a setting. Python imports this module, if it finds it, at its start.
"""

import sys

if "dagster._daemon" in sys.orig_argv:
    from dagster._daemon import controller

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 2
