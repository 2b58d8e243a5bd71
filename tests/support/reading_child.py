"""A program that validates files as a download does: `python -m tests.support.reading_child`. A job is a path."""

import json
from pathlib import Path

from bookmarkai_assets.adapters.common.processes.fork_server import ForkServer, control_on_stdin
from bookmarkai_assets.adapters.downloader.media_file import read_media
from bookmarkai_assets.core.errors import ShareFailedError


def read(job: bytes) -> bytes:
    """Read a file, and return its outcome, or the file with its sound."""
    file = Path(job.decode().strip())
    try:
        facts = read_media(file, audio_stem=file.with_name("audio"))
    except ShareFailedError as error:
        return json.dumps({"outcome": error.failure.outcome}).encode()
    return json.dumps({"audio": str(facts.audio) if facts.audio else None}).encode()


if __name__ == "__main__":
    import av  # noqa: F401 - imported here so that the forks share it

    ForkServer(control_on_stdin(), read).serve()
