"""What importing the code location costs: vendors load when they are used, not with the definitions."""

import subprocess
import sys

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


def test_the_definitions_load_no_vendor() -> None:
    """Importing bookmarkai_assets.definitions loads none of the heavy packages: every run's process pays for imports.

    SQLAlchemy is on the list as far as we are concerned; Dagster's own use of it is its own.
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
