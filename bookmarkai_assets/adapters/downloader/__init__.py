"""Download with yt-dlp in processes of its own, behind the egress guard. This file imports no yt-dlp.

The modules, in the order of a download: `egress_guard`, `forward_proxy`, `upstream` and `cookies` work in this process.
`workers` starts the program `child` and speaks to its `fork_server`. Each download has its own process: there `fetch`
runs yt-dlp (`ytdlp`, `ytdlp_errors`, `tiktok`), chooses among a video's formats (`formats`) and validates the files
(`media_file`), behind walls (`adapters/common/walls`), which `rogue` tries to break out of. `examine` validates a file
that came without a link, in the same way. `job` defines the messages between the two sides. `impersonation` is checked
beforehand.
"""

import json
import signal
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from typing_extensions import override

from bookmarkai_assets.adapters.common.processes.workers import WorkerEnd, Workers
from bookmarkai_assets.adapters.downloader.cookies import text_for
from bookmarkai_assets.adapters.downloader.egress_guard import (
    NO_ANSWER,
    NO_PASSAGE,
    REFUSALS,
    Account,
    Dial,
    DialResult,
    EgressGuard,
    Resolve,
    connect_with_system,
    resolve_with_system,
)
from bookmarkai_assets.adapters.downloader.job import STDERR_FILE, Appearance, Fetched, Job, result_from_json
from bookmarkai_assets.adapters.downloader.upstream import Connect, connecting_through
from bookmarkai_assets.core.downloads.access import PLAIN_ACCESS, SiteAccess
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, Downloader, DownloadLimits, Resolved, never_give_up
from bookmarkai_assets.core.downloads.walls import WallsPolicy
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.sites.silent_formats import FormatFamily
from bookmarkai_assets.core.text import clean_line, without_secrets

CHILD_PROGRAM = ("-m", "bookmarkai_assets.adapters.downloader.child")
"""Python's arguments for the program that runs downloads."""

# The limit for all bytes: the video, the video again if a site breaks off and cannot resume, and pages, manifests and
# answers that yt-dlp opens and does not finish.
_TIMES_THE_VIDEO = 2
_OVERHEAD_BYTES = 64 * 1024 * 1024
_MAX_TEXT_CHARACTERS = 200
_MAX_STDERR_BYTES = 2000


class YtDlpDownloader(Downloader):
    """Downloads with yt-dlp through an egress guard of its own, each download in its own process.

    `allowed_extractors` are yt-dlp's names, as regular expressions like those of its option. `allowed_hosts` may be
    reached although they are not public. `access` is how downloads present themselves. `walls` says whether they run
    where a wall around them is missing. Only tests replace `resolve`, `connect` and `program`. Safe to use from many
    threads. Nothing is started before the first download. Everything that was started ends with `close()`, with this
    object or with this process.
    """

    def __init__(
        self,
        *,
        allowed_extractors: tuple[str, ...],
        allowed_hosts: frozenset[HostPort],
        access: SiteAccess = PLAIN_ACCESS,
        walls: WallsPolicy = WallsPolicy.BEST,
        resolve: Resolve = resolve_with_system,
        connect: Connect = connect_with_system,
        program: Sequence[str] = CHILD_PROGRAM,
    ) -> None:
        self._workers = Workers(*program, json.dumps(allowed_extractors))
        self._allowed_hosts = allowed_hosts
        self._access = access
        self._walls = walls
        self._resolve = resolve
        self._connect = connecting_through(access.proxy, directly=connect) if access.proxy else connect
        self._lock = threading.Lock()
        self._guard: EgressGuard | None = None
        self._close_guard: weakref.finalize[[], YtDlpDownloader] | None = None

    @override
    def download(
        self,
        url: str,
        directory: Path,
        limits: DownloadLimits,
        *,
        silent_formats: frozenset[FormatFamily] = frozenset(),
        language: str | None = None,
        give_up: Callable[[], bool] = never_give_up,
    ) -> DownloadedVideo | Resolved | Failure:
        started = time.monotonic()
        home = directory.resolve()
        try:
            appearance = self._appearance_for(url)
        except ConfigurationError as error:
            return Failure(Outcome.MISCONFIGURED, str(error))
        with self._running_guard().account(max_bytes=_TIMES_THE_VIDEO * limits.max_bytes + _OVERHEAD_BYTES) as account:
            job = Job(
                url=url,
                directory=home,
                limits=limits,
                proxy_url=account.proxy_url,
                appearance=appearance,
                silent_formats=silent_formats,
                language=language,
                walls=self._walls,
            )
            end = self._workers.run(job.to_json(), timeout_seconds=limits.timeout_seconds, give_up=give_up)
            result = self._result_of(end, url, home, seconds=time.monotonic() - started)
            if isinstance(result, Failure):
                return _explain_by_guard(result, account, limits, self._access)
        (home / STDERR_FILE).unlink(missing_ok=True)
        if isinstance(result, Resolved):
            return result
        return _video_of(result, seconds=time.monotonic() - started)

    @override
    def examine(
        self,
        file: Path,
        limits: DownloadLimits,
        *,
        language: str | None = None,
        give_up: Callable[[], bool] = never_give_up,
    ) -> DownloadedVideo | Failure:
        started = time.monotonic()
        home = file.parent.resolve()
        job = Job(
            url="", directory=home, limits=limits, proxy_url="", language=language, walls=self._walls, file=file.name
        )
        end = self._workers.run(job.to_json(), timeout_seconds=limits.timeout_seconds, give_up=give_up)
        result = self._result_of(end, job.url, home, seconds=time.monotonic() - started)
        if isinstance(result, Resolved):
            return Failure(Outcome.DOWNLOAD_FAILED, "the examination's process named a link")
        if isinstance(result, Failure):
            return result
        (home / STDERR_FILE).unlink(missing_ok=True)
        return _video_of(result, seconds=time.monotonic() - started)

    @override
    def close(self) -> None:
        """End everything that was started, including downloads in progress. A later download starts it again."""
        self._workers.close()
        with self._lock:
            if self._close_guard is not None:
                self._close_guard()
            self._guard = self._close_guard = None

    def _appearance_for(self, url: str) -> Appearance:
        """Return how to appear to a link's site. Raises `ConfigurationError` if its cookies are not usable."""
        file = None
        with suppress(ValueError):  # not a link: no cookies belong to it, and yt-dlp reports what is wrong
            file = self._access.cookies_for(urlsplit(url).hostname or "")
        return Appearance(
            cookies=text_for(file, now=datetime.now(UTC)) if file else None,
            impersonate=self._access.impersonate,
            pause_seconds=self._access.pause_seconds,
        )

    def _running_guard(self) -> EgressGuard:
        with self._lock:
            if self._guard is None:
                self._guard = EgressGuard(
                    allowed_hosts=self._allowed_hosts, resolve=self._resolve, connect=self._connect
                )
                self._close_guard = weakref.finalize(self, self._guard.close)
            return self._guard

    def _result_of(self, end: WorkerEnd, url: str, home: Path, *, seconds: float) -> Fetched | Resolved | Failure:
        """Read the result of a download's process that ended after `seconds`, or the failure that ended it."""
        if end.is_timed_out:
            return Failure(Outcome.TIMED_OUT, f"the download was stopped after {seconds:.0f} seconds")
        if end.status is None:
            return Failure(
                Outcome.DOWNLOAD_FAILED, f"the downloader's program ended: {_last_line(self._workers.stderr_tail())}"
            )
        if end.status < 0:
            return Failure(
                Outcome.DOWNLOAD_FAILED, f"the download's process was killed by {signal.Signals(-end.status).name}"
            )
        if end.status > 0:
            words = _last_line(_tail_of(home / STDERR_FILE) or self._workers.stderr_tail())
            return Failure(Outcome.DOWNLOAD_FAILED, f"the download's process failed: {words}")
        try:
            return result_from_json(end.output, url=url, directory=home)
        except ValueError as error:
            words = clean_line(str(error), max_characters=_MAX_TEXT_CHARACTERS)
            return Failure(Outcome.DOWNLOAD_FAILED, f"the download's process gave an unreadable result: {words}")


def _video_of(result: Fetched, *, seconds: float) -> DownloadedVideo:
    return DownloadedVideo(
        video=result.video,
        audio=result.audio,
        info=result.info,
        seconds=seconds,
        silent_formats=result.silent_formats,
        sounds=result.sounds,
        sound_index=result.sound_index,
    )


def _explain_by_guard(failure: Failure, account: Account, limits: DownloadLimits, access: SiteAccess) -> Failure:
    """Explain a failure that the guard caused. To the download itself it looks like the site's fault."""
    refused = next((dial for dial in account.dials if dial.result in REFUSALS), None)
    if refused is not None:
        what = "the port is" if refused.result is DialResult.PORT_REFUSED else "its address is not public and"
        return Failure(Outcome.REFUSED, f"the link leads to {_host_and_port(refused)}; {what} not opened")
    if account.is_spent:
        return Failure(Outcome.TOO_BIG, f"far more came than the limit of {limits.max_bytes} bytes")
    stopped = next((dial for dial in account.dials if dial.result in NO_PASSAGE), None)
    if failure.outcome is Outcome.UNREACHABLE and stopped is not None and access.proxy is not None:
        return Failure(Outcome.MISCONFIGURED, f"YTDLP_PROXY: {_proxy_problem(stopped, access.proxy.address)}")
    unanswered = next((dial for dial in account.dials if dial.result in NO_ANSWER), None)
    if failure.outcome is Outcome.UNREACHABLE and unanswered is not None:
        is_unknown = unanswered.result is DialResult.NAME_UNKNOWN
        what = "no such name is known" if is_unknown else f"no connection could be made{_via_proxy(access)}"
        return Failure(Outcome.UNREACHABLE, f"the link leads to {_host_and_port(unanswered)}; {what}")
    return failure


def _proxy_problem(dial: Dial, proxy: str) -> str:
    if dial.result is DialResult.PROXY_WANTS_LOGIN:
        return f"expected the proxy {proxy} to take its user name and password, but it answered 407; correct them"
    if dial.result is DialResult.PROXY_REFUSED:
        return (
            f"expected the proxy {proxy} to open a connection to {_host_and_port(dial)}, but it refused; have it allow "
            "CONNECT to addresses, ports 80 and 443"
        )
    return f"expected an HTTP proxy at {proxy}, but it did not answer as one; see that it runs, and where"


def _via_proxy(access: SiteAccess) -> str:
    return f" by way of the proxy {access.proxy.address}" if access.proxy else ""


def _host_and_port(dial: Dial) -> str:
    return f"{clean_line(dial.host, max_characters=_MAX_TEXT_CHARACTERS)}, port {dial.port}"


def _tail_of(file: Path) -> str:
    with suppress(FileNotFoundError), file.open("rb") as opened:  # the process failed before it opened the file
        opened.seek(max(0, file.stat().st_size - _MAX_STDERR_BYTES))
        return opened.read().decode(errors="replace")
    return ""


def _last_line(stderr: str) -> str:
    """Return the last line that a process wrote. In a traceback that is the error."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    return clean_line(without_secrets(lines[-1]), max_characters=_MAX_TEXT_CHARACTERS) if lines else "without a word"
