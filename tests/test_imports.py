"""What importing the code location costs: vendors load when they are used, not with the definitions."""

import ast
import subprocess
import sys
from pathlib import Path

import bookmarkai_assets

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
    "matplotlib",
    "PIL",
    "sqlalchemy",
)


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


def test_settings_is_the_only_reader_of_the_environment() -> None:
    """No other module of the pipeline reads environment variables; the demo passes its own on to what it starts.

    pydantic-settings does the reading for `settings/settings.py`, so that is not among the readers either.
    """
    package = Path(bookmarkai_assets.__file__).parent
    readers = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if {"environ", "environb", "getenv"}
        & {getattr(node, "attr", None) for node in ast.walk(ast.parse(path.read_text()))}
    }
    sets_its_own = {"adapters/downloader/child.py"}
    assert {reader for reader in readers if not reader.startswith("demo/")} - sets_its_own == set()
