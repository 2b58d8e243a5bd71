"""Check that this installation can impersonate the browser that the operator wants, before anything is downloaded.

`workers` starts this as a program, too: `python -m bookmarkai_assets.adapters.downloader.impersonation`. Its job is the
name of a target. Its result is a JSON list: empty if the target is available, else the targets that are.
"""

import json
from contextlib import closing

from bookmarkai_assets.adapters.common.processes.fork_server import ForkServer, control_on_stdin
from bookmarkai_assets.adapters.common.processes.workers import Workers
from bookmarkai_assets.core.errors import ConfigurationError

_PROGRAM = "bookmarkai_assets.adapters.downloader.impersonation"
_SECONDS = 60
_NOTHING = "nothing: curl_cffi is missing, or too new for yt-dlp"


def check_target(target: str) -> None:
    """Check that yt-dlp can impersonate a target. Raises `ConfigurationError` that names the available ones."""
    with closing(Workers("-m", _PROGRAM)) as workers:
        end = workers.run(target.encode(), timeout_seconds=_SECONDS)
        if end.status != 0:
            raise ConfigurationError(
                f"YTDLP_IMPERSONATE={target} could not be checked, because yt-dlp does not start: "
                f"{workers.stderr_tail()[-300:].strip()}; install this package again"
            )
    others = json.loads(end.output)
    if others:
        raise ConfigurationError(
            f"YTDLP_IMPERSONATE={target}: expected what yt-dlp can impersonate on this installation, which is "
            f"{', '.join(others)}; name one of these, or unset it"
        )


def _list_other_targets(text: bytes) -> bytes:
    from yt_dlp import YoutubeDL
    from yt_dlp.networking.impersonate import ImpersonateTarget

    with YoutubeDL({"quiet": True, "no_warnings": True, "cachedir": False, "allowed_extractors": ["generic"]}) as ydl:
        available = ydl._get_available_impersonate_targets()  # noqa: SLF001 - there is no public way to ask
        targets = [target for target, _ in available]
    wanted = ImpersonateTarget.from_str(text.decode().strip())
    if any(target in wanted for target in targets):
        return b"[]"
    names = dict.fromkeys(name for target in targets for name in (target.client, str(target).partition(":")[0]))
    return json.dumps(sorted(names) or [_NOTHING]).encode()


if __name__ == "__main__":
    ForkServer(control_on_stdin(), _list_other_targets).serve()
