"""Looks at Dagster's home: its directory, its configuration, whether a daemon lives and what is switched on.

Starts and switches nothing. Where Dagster has never run, its configuration is tried in a temporary directory.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckStatus, Finding

if TYPE_CHECKING:
    import dagster as dg

CONFIGURATION = "dagster.yaml"
LOW_SPACE_BYTES = 1_000_000_000
"""Runs and ticks take some megabytes a day, and a database that cannot grow stops everything."""

HEARTBEAT_SECONDS = 120
"""A daemon's threads say every 30 s that they live."""

_START = ("start Dagster, with its daemon", "dagster dev -m bookmarkai_assets.definitions")
_USED = ("history", "schedules", "storage")
"""Directories that Dagster makes in its home when it is first used."""


def look_at_directory(name: str, home: Path, *, free_bytes: Callable[[Path], int] | None = None) -> Finding:
    """Look at the directory itself. `free_bytes` tells the space that is left where it lies."""
    if not home.is_dir():
        return Finding(
            name,
            CheckStatus.FAIL,
            f"expected Dagster's home, a directory, at {home}, found none",
            "set DAGSTER_HOME to it, or start in the project's directory, or make it",
            f"mkdir -p {quote(str(home))}",
        )
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        return Finding(
            name,
            CheckStatus.FAIL,
            f"expected {home} to be writable, found: {error.strerror}",
            f"free space there, or make it writable for this user (id {os.geteuid()})",
        )
    if not (home / CONFIGURATION).is_file():
        return Finding(
            name,
            CheckStatus.WARN,
            f"{home} has no {CONFIGURATION}: Dagster's defaults hold, without a limit on runs or their monitoring",
            f"copy {CONFIGURATION} from this project's dagster_home/ into it",
        )
    free = free_bytes(home) if free_bytes else shutil.disk_usage(home).free
    found = f"{home}, {free / 1e9:.1f} GB free"
    if free < LOW_SPACE_BYTES:
        return Finding(name, CheckStatus.WARN, found, "free space there: the records of runs, and the catalog, grow")
    return Finding(name, CheckStatus.PASS, found)


def look_at_home(
    names: tuple[str, str, str, str], home: Path, wanted: Sequence[str], *, tell: Callable[[Finding], None]
) -> None:
    """Look at the directory, its configuration, the daemon and what is switched on, under these names in this order.

    `wanted` names the sensors and schedules that are on by default. What depends on something that failed is not told.
    """
    directory, configuration, daemon, switches = names
    from bookmarkai_assets.dagster_internals import switch_states  # noqa: PLC0415 - Dagster takes a second to import

    found = look_at_directory(directory, home)
    tell(found)
    if found.status is CheckStatus.FAIL:
        return
    try:
        with _opened_instance(home) as instance:
            tell(Finding(configuration, CheckStatus.PASS, f"Dagster starts with {home / CONFIGURATION}"))
            if not _has_been_used(home):
                tell(Finding(daemon, CheckStatus.SKIP, "Dagster has not been started here yet", *_START))
                tell(Finding(switches, CheckStatus.SKIP, "Dagster has not been started here yet"))
                return
            alive = look_at_daemon(daemon, instance, now=time.time())
            tell(alive)
            states = switch_states(instance)
            tell(judge_switches(switches, states, wanted, is_alive=alive.status is CheckStatus.PASS))
    except ConfigurationError as error:
        command = f"DAGSTER_HOME={quote(str(home))} dagster instance info"
        tell(Finding(configuration, CheckStatus.FAIL, str(error), "correct it; this says what is wrong", command))


def look_at_daemon(name: str, instance: "dg.DagsterInstance", *, now: float) -> Finding:
    """Look for the daemon's signs of life. `now` is in seconds since 1970."""
    from bookmarkai_assets.dagster_internals import heartbeats, required_daemons  # noqa: PLC0415 - as above

    beats = heartbeats(instance)
    required = required_daemons(instance)
    if not beats:
        return Finding(
            name, CheckStatus.WARN, "no daemon has run here yet: nothing that is shared is worked on", *_START
        )
    latest = max(beat.timestamp for beat in beats.values())
    if now - latest > HEARTBEAT_SECONDS:
        return Finding(
            name,
            CheckStatus.WARN,
            f"the daemon's last sign of life is {_ago(now - latest)} old: nothing that is shared is worked on",
            *_START,
        )
    silent = [kind for kind in required if kind not in beats or now - beats[kind].timestamp > HEARTBEAT_SECONDS]
    failing = sorted(kind for kind, beat in beats.items() if beat.has_errors and kind not in silent)
    if silent or failing:
        parts = [
            f"{what}: {', '.join(kinds)}" for what, kinds in (("silent", silent), ("with errors", failing)) if kinds
        ]
        return Finding(
            name,
            CheckStatus.WARN,
            f"the daemon lives, but not all of its parts are well: {'; '.join(parts)}",
            "look at Deployment, Daemons in Dagster's UI and at its log; start it anew if that does not say why",
        )
    return Finding(name, CheckStatus.PASS, f"alive, last sign {_ago(now - latest)} ago")


def judge_switches(name: str, states: Mapping[str, str], wanted: Sequence[str], *, is_alive: bool) -> Finding:
    """Compare the states that Dagster has on record (RUNNING, STOPPED, DECLARED_IN_CODE) with what should be on.

    What is on by default has no state on record until a daemon that `is_alive` has seen it.
    """
    off = [one for one in wanted if states.get(one) == "STOPPED"]
    if off:
        return Finding(
            name,
            CheckStatus.WARN,
            f"switched off: {', '.join(off)}",
            "switch them on under Automation in Dagster's UI, unless they are off on purpose",
        )
    unseen = [one for one in wanted if one not in states]
    if unseen and not is_alive:
        return Finding(name, CheckStatus.SKIP, "not to be told without a daemon that is well; none was switched off")
    if unseen:
        return Finding(
            name,
            CheckStatus.WARN,
            f"on by default, but not yet seen by a daemon: {', '.join(unseen)}",
            "see that Dagster's code location loads, under Deployment in its UI",
        )
    return Finding(name, CheckStatus.PASS, f"all {len(wanted)} are on")


def partition_keys(home: Path, partitions: str) -> list[str] | None:
    """Read the keys of a dynamic partitions definition in the order of their making; None where Dagster has not run.

    Raises `ConfigurationError`.
    """
    if not _has_been_used(home):
        return None
    with _opened_instance(home) as instance:
        return list(instance.get_dynamic_partitions(partitions))


@contextmanager
def _opened_instance(home: Path) -> Iterator["dg.DagsterInstance"]:
    """Open Dagster on this home as `dagster dev` would. Raises `ConfigurationError` that repeats no value."""
    import dagster as dg  # noqa: PLC0415 - as above
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - Dagster's storage
    from yaml import YAMLError  # type: ignore[import-untyped]  # noqa: PLC0415 - Dagster's configuration

    from bookmarkai_assets.dagster_internals import open_instance  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory(prefix="dagster-check-") as spare:
        directory = home
        if not _has_been_used(home):
            directory = Path(spare)
            if (home / CONFIGURATION).is_file():
                shutil.copy(home / CONFIGURATION, directory)
        try:
            instance = open_instance(str(directory))
        except (dg.DagsterError, SQLAlchemyError, YAMLError, ImportError, OSError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f", line {mark.line + 1}" if mark is not None else ""
            raise ConfigurationError(
                f"expected Dagster to start with {home / CONFIGURATION}, found: {type(error).__name__}{where}"
            ) from error
        with instance:
            yield instance


def _has_been_used(home: Path) -> bool:
    """Tell whether Dagster has ever kept its records there."""
    return any((home / name).is_dir() for name in _USED)


def _ago(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
