"""A small video site on loopback with the sample videos, to show the pipeline without a network.

It serves and counts, and the demo judges the counts. To share from it by hand, run `python -m
bookmarkai_assets.demo.site --port 8765`, and set EGRESS_ALLOWED_HOSTS=127.0.0.1:8765 for the pipeline.
"""

import argparse
import html
import re
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from typing_extensions import override

from bookmarkai_assets.demo.samples import BROKEN_SAMPLE, GOOD_SAMPLES, SHORT_SAMPLES, Sample

_HOST = "127.0.0.1"
_FILES = {f"/videos/{sample.file}": sample for sample in (*GOOD_SAMPLES, BROKEN_SAMPLE)}
_PAGES = {f"/watch/{sample.path.stem}": sample for sample in GOOD_SAMPLES}

*_, SHARED_TWICE, BEHIND_A_PAGE = SHORT_SAMPLES
"""Both are shared as pages. A downloader first opens a link to probe it. With a page, that does not fetch the video,
and a download is one fetch of the file. With a link straight to the file it would be two."""


@dataclass(frozen=True)
class SampleLink:
    """One link to share, and the sample behind it."""

    label: str
    url: str
    sample: Sample

    @property
    def is_broken(self) -> bool:
        """Whether the file behind the link is cut short, and can never be transcribed."""
        return self.sample == BROKEN_SAMPLE


class SampleSite:
    """Serves while the `with` block runs, on a free port unless one is given. Writes nothing to the terminal."""

    def __init__(self, *, port: int = 0) -> None:
        self._server = _Server(port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="sample-site", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The site's address, without a slash at the end."""
        return f"http://{_HOST}:{self._server.server_port}"

    @property
    def host_and_port(self) -> str:
        """The value for EGRESS_ALLOWED_HOSTS that lets the pipeline fetch from here."""
        return f"{_HOST}:{self._server.server_port}"

    def links(self) -> Sequence[SampleLink]:
        """List the links to share: every sample once, and one of them twice with different tracking parameters."""
        direct = [sample for sample in GOOD_SAMPLES if sample not in {SHARED_TWICE, BEHIND_A_PAGE}]
        twice = f"{self.url}/watch/{SHARED_TWICE.path.stem}"
        return (
            *(SampleLink(sample.title, f"{self.url}/videos/{sample.file}", sample) for sample in direct),
            SampleLink(BEHIND_A_PAGE.title, f"{self.url}/watch/{BEHIND_A_PAGE.path.stem}", BEHIND_A_PAGE),
            SampleLink(SHARED_TWICE.title, f"{twice}?utm_source=app", SHARED_TWICE),
            SampleLink(f"{SHARED_TWICE.title} (again)", f"{twice}?utm_source=mail&utm_medium=letter", SHARED_TWICE),
            SampleLink(BROKEN_SAMPLE.title, f"{self.url}/videos/{BROKEN_SAMPLE.file}", BROKEN_SAMPLE),
        )

    def fetches(self, sample: Sample) -> int:
        """Count the GETs for the whole of a sample's file. A GET for a part of it does not count."""
        return self._server.fetches_of(sample)


class _Server(ThreadingHTTPServer):
    def __init__(self, port: int) -> None:
        self._fetches: Counter[str] = Counter()
        self._counting = threading.Lock()
        super().__init__((_HOST, port), _Handler)

    def count_fetch(self, sample: Sample) -> None:
        with self._counting:
            self._fetches[sample.file] += 1

    def fetches_of(self, sample: Sample) -> int:
        with self._counting:
            return self._fetches[sample.file]

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may disconnect at any moment
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a connection may be idle
    server: _Server

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, because the demo shows its own progress."""

    def do_GET(self) -> None:
        """Answer with a page, a video or a part of it, or 404. Queries are only for tracking and change nothing."""
        path = urlsplit(self.path).path
        if path in _PAGES:
            self._send(_page(_PAGES[path]), "text/html; charset=utf-8")
        elif path in _FILES:
            self._send_video(_FILES[path])
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 - the name that `http.server` looks for

    def _send_video(self, sample: Sample) -> None:
        data = sample.path.read_bytes()
        wanted = _wanted_range(self.headers.get("Range"), len(data))
        # Counted before it is sent, so that a client that has the file finds its fetch counted.
        if self.command == "GET" and (wanted is None or len(wanted) == len(data)):
            self.server.count_fetch(sample)
        if wanted is None:
            self._send(data, "video/mp4", {"Accept-Ranges": "bytes"})
        elif not wanted:
            self._send(
                b"", "text/plain", {"Content-Range": f"bytes */{len(data)}"}, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            )
        else:
            part = {"Content-Range": f"bytes {wanted[0]}-{wanted[-1]}/{len(data)}", "Accept-Ranges": "bytes"}
            self._send(data[wanted.start : wanted.stop], "video/mp4", part, HTTPStatus.PARTIAL_CONTENT)

    def _send(
        self, body: bytes, content_type: str, headers: dict[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _wanted_range(header: str | None, size: int) -> range | None:
    """Parse a Range header. An empty range means that the file has no such bytes, None that all are wanted.

    A header that is not a single range of bytes is ignored, as RFC 9110 (14.2) demands or, for lists of ranges, allows.
    """
    match = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", header or "")
    first, last = match.groups() if match else ("", "")
    if first and last and int(last) < int(first):
        return None
    if first:
        return range(int(first), min(int(last) + 1, size) if last else size)
    return range(max(size - int(last), 0), size) if last else None


def _page(sample: Sample) -> bytes:
    title = html.escape(sample.title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f'<body><h1>{title}</h1><video controls src="/videos/{sample.file}"></video></body></html>\n'
    ).encode()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the links, then serve until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m bookmarkai_assets.demo.site", description="Serve the sample videos."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; a free one if not given")
    with SampleSite(port=parser.parse_args(arguments).port) as site:
        for link in site.links():
            sys.stdout.write(f"{link.url}  {link.label}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
