"""Send the libraries and programs with which yt-dlp fetches to one link, as in a download's own process.

`workers` starts this as a program: `python -m bookmarkai_assets.adapters.downloader.guard_trial_clients`. Its jobs are
JSON objects with `url` and `proxy_url`. The results do not matter: the guard and the canary count what arrives.
"""

import json
import subprocess
import urllib.request
from contextlib import suppress

from bookmarkai_assets.adapters.common.processes.fork_server import ForkServer, control_on_stdin

CLIENTS = 3
_TIMEOUT_SECONDS = 5


def work(text: bytes) -> bytes:
    """Have each client ask for the link through the proxy: urllib, libcurl (in curl_cffi), ffmpeg."""
    import curl_cffi.requests  # noqa: PLC0415 - a vendor; loads where it is used
    import imageio_ffmpeg  # noqa: PLC0415 - as above

    job = json.loads(text)
    url, proxy_url = job["url"], job["proxy_url"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy_url}))
    with suppress(OSError):  # the refusal that is expected
        opener.open(url, timeout=_TIMEOUT_SECONDS).close()
    with suppress(curl_cffi.requests.RequestsError):
        curl_cffi.requests.get(url, proxies={"http": proxy_url}, timeout=_TIMEOUT_SECONDS)
    ffmpeg = str(imageio_ffmpeg.get_ffmpeg_exe())
    command = [ffmpeg, "-nostdin", "-v", "quiet", "-http_proxy", proxy_url, "-i", url, "-f", "null", "-"]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=False, timeout=_TIMEOUT_SECONDS, stdin=subprocess.DEVNULL)  # noqa: S603 - fixed
    return b"{}"


if __name__ == "__main__":
    ForkServer(control_on_stdin(), work).serve()
