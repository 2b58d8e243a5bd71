"""Check Dagster's home: its directory, its configuration, whether a daemon is alive and what is switched on.

Nothing is started or switched. If Dagster has never run there, its configuration is tried in a temporary directory.
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
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.shares.strange_partitions import HOW_TO_REMOVE, name_strangers
from bookmarkai_assets.core.workers.worker import Signs

if TYPE_CHECKING:
    import dagster as dg

CONFIGURATION = "dagster.yaml"
LOW_SPACE_BYTES = 1_000_000_000
"""Records of runs and ticks take some megabytes a day. A database that cannot grow stops everything."""

HEARTBEAT_SECONDS = 120
"""Each thread of a daemon sends a heartbeat every 30 s."""

_START = ("start Dagster, with its daemon", "dagster dev -m bookmarkai_assets.definitions")
_USED = ("history", "schedules", "storage")
"""Directories that Dagster makes in its home when it is first used."""

_STORAGES = frozenset({"storage", "run_storage", "event_log_storage", "schedule_storage"})
"""What `dagster.yaml` names where the records are not in the home."""


def check_home(
    home: Path,
    wanted: Sequence[str],
    *,
    signs: Callable[[], Signs | None],
    partitions: str,
    strangers: Callable[[Sequence[str]], Sequence[str] | None],
    report: Callable[[CheckResult], None],
) -> None:
    """Check the directory, its configuration, the daemon, what is switched on, runs, partitions. Report six results.

    `wanted` are the names of the sensors and schedules that are on by default. `signs` returns which
    runs are alive, or None if that cannot be known. `partitions` is the name of the shares' partitions, and `strangers`
    returns those that are no share, or None if that cannot be known. After a failure nothing more is reported.
    """
    from bookmarkai_assets.dagster_internals import switch_states  # noqa: PLC0415 - Dagster takes a second to import

    directory = check_directory(home)
    report(directory)
    if directory.status is CheckStatus.FAIL:
        return
    try:
        with _opened_instance(home) as instance:
            report(CheckResult(CheckStatus.PASS, f"Dagster starts with {home / CONFIGURATION}"))
            if not _has_been_used(home):
                report(CheckResult(CheckStatus.SKIP, "Dagster has not been started here yet", *_START))
                for _ in range(3):
                    report(CheckResult(CheckStatus.SKIP, "Dagster has not been started here yet"))
                return
            daemon = check_daemon(instance, now=time.time())
            report(daemon)
            states = switch_states(instance)
            report(check_switches(states, wanted, is_alive=daemon.status is CheckStatus.PASS))
            report(check_runs(instance, signs, now=time.time()))
            report(check_partitions(instance.get_dynamic_partitions(partitions), strangers))
    except ConfigurationError as error:
        command = f"DAGSTER_HOME={quote(str(home))} dagster instance info"
        report(CheckResult(CheckStatus.FAIL, str(error), "correct it; this says what is wrong", command))


def check_directory(home: Path, *, free_bytes: Callable[[Path], int] | None = None) -> CheckResult:
    """Check the directory itself. `free_bytes` returns the free space on the disk of a path, in bytes."""
    if not home.is_dir():
        return CheckResult(
            CheckStatus.FAIL,
            f"expected Dagster's home, a directory, at {home}, found none",
            "set DAGSTER_HOME to it, or start in the project's directory, or make it",
            f"mkdir -p {quote(str(home))}",
        )
    if _keeps_records_elsewhere(home):
        # In a container it is read-only, and nothing grows there.
        return CheckResult(CheckStatus.PASS, f"{home}, with Dagster's records elsewhere")
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        return CheckResult(
            CheckStatus.FAIL,
            f"expected {home} to be writable, found: {error.strerror}",
            f"free space there, or make it writable for this user (id {os.geteuid()})",
        )
    if not (home / CONFIGURATION).is_file():
        return CheckResult(
            CheckStatus.WARN,
            f"{home} has no {CONFIGURATION}: Dagster's defaults hold, without a limit on runs or their monitoring",
            f"copy {CONFIGURATION} from this project's dagster_home/ into it",
        )
    free = free_bytes(home) if free_bytes else shutil.disk_usage(home).free
    found = f"{home}, {free / 1e9:.1f} GB free"
    if free < LOW_SPACE_BYTES:
        return CheckResult(CheckStatus.WARN, found, "free space there: the records of runs, and the catalog, grow")
    return CheckResult(CheckStatus.PASS, found)


def check_daemon(instance: "dg.DagsterInstance", *, now: float) -> CheckResult:
    """Check the daemon's heartbeats. `now` is in seconds since 1970."""
    from bookmarkai_assets.dagster_internals import heartbeats, required_daemons  # noqa: PLC0415 - as above

    beats = heartbeats(instance)
    required = required_daemons(instance)
    if not beats:
        return CheckResult(CheckStatus.WARN, "no daemon has run here yet: nothing that is shared is worked on", *_START)
    latest = max(beat.timestamp for beat in beats.values())
    if now - latest > HEARTBEAT_SECONDS:
        return CheckResult(
            CheckStatus.WARN,
            f"the daemon's last sign of life is {_format_duration(now - latest)} old: nothing that is shared is worked "
            "on",
            *_START,
        )
    silent = [kind for kind in required if kind not in beats or now - beats[kind].timestamp > HEARTBEAT_SECONDS]
    failing = sorted(kind for kind, beat in beats.items() if beat.has_errors and kind not in silent)
    if silent or failing:
        parts = [
            f"{what}: {', '.join(kinds)}" for what, kinds in (("silent", silent), ("with errors", failing)) if kinds
        ]
        return CheckResult(
            CheckStatus.WARN,
            f"the daemon lives, but not all of its parts are well: {'; '.join(parts)}",
            "look at Deployment, Daemons in Dagster's UI and at its log; restart it if that does not say why",
        )
    return CheckResult(CheckStatus.PASS, f"alive, last sign {_format_duration(now - latest)} ago")


def check_heartbeats(home: Path, *, tolerance_seconds: float, is_well: bool) -> CheckResult:
    """Check that all parts of the daemon have given a sign of life, and if it must be well, without an error.

    Raises `ConfigurationError` when Dagster cannot be opened there, as when its database is away.
    """
    from bookmarkai_assets.dagster_internals import heartbeats, required_daemons  # noqa: PLC0415 - as above

    with _opened_instance(home) as instance:
        beats, required = heartbeats(instance), required_daemons(instance)
    now = time.time()
    if not beats:
        return CheckResult(CheckStatus.FAIL, "expected a sign of life of the daemon, found that it never gave one")
    silent = [kind for kind in required if kind not in beats or now - beats[kind].timestamp > tolerance_seconds]
    if silent:
        latest = max(beat.timestamp for beat in beats.values())
        return CheckResult(
            CheckStatus.FAIL,
            f"expected a sign of life of each part of the daemon within {tolerance_seconds:g} s, found none of "
            f"{', '.join(silent)}; the last one of any part is {_format_duration(now - latest)} old",
        )
    failing = [kind for kind in required if beats[kind].has_errors]
    if is_well and failing:
        return CheckResult(CheckStatus.FAIL, f"the daemon lives, with errors of {', '.join(failing)}; its log has them")
    oldest = min(beats[kind].timestamp for kind in required)
    return CheckResult(CheckStatus.PASS, f"the daemon lives, all signs at most {_format_duration(now - oldest)} old")


def check_switches(states: Mapping[str, str], wanted: Sequence[str], *, is_alive: bool) -> CheckResult:
    """Check that all of `wanted` are on, by the states on record: RUNNING, STOPPED or DECLARED_IN_CODE.

    A sensor or schedule that is on by default has no state on record until a daemon has seen it. `is_alive` says
    whether a daemon is running that should have.
    """
    off = [one for one in wanted if states.get(one) == "STOPPED"]
    if off:
        return CheckResult(
            CheckStatus.WARN,
            f"switched off: {', '.join(off)}",
            "switch them on under Automation in Dagster's UI, unless they are off on purpose",
        )
    unseen = [one for one in wanted if one not in states]
    if unseen and not is_alive:
        return CheckResult(CheckStatus.SKIP, "cannot be known without a live daemon; none was switched off")
    if unseen:
        return CheckResult(
            CheckStatus.WARN,
            f"on by default, but not yet seen by a daemon: {', '.join(unseen)}",
            "see that Dagster's code location loads, under Deployment in its UI",
        )
    return CheckResult(CheckStatus.PASS, f"all {len(wanted)} are on")


def check_runs(instance: "dg.DagsterInstance", signs: Callable[[], Signs | None], *, now: float) -> CheckResult:
    """Check that every run that holds a place in the queue gives a sign of life. `now` is in seconds since 1970."""
    from bookmarkai_assets.dagster_internals import launched_runs  # noqa: PLC0415 - as above

    launched = launched_runs(instance)
    if not launched:
        return CheckResult(CheckStatus.PASS, "none holds a place in the queue")
    found = signs()
    if found is None:
        return CheckResult(
            CheckStatus.SKIP, f"whether the {len(launched)} that hold a place are alive is in the catalog"
        )
    dead = [one for one in launched if found.is_dead(one.run.run_id, launched_seconds_ago=now - one.launched_at)]
    if dead:
        named = ", ".join(
            f"{one.run.job_name} {one.run.run_id} (for {_format_duration(now - one.launched_at)})" for one in dead
        )
        return CheckResult(
            CheckStatus.WARN,
            f"hold a place in the queue without a sign of life: {named}",
            "the sensor dead_runs ends them; see that a daemon is running and that this sensor is on, or end them "
            "under Runs in Dagster's UI",
        )
    return CheckResult(CheckStatus.PASS, f"all {len(launched)} that hold a place are alive")


def check_partitions(keys: Sequence[str], strangers: Callable[[Sequence[str]], Sequence[str] | None]) -> CheckResult:
    """Check that every partition is a share. A run of any other can only fail."""
    found = strangers(keys)
    if found is None:
        return CheckResult(CheckStatus.SKIP, f"whether all {len(keys):,} are shares is in the catalog")
    if found:
        count = "1 is no share" if len(found) == 1 else f"{len(found):,} are no shares"
        return CheckResult(
            CheckStatus.WARN,
            f"{count}: {name_strangers(found)}",
            f"somebody typed them in, or the gateway has deleted their share; {HOW_TO_REMOVE}",
        )
    return CheckResult(CheckStatus.PASS, f"all {len(keys):,} are shares")


def partition_keys(home: Path, partitions: str) -> list[str] | None:
    """Read the keys of a dynamic partitions definition, oldest first; None if Dagster has never run there.

    Raises `ConfigurationError` when Dagster cannot be opened there.
    """
    if not _has_been_used(home):
        return None
    with _opened_instance(home) as instance:
        return list(instance.get_dynamic_partitions(partitions))


@contextmanager
def _opened_instance(home: Path) -> Iterator["dg.DagsterInstance"]:
    """Open Dagster on this home as `dagster dev` would. Raises `ConfigurationError`, whose text shows no value."""
    import dagster as dg  # noqa: PLC0415 - takes a second to import
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
    """Whether Dagster has ever kept its records there, or keeps them elsewhere, such as in PostgreSQL."""
    return any((home / name).is_dir() for name in _USED) or _keeps_records_elsewhere(home)


def _keeps_records_elsewhere(home: Path) -> bool:
    from yaml import YAMLError, safe_load  # noqa: PLC0415 - Dagster's configuration

    try:
        configuration = safe_load((home / CONFIGURATION).read_text())
    except (OSError, ValueError, YAMLError):
        return False
    return isinstance(configuration, dict) and not _STORAGES.isdisjoint(configuration)


def _format_duration(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
