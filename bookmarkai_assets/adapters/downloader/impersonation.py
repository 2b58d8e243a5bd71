"""Whether this installation can impersonate what the operator wants, asked before anything is downloaded.

Also a program that `workers` starts: `python -m bookmarkai_assets.adapters.downloader.impersonation`. Its job is the
name of a target, its result a JSON list: of nothing where the target is available, else of those that are.
"""

import json
from contextlib import closing

from bookmarkai_assets.adapters.downloader.fork_server import ForkServer, control_on_stdin
from bookmarkai_assets.adapters.downloader.workers import Workers
from bookmarkai_assets.core.errors import ConfigurationError

_PROGRAM = "bookmarkai_assets.adapters.downloader.impersonation"
_SECONDS = 60
_NOTHING = "nothing: curl_cffi is missing, or too new for yt-dlp"


def check_target(target: str) -> None:
    """See that yt-dlp can impersonate a target. Raises `ConfigurationError` that names those that it can."""
    with closing(Workers("-m", _PROGRAM)) as workers:
        end = workers.run(target.encode(), timeout_seconds=_SECONDS)
        if end.status != 0:
            raise ConfigurationError(
                f"YTDLP_IMPERSONATE={target} could not be checked, because yt-dlp does not start: "
                f"{workers.complaint()[-300:].strip()}; install this package anew"
            )
    others = json.loads(end.output)
    if others:
        raise ConfigurationError(
            f"YTDLP_IMPERSONATE={target}: expected what yt-dlp can impersonate on this installation, which is "
            f"{', '.join(others)}; name one of these, or unset it"
        )


def _others_than(text: bytes) -> bytes:
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
    ForkServer(control_on_stdin(), _others_than).serve()
