"""A stand-in for TikTok on loopback: pages, short links and a video host, over TLS, as strict as the site's own.

Its hosts resolve to a public address that `connect` redirects here, so the egress guard's rules are those of
production. Its certificate is trusted by `trusting_child` alone.
"""

import base64
import datetime as dt
import hashlib
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typing_extensions import override

PUBLIC_ADDRESS = "93.184.215.14"
PAGES, SHORT, VIDEOS = "www.tiktok.com", "vm.tiktok.com", "v16-webapp-prime.us.tiktok.com"
POSTED_AT = 1_760_000_000
_ANSWER = 421  # to the challenge; a solver tries the numbers in turn
_SALT = b"salt"
_FORMATS = (  # codec, name, how many times the bytes, as the site lists them: no order to rely on
    ("h264", "540p", 3),
    ("bytevc2", "720p", 1),
    ("h264", "1080p", 9),
    ("h264", "720p", 5),
    ("h264", "360p", 2),
)


@dataclass(frozen=True)
class Post:
    """One post, and how the site behaves around it.

    `status` and `message` are the page's own words for a post that is not shown. `failures` answers of the video host
    are 503; `break_after_bytes` ends its first body early. Its short link leads to its page, or to `leads_to`.
    Some of its `formats` are `silent`, `missing` (404) or `failing` (503), each by name, such as `720p-h264`.
    """

    post_id: str
    status: int = 0
    message: str = ""
    page_status: int = 200
    is_behind_challenge: bool = False
    is_behind_login: bool = False
    is_age_gated: bool = False
    is_photo_post: bool = False
    failures: int = 0
    break_after_bytes: int | None = None
    leads_to: str | None = None
    formats: tuple[tuple[str, str, int], ...] = _FORMATS
    silent: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    description: str = "Fresh pasta in ten minutes \U0001f35d #cooking"

    @property
    def path(self) -> str:
        """The path of its page."""
        return f"/@pasta.anna/{'photo' if self.is_photo_post else 'video'}/{self.post_id}"

    @property
    def url(self) -> str:
        """The link to it."""
        return f"https://{PAGES}/@pasta.anna/video/{self.post_id}"

    @property
    def short_url(self) -> str:
        """The link that the app shares."""
        return f"https://{SHORT}/ZM{self.post_id}/"


@dataclass(frozen=True)
class Request:
    """What one request looked like: its cookies and browser, and its time by the monotonic clock."""

    host: str
    cookies: str
    browser: str
    at_seconds: float


@dataclass
class TikTokSite:
    """The site: publish posts on it, then read what it was asked for. Silent formats serve `silent_video`."""

    port: int
    certificate: Path
    video: bytes
    silent_video: bytes = b""
    posts: dict[str, Post] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    requests: list["Request"] = field(default_factory=list)

    def publish(self, post: Post) -> Post:
        """Add a post."""
        self.posts[post.post_id] = post
        return post

    def fetched(self, post: Post) -> list[tuple[str, str]]:
        """Return the formats of a post that the video host was asked for, with the ranges."""
        return [
            (path.split("/")[4], ranges)
            for host, path, ranges in self.asked
            if host == VIDEOS and path.startswith(f"/video/tos/{post.post_id}/")
        ]

    def resolve(self, host: str, _port: int) -> list[str]:
        """Return the address of the site's names. No other name is known."""
        if not host.endswith(".tiktok.com"):
            raise OSError(f"no such name: {host}")
        return [PUBLIC_ADDRESS]

    def connect(self, address: str, port: int, timeout_seconds: float) -> socket.socket:
        """Redirect a connection to the site's public address here."""
        if (address, port) != (PUBLIC_ADDRESS, 443):
            raise OSError(f"nobody at {address}:{port}")
        return socket.create_connection(("127.0.0.1", self.port), timeout_seconds)


@contextmanager
def tiktok_site(directory: Path, video: bytes) -> Iterator[TikTokSite]:
    """Run the site. `video` is what it serves for every post, and its certificate is written to `directory`."""
    certificate, secret = directory / "certificate.pem", directory / "key.pem"
    _sign(certificate, secret)
    server = _Server(certificate, secret, video)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _sign(certificate: Path, secret: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in (PAGES, SHORT, VIDEOS)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificate: Path, secret: Path, video: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = TikTokSite(self.server_address[1], certificate, video)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, secret)

    @override
    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, because a client that does not must not delay the others."""
        with self.tls.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects, or does not trust the certificate, as these tests intend."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, to keep the tests' output clean."""

    def do_GET(self) -> None:
        """Answer as the host that was asked for."""
        site = self.server.site
        host, path = self.headers.get("Host", ""), urlsplit(self.path).path
        site.asked.append((host, path, self.headers.get("Range", "")))
        shown = (self.headers.get("Cookie", ""), self.headers.get("User-Agent", ""))
        site.requests.append(Request(host, *shown, time.monotonic()))
        if host == SHORT:
            self._send_on(site, path)
        elif host == VIDEOS and path.startswith("/video/tos/"):
            self._serve_video(site, site.posts[path.split("/")[3]])
        elif host == PAGES and path == "/login":
            self._answer(200, b"<html><title>Log in | TikTok</title></html>")
        elif host == PAGES and path.startswith("/@"):
            self._serve_page(site.posts[path.rsplit("/", 1)[1]])
        else:
            self._answer(404)

    do_HEAD = do_GET  # noqa: N815 - a name that `http.server` looks for

    def _send_on(self, site: TikTokSite, path: str) -> None:
        # Only a previewing crawler is redirected to the page itself; a browser is sent on by a script.
        is_crawler = "facebookexternalhit" in self.headers.get("User-Agent", "")
        post = site.posts[path.strip("/")[2:]]
        target = post.leads_to or f"https://{PAGES}{post.path}?_r=1&_t=s3cret"
        self._answer(*(301, b"", ("Location", target)) if is_crawler else (200,))

    def _serve_page(self, post: Post) -> None:
        if post.page_status != 200:
            self._answer(post.page_status)
        elif post.is_behind_login:
            self._answer(302, b"", ("Location", f"https://{PAGES}/login?redirect_url=s3cret"))
        elif post.is_behind_challenge and not self._is_challenge_met():
            self._answer(200, _challenge())
        else:
            cookie = "tt_chain_token=abc==; Path=/; Domain=tiktok.com; Secure; HttpOnly"
            self._answer(200, _page(post, len(self.server.site.video)), ("Set-Cookie", cookie))

    def _is_challenge_met(self) -> bool:
        cookies = dict(
            entry.strip().split("=", 1) for entry in self.headers.get("Cookie", "").split(";") if "=" in entry
        )
        given = cookies.get("_wafchallengeid", "").strip('"')
        return bool(given) and json.loads(base64.b64decode(given)).get("d") == _base64(str(_ANSWER).encode())

    def _serve_video(self, site: TikTokSite, post: Post) -> None:
        failed = site.failed.get(post.post_id, 0)
        if failed < post.failures:
            site.failed[post.post_id] = failed + 1
            self._answer(503)
            return
        is_from_page = "tiktok.com" in self.headers.get("Referer", "")
        if not is_from_page or "tt_chain_token=abc==" not in self.headers.get("Cookie", ""):
            self._answer(403)
            return
        name = urlsplit(self.path).path.split("/")[4]
        refusal = 404 if name in post.missing else 503 if name in post.failing else None
        if refusal is not None:
            self._answer(refusal)
            return
        video = site.silent_video if name in post.silent else site.video
        start_text, _, end_text = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        start, end = int(start_text or 0), min(int(end_text or len(video) - 1) + 1, len(video))
        body = video[start:end]
        self.send_response(206 if start_text else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(body)))
        if start_text:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(video)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        if post.break_after_bytes is not None and start == 0:
            body = body[: post.break_after_bytes]
            self.close_connection = True
        self.wfile.write(body)

    def _answer(self, status: int, body: bytes = b"", *headers: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _page(post: Post, size_bytes: int) -> bytes:
    shown: dict[str, object] = {} if post.status else {"itemInfo": {"itemStruct": _item(post, size_bytes)}}
    scope = {
        "webapp.app-context": {"language": "en"},
        "webapp.video-detail": {"statusCode": post.status, "statusMsg": post.message, **shown},
    }
    data = json.dumps({"__DEFAULT_SCOPE__": scope}).replace("</", "<\\/")
    script = f'<script id="__UNIVERSAL_DATA_FOR_REHYDRATION__" type="application/json">{data}</script>'
    return f"<!DOCTYPE html><html><title>TikTok - Make Your Day</title><body>{script}</body></html>".encode()


def _item(post: Post, size_bytes: int) -> dict[str, object]:
    item: dict[str, object] = {
        "id": post.post_id,
        "desc": post.description,
        "createTime": str(POSTED_AT),
        "author": {"id": "6800000000000000000", "uniqueId": "pasta.anna", "nickname": "Anna", "secUid": "MS4wLjABAAAA"},
        "music": {"title": "original sound", "authorName": "Anna", "duration": 3},
    }
    if post.is_age_gated:
        return item | {"isContentClassified": True}
    if post.is_photo_post:
        item["music"] = {"title": "original sound", "playUrl": _format_url(post, "sound"), "duration": 3}
        return item | {
            "imagePost": {"images": [{"imageWidth": 720}]},
            "video": {"duration": 0, "width": 0, "height": 0},
        }
    return item | {"video": _video(post, size_bytes)}


def _video(post: Post, size_bytes: int) -> dict[str, object]:
    """List a portrait video's formats: the site's 540p is 576 wide, its 720p is 720 wide and 1280 high."""
    return {
        "duration": 3,
        "width": 576,
        "height": 1024,
        "ratio": "540p",
        "format": "mp4",
        "cover": f"https://{VIDEOS}/cover/{post.post_id}.jpg",
        "playAddr": _format_url(post, "play"),
        "downloadAddr": _format_url(post, "watermarked"),
        "bitrateInfo": [
            {
                "PlayAddr": {
                    "DataSize": size_bytes * times,
                    "UrlKey": f"v12044gd0000abc_{codec}_{name}_{times}00000",
                    "UrlList": [_format_url(post, f"{name}-{codec}")],
                }
            }
            for codec, name, times in post.formats
        ],
    }


def _format_url(post: Post, name: str) -> str:
    return f"https://{VIDEOS}/video/tos/{post.post_id}/{name}/?mime_type=video_mp4&tk=s3cret"


def _challenge() -> bytes:
    digest = hashlib.sha256(_SALT + str(_ANSWER).encode()).digest()
    asked = _base64(json.dumps({"v": {"a": _base64(_SALT), "c": _base64(digest)}}).encode()).rstrip("=")
    return (
        f'<html><body>Please wait...<p id="cs" class="{asked}"></p><p id="wci" class="_wafchallengeid"></p>'
        '<p id="rci" class="waforiginalreid"></p><p id="rs" class="x"></p></body></html>'
    ).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
