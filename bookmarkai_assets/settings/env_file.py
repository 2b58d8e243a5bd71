"""One order for variables that are both exported and in `.env`: what is exported counts, in every process.

`dagster dev` reads `.env` in its directory and puts it over the environment that it was started with, for itself and
for every process below it. An exported `STORAGE_MODE=local` would be ignored there, and a change of the file would not
show before a restart. The system still knows what `dagster dev` was started with (docs/adr/0031).
"""

import os
from collections.abc import Collection, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_MAX_GENERATIONS = 12
_COMMANDS = frozenset({"dagster", "dg"})


def apply_env_file(
    values: Mapping[str, str | None],
    settings: Collection[str],
    environment: MutableMapping[str, str],
    *,
    exported: Mapping[str, str] | None,
) -> None:
    """Bring an environment into the one order, given the `values` in `.env`.

    `settings` are the names of our own variables, whose values in `.env` are read from the file each time. All others,
    such as AWS_PROFILE, are put into the environment unless they are exported, because libraries look for them there.
    `exported` is what `dagster dev` was started with; None if it does not stand above this process.
    """
    if exported is not None:
        for name in {*settings, *values}:
            if name in exported:
                environment[name] = exported[name]
            elif name in settings:
                environment.pop(name, None)
    for name, value in values.items():
        if name.upper() not in settings and value is not None:
            environment.setdefault(name, value)


def differing(values: Mapping[str, str | None], environment: Mapping[str, str]) -> list[str]:
    """Return the names of `.env` that the environment has with another value, sorted."""
    return sorted(name for name, value in values.items() if name in environment and environment[name] != (value or ""))


def environment_of_dagster_dev(*, proc: Path = _PROC, pid: int | None = None) -> Mapping[str, str] | None:
    """Return the environment that the nearest `dagster dev` above this process was started with.

    None if there is none, or if the system does not tell: only Linux does.
    """
    pid = os.getpid() if pid is None else pid
    with suppress(OSError, ValueError, IndexError):
        for _ in range(_MAX_GENERATIONS):
            pid = _parent_of(proc, pid)
            if _is_dagster_dev(_read_strings(proc / str(pid) / "cmdline")):
                entries = _read_strings(proc / str(pid) / "environ")
                return dict(entry.split("=", 1) for entry in entries if "=" in entry)
    return None


def _parent_of(proc: Path, pid: int) -> int:
    # The command's name stands in brackets and may have brackets and blanks of its own.
    parent = int((proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    if parent < 1:
        raise ValueError("no process stands above this one")
    return parent


def _read_strings(file: Path) -> list[str]:
    return [os.fsdecode(one) for one in file.read_bytes().split(b"\0") if one]


def _is_dagster_dev(arguments: list[str]) -> bool:
    if "dev" not in arguments:
        return False
    before = arguments[: arguments.index("dev")]
    return any(Path(one).name in _COMMANDS or "dagster" in one for one in before)
