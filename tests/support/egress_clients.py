"""A program for `Workers` that fetches one URL as yt-dlp's parts would: `python -m tests.support.egress_clients`.

A job is JSON: `client` is the key of one of yt-dlp's request handlers, or `ffmpeg`; `proxy_url` is yt-dlp's proxy, and
`url` what to fetch. The answer is JSON: the status, or the error.
"""

import importlib
import json
import os
import subprocess

from imageio_ffmpeg import get_ffmpeg_exe

from bookmarkai_assets.adapters.common.processes.fork_server import ForkServer, control_on_stdin
from tests.support.deadlines import HANG_SECONDS


def fetch(job: bytes) -> bytes:
    """Fetch with the client that the job names."""
    fields = json.loads(job)
    if fields["client"] == "ffmpeg":
        return json.dumps(_fetch_with_ffmpeg(fields["url"], fields["proxy_url"])).encode()
    return json.dumps(_fetch_with_handler(fields["client"], fields["url"], fields["proxy_url"])).encode()


def _fetch_with_handler(key: str, url: str, proxy_url: str) -> str:
    from yt_dlp import YoutubeDL
    from yt_dlp.networking import Request
    from yt_dlp.networking.exceptions import HTTPError, RequestError

    with YoutubeDL({"proxy": proxy_url, "quiet": True, "no_warnings": True, "socket_timeout": HANG_SECONDS}) as ydl:
        director = ydl._request_director
        for other in set(director.handlers) - {key}:
            director.handlers.pop(other)
        try:
            return str(ydl.urlopen(Request(url)).status)
        except HTTPError as error:
            return str(error.status)
        except RequestError as error:
            return f"{type(error).__name__}: {error}"


def _fetch_with_ffmpeg(url: str, proxy_url: str) -> str:
    command = [get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-i", url, "-f", "null", "-"]
    environment = {**os.environ, "http_proxy": proxy_url, "HTTP_PROXY": proxy_url}  # as yt-dlp's `FFmpegFD` does
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    return "200" if done.returncode == 0 else done.stderr


if __name__ == "__main__":
    importlib.import_module("yt_dlp")  # once for all forks
    ForkServer(control_on_stdin(), fetch).serve()
