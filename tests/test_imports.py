"""What importing the code location costs: vendors load when they are used, not with the definitions."""

import ast
import json
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import bookmarkai_assets
from bookmarkai_assets.cli.commands import COMMANDS, Group

HEAVY = (
    "boto3",
    "botocore",
    "awscrt",
    "yt_dlp",
    "faster_whisper",
    "ctranslate2",
    "torch",
    "whisper",
    "av",
    "sqlalchemy",
)

OF_SOME_RUNS = {
    f"bookmarkai_assets.{name}"
    for name in (
        "adapters.catalog",
        "adapters.price_table",
        "core.alerts.conditions",
        "core.failures.debt",
        "core.health",
        "core.rollout.costs",
        "core.rollout.gate",
        "core.rollout.metrics",
        "core.search",
        "core.transcripts.quality",
        "core.transcripts.staleness",
        "operations.alerts",
        "operations.downloads.disk_room",
        "operations.downloads.fetching",
        "operations.failures",
        "operations.health",
        "operations.media",
        "operations.rollout",
        "operations.history",
        "operations.shares.claiming",
        "operations.shares.reports",
        "operations.sites",
        "operations.storage",
        "operations.transcripts.stale",
        "operations.transcripts.transcribing",
    )
}
"""What only one asset, a tick or a failure needs, and loads when that runs."""

ENVIRONMENT_NAMES = {"environ", "environb", "getenv"}
"""What reads the environment in Python's `os`."""

OF_SOME_COMMANDS = {"dagster", "sqlalchemy", "alembic", "http", "bookmarkai_assets.demo.run", *HEAVY}


def test_the_definitions_load_no_vendor() -> None:
    """Importing bookmarkai_assets.definitions loads no heavy package, because every run's process pays for its imports.

    SQLAlchemy is on the list as far as our own imports go. Dagster imports it anyway.
    """
    program = (
        "import sys, dagster\n"
        "before = set(sys.modules)\n"
        "import bookmarkai_assets.definitions\n"
        f"print(sorted((set(sys.modules) - before) & set({HEAVY!r})))\n"
        f"print(sorted(set(sys.modules) & set({HEAVY[:-1]!r})))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["[]", "[]", ""]


def test_the_definitions_load_what_every_run_needs_and_no_more() -> None:
    """Importing bookmarkai_assets.definitions loads no operation of one asset, sensor or step, nor what it needs."""
    assert [name for name in OF_SOME_RUNS if find_spec(name) is None] == []
    assert _loaded_by("bookmarkai_assets.definitions") & OF_SOME_RUNS == set()


def test_the_command_line_loads_what_every_command_needs_and_no_more() -> None:
    """Loading all commands, as for the help, loads no Dagster, no database, no vendor and no server of the demo."""
    assert find_spec("bookmarkai_assets.demo.run") is not None
    assert _loaded_for() & OF_SOME_COMMANDS == set()


@pytest.mark.parametrize(
    ("words", "module"),
    [(("shares", "list"), "shares.list"), (("metrics",), "metrics"), (("rollout", "set"), "rollout.decisions")],
)
def test_a_command_loads_no_other_command(words: tuple[str, ...], module: str) -> None:
    """All commands together take longer to load than a short one takes to run."""
    of_all = {name for name in _loaded_for() if name.startswith("bookmarkai_assets.cli.")}
    are_commands = {f"bookmarkai_assets.cli.{path.rpartition('.')[0]}" for path in _paths()}
    assert are_commands <= of_all
    assert _loaded_for(*words) & are_commands == {f"bookmarkai_assets.cli.{module}"}


@pytest.mark.parametrize("words", [(), ("--help",), ("no such command",), ("shares", "--help"), ("shares", "lst")])
def test_words_that_name_no_command_load_all_that_may_be_meant(words: tuple[str, ...]) -> None:
    """Help and suggestions have all commands, of the group if one is named."""
    meant = {path.rpartition(".")[0] for path in _paths(words[0] if words[:1] == ("shares",) else None)}
    assert {f"bookmarkai_assets.cli.{module}" for module in meant} <= _loaded_for(*words)


def test_parts_of_the_settings_build_no_validator() -> None:
    """Loading the settings builds only the validator of Settings, and not those of its twelve parts as well."""
    program = (
        "import json\n"
        "from bookmarkai_assets.settings.settings import load_settings\n"
        "from bookmarkai_assets.settings.types import SettingsPart\n"
        "load_settings(env_file=None)\n"
        "parts = SettingsPart.__subclasses__()\n"
        "print(json.dumps([len(parts), [part.__name__ for part in parts if part.__pydantic_complete__]]))"
    )
    assert _printed_by(program) == [12, []]


@pytest.mark.parametrize("module", ["bookmarkai_assets.definitions", "bookmarkai_assets.cli.main"])
def test_loaded_objects_are_frozen(module: str) -> None:
    """The garbage collector skips what an import has loaded, which is most objects by far."""
    seen = _seen_after_importing(module)
    assert seen["frozen"] > 2 * seen["searched"]


@pytest.mark.parametrize("module", ["bookmarkai_assets.definitions", "bookmarkai_assets.cli.main"])
def test_later_objects_are_collected(module: str) -> None:
    """After the import, the garbage collector still runs and frees a cycle, so a code server does not grow."""
    assert _seen_after_importing(module)["is_freed"] is True


def test_settings_is_the_only_reader_of_the_environment() -> None:
    """No other module of the pipeline reads environment variables; the demo passes its own on to what it starts."""
    package = Path(bookmarkai_assets.__file__).parent
    readers = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if any(name in path.read_text() for name in ENVIRONMENT_NAMES)
        and ENVIRONMENT_NAMES & {getattr(node, "attr", None) for node in ast.walk(ast.parse(path.read_text()))}
    }
    sets_its_own = {"adapters/downloader/child.py"}
    assert {reader for reader in readers if not reader.startswith("demo/")} - sets_its_own == {"settings/settings.py"}


def _paths(group: str | None = None) -> list[str]:
    """Return the paths of all commands, or of a group's."""
    entries = COMMANDS.values() if group is None else [COMMANDS[group]]
    return [path for one in entries for path in (one.commands.values() if isinstance(one, Group) else [one])]


@cache
def _loaded_for(*words: str) -> set[str]:
    """Return the modules that a process has when it is about to run the command that these words name."""
    return set(
        _printed_by(
            "import json, sys\n"
            "from bookmarkai_assets.cli.main import make_app\n"
            f"make_app({list(words)!r})\n"
            "print(json.dumps(list(sys.modules)))"
        )
    )


def _loaded_by(module: str) -> set[str]:
    return set(_seen_after_importing(module)["modules"])


@cache
def _seen_after_importing(module: str) -> Any:
    """Return what a process that imports the module sees of its modules and of its garbage collector."""
    return _printed_by(
        f"import gc, json, sys, weakref, {module}\n"
        "seen = {'modules': list(sys.modules), 'frozen': gc.get_freeze_count(), 'searched': len(gc.get_objects())}\n"
        "class Node: pass\n"
        "node = Node()\n"
        "node.itself = node\n"
        # A callback, because asking the reference would hold the node at the moments when Python 3.13 collects.
        "freed = []\n"
        "found = weakref.ref(node, freed.append)\n"
        "del node\n"
        "made = []\n"
        "while not freed and len(made) < 1_000_000:\n"
        "    made.append([])\n"
        "print(json.dumps({**seen, 'is_freed': bool(freed)}))"
    )


def _printed_by(program: str) -> Any:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
