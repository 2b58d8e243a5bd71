"""Cookies, impersonation and pauses, as the operator sets them: real yt-dlp against the stand-in for TikTok."""

import json
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.downloader import YtDlpDownloader
from bookmarkai_assets.adapters.downloader.cookies import OLD_AFTER, check_cookies, text_for
from bookmarkai_assets.adapters.downloader.impersonation import check_target
from bookmarkai_assets.core.downloads.access import CookiesFile, SiteAccess
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.deadlines import PLENTY_SECONDS
from tests.support.tiktok_site import PAGES, VIDEOS, Post, TikTokSite, tiktok_site

LIMITS = DownloadLimits(max_bytes=10_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)
NOW = datetime.now(UTC)
LATER = int((NOW + timedelta(days=60)).timestamp())
SOON = int((NOW + timedelta(days=3)).timestamp())
PAST = int((NOW - timedelta(days=3)).timestamp())
HEADER = "# Netscape HTTP Cookie File\n# exported by a browser\n\n"
SECRET = "s3cret-session"


def line(name: str, value: str = SECRET, *, domain: str = ".tiktok.com", expires: int | str = LATER) -> str:
    """Return a cookie's line as browsers export it."""
    return f"{domain}\t{str(domain.startswith('.')).upper()}\t/\tTRUE\t{expires}\t{name}\t{value}\n"


def write(file: Path, *lines: str, header: str = HEADER) -> CookiesFile:
    """Write a cookies file for TikTok that nobody else can read."""
    file.write_text(header + "".join(lines))
    file.chmod(0o600)
    return CookiesFile(Platform.TIKTOK, file)


@pytest.fixture(scope="module")
def tiktok(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TikTokSite]:
    """Return the stand-in, which serves a real clip."""
    with tiktok_site(tmp_path_factory.mktemp("tiktok"), clip.read_bytes()) as running:
        yield running


@contextmanager
def downloading(tiktok: TikTokSite, access: SiteAccess) -> Iterator[YtDlpDownloader]:
    """Run a downloader with this access, for which the stand-in is TikTok."""
    running = YtDlpDownloader(
        allowed_extractors=("tiktok", "vm.tiktok"),
        allowed_hosts=frozenset(),
        access=access,
        resolve=tiktok.resolve,
        connect=tiktok.connect,
        program=("-m", "tests.support.trusting_child", str(tiktok.certificate)),
    )
    try:
        yield running
    finally:
        running.close()


def texts_below(directory: Path) -> list[str]:
    """Return the contents of every file that a download has left."""
    return [file.read_bytes().decode(errors="replace") for file in directory.rglob("*") if file.is_file()]


# --- Cookies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 10216])
def test_cookies_are_sent_to_their_site_and_kept_nowhere_else(
    tiktok: TikTokSite, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """The site gets its own unexpired cookies. The file is unchanged, and no other file or log contains them."""
    attempt = tmp_path / "attempt"
    attempt.mkdir()
    file = write(
        tmp_path / "tiktok.txt",
        "#HttpOnly_" + line("sid_tt"),
        line("session", "s3cret-until-close", expires=0),
        line("old", "s3cret-old", expires=PAST),
        line("NID", "s3cret-other", domain=".google.com"),
        *(
            line(f"n{number}", "v" * 200, domain=".ads.tiktok.com") for number in range(2000)
        ),  # more than a socket buffers
    )
    file.path.chmod(0o400)
    before = (file.path.read_bytes(), file.path.stat().st_mtime_ns)
    post = tiktok.publish(Post(f"730000000000000030{status % 10}", status=status))
    asked = len(tiktok.requests)
    with caplog.at_level(logging.DEBUG), downloading(tiktok, SiteAccess(frozenset({file}))) as downloader:
        result = downloader.download(post.url, attempt, LIMITS)
    assert isinstance(result, Failure if status else DownloadedVideo), result
    pages = [request.cookies for request in tiktok.requests[asked:] if request.host == PAGES]
    assert pages
    assert all(f"sid_tt={SECRET}" in cookies and "session=s3cret-until-close" in cookies for cookies in pages)
    assert not any("s3cret-old" in request.cookies or "NID" in request.cookies for request in tiktok.requests[asked:])
    assert (file.path.read_bytes(), file.path.stat().st_mtime_ns) == before
    assert "s3cret" not in caplog.text
    assert "s3cret" not in str(result)
    assert not any("s3cret" in text for text in texts_below(attempt))


def test_a_link_of_another_site_gets_no_cookies(tiktok: TikTokSite, tmp_path: Path) -> None:
    """A download from TikTok gets no cookie of the YouTube file, whatever domain the cookie claims."""
    attempt = tmp_path / "attempt"
    attempt.mkdir()
    file = write(tmp_path / "youtube.txt", line("sid_tt"), line("LOGIN_INFO", domain=".youtube.com"))
    post = tiktok.publish(Post("7300000000000000310"))
    asked = len(tiktok.requests)
    access = SiteAccess(frozenset({CookiesFile(Platform.YOUTUBE, file.path)}))
    with downloading(tiktok, access) as downloader:
        result = downloader.download(post.url, attempt, LIMITS)
    assert isinstance(result, DownloadedVideo), result
    assert not any(SECRET in request.cookies for request in tiktok.requests[asked:])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_cookies_file_of_any_system_is_read(tmp_path: Path, encoding: str, end: str) -> None:
    """A shell on Windows writes redirected output in UTF-16, and a download gets its own cookies from that too."""
    file = write(tmp_path / "tiktok.txt", line("sid_tt"), line("NID", domain=".google.com"))
    text = file.path.read_text().replace("\n", end)
    file.path.write_bytes(text.encode(encoding))
    assert text_for(file, now=datetime.now(UTC)) == "# Netscape HTTP Cookie File\n" + line("sid_tt")


BAD_FILES = {
    "JSON": (json.dumps([{"name": "sid_tt", "value": SECRET}]), "it is JSON"),
    "no header": (line("sid_tt"), "its first line is not"),
    "empty": ("", "its first line is not"),
    "spaces": (HEADER + line("sid_tt").replace("\t", " "), "line 4 has 1 fields"),
    "flag": (HEADER + line("sid_tt").replace("TRUE", "yes", 1), "line 4 has something else than TRUE and FALSE"),
    "expiry": (HEADER + line("sid_tt", expires="tomorrow"), "line 4 has no number of seconds"),
    "others": (HEADER + line("NID", domain=".google.com"), "no cookie for tiktok, and 1 for other sites"),
    "expired": (HEADER + line("sid_tt", expires=PAST), "all of its 1 cookies for tiktok have expired"),
    "large": (HEADER + line("sid_tt") * 20_000, "larger than 1000000 bytes"),
    "latin-1": (HEADER + line("sid_tt", "\udce9"), "no text in UTF-8"),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_cookies_that_cannot_be_used_stop_the_download(
    tiktok: TikTokSite, tmp_path: Path, content: str, words: str
) -> None:
    """The reason names the setting, the file, what is wrong and what to do, and the site is not asked at all."""
    file = tmp_path / "tiktok.txt"
    file.write_bytes(content.encode(errors="surrogateescape"))
    asked = len(tiktok.requests)
    with downloading(tiktok, SiteAccess(frozenset({CookiesFile(Platform.TIKTOK, file)}))) as downloader:
        failure = downloader.download(tiktok.publish(Post("7300000000000000320")).url, tmp_path, LIMITS)
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.MISCONFIGURED
    assert failure.reason.startswith(f"YTDLP_COOKIES: expected a cookies file for tiktok in {file}, but ")
    assert words in failure.reason
    assert "export the site's cookies again" in failure.reason
    assert SECRET not in failure.reason
    assert len(tiktok.requests) == asked


def test_a_missing_cookies_file_stops_the_download(tiktok: TikTokSite, tmp_path: Path) -> None:
    """A download never runs without the cookies configured for its site; downloads from other sites go on."""
    missing = CookiesFile(Platform.TIKTOK, tmp_path / "tiktok.txt")
    with downloading(tiktok, SiteAccess(frozenset({missing}))) as downloader:
        failure = downloader.download("https://www.tiktok.com/@a/video/1", tmp_path, LIMITS)
        other = downloader.download("https://www.youtube.com/watch?v=jNQXAC9IVRw", tmp_path, LIMITS)
    assert isinstance(failure, Failure)
    assert isinstance(other, Failure)
    assert (failure.outcome, other.outcome) == (Outcome.MISCONFIGURED, Outcome.UNSUPPORTED_SITE)
    assert "it cannot be read (No such file or directory)" in failure.reason


@pytest.mark.parametrize(
    ("domain", "has_subdomains"), [("tiktok.com", "TRUE"), (".tiktok.com", "FALSE"), (".www.tiktok.com", "TRUE")]
)
def test_cookies_as_browsers_really_write_them_are_sent(
    tiktok: TikTokSite, tmp_path: Path, domain: str, has_subdomains: str
) -> None:
    """A domain and flag that disagree, or Windows line ends, do not lose a login."""
    attempt = tmp_path / "attempt"
    attempt.mkdir()
    text = (HEADER + f"{domain}\t{has_subdomains}\t/\tTRUE\t{LATER}.5\tsid_tt\t{SECRET}\n").replace("\n", "\r\n")
    (tmp_path / "tiktok.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    access = SiteAccess(frozenset({CookiesFile(Platform.TIKTOK, tmp_path / "tiktok.txt")}))
    asked = len(tiktok.requests)
    with downloading(tiktok, access) as downloader:
        downloader.download(tiktok.publish(Post("7300000000000000330")).url, attempt, LIMITS)
    is_sent = [SECRET in request.cookies for request in tiktok.requests[asked:] if request.host == PAGES]
    assert is_sent
    assert all(is_sent) is (domain != ".tiktok.com")  # without the flag for subdomains, www is not included


# --- How the doctor checks them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "status", "words"),
    [
        ([line("sid_tt"), line("msToken", expires=SOON)], CheckStatus.PASS, "2 of 2 cookies alive, 0 days old"),
        ([line("sid_tt", expires=0)], CheckStatus.PASS, "1 of 1 cookies alive"),
        ([line("sid_tt", expires=SOON), line("other")], CheckStatus.WARN, "its login expires on"),
        ([line("sid_tt", expires=PAST), line("other")], CheckStatus.WARN, "its login expired on"),
        ([line("other")], CheckStatus.WARN, "no login among them (sid_tt)"),
        ([line("sid_tt", expires=PAST)], CheckStatus.FAIL, "have expired"),
        ([], CheckStatus.FAIL, "no cookie for tiktok"),
    ],
)
def test_the_state_of_a_login_is_shown(tmp_path: Path, lines: list[str], status: CheckStatus, words: str) -> None:
    """A login that is valid, about to expire, expired or missing is shown with the remedy, and without its value."""
    result = check_cookies(frozenset({write(tmp_path / "tiktok.txt", *lines)}), now=NOW)
    assert result.status is status
    assert words in result.found
    assert SECRET not in result.found
    assert ("export" in (result.remedy or "")) is (status is not CheckStatus.PASS)


def test_an_old_or_readable_file_is_a_warning(tmp_path: Path) -> None:
    """Cookies that are months old, or that others can read, are a warning with what to do."""
    file = write(tmp_path / "tiktok.txt", line("sid_tt"))
    long_ago = (NOW - OLD_AFTER - timedelta(days=1)).timestamp()
    os.utime(file.path, (long_ago, long_ago))
    file.path.chmod(stat.S_IMODE(0o644))
    result = check_cookies(frozenset({file}), now=NOW)
    assert result.status is CheckStatus.WARN
    assert "91 days old" in result.found
    assert "other users of this machine can read it" in result.found
    assert "chmod 600" in (result.remedy or "")


def test_the_worst_file_decides(tmp_path: Path) -> None:
    """One result covers all files, and the worst one decides."""
    good = write(tmp_path / "tiktok.txt", line("sid_tt"))
    result = check_cookies(frozenset({good, CookiesFile(Platform.X, tmp_path / "x.txt")}), now=NOW)
    assert result.status is CheckStatus.FAIL
    assert "tiktok=" in result.found
    assert "No such file" in result.found


# --- Impersonation and pauses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "browser"), [("firefox", "Firefox/"), ("chrome", "Chrome/")])
def test_all_requests_look_like_the_browser(tiktok: TikTokSite, tmp_path: Path, target: str, browser: str) -> None:
    """Page and video are requested by libcurl as that browser would, and still only through the guard."""
    post = tiktok.publish(Post("7300000000000000340"))
    asked = len(tiktok.requests)
    with downloading(tiktok, SiteAccess(impersonate=target)) as downloader:
        result = downloader.download(post.url, tmp_path, LIMITS)
    assert isinstance(result, DownloadedVideo), result
    assert {request.host for request in tiktok.requests[asked:]} == {PAGES, VIDEOS}
    assert [r for r in tiktok.requests[asked:] if browser not in r.browser] == []


@pytest.mark.parametrize("target", ["chrome", "chrome-146", "safari:ios"])
def test_an_available_target_is_accepted(target: str) -> None:
    """A target is named by client, version or system, as yt-dlp names them."""
    check_target(target)


@pytest.mark.parametrize("target", ["netscape", "chrome-9", "firefox:amiga"])
def test_an_unavailable_target_is_named_with_those_available(target: str) -> None:
    """An unavailable target stops the start, and the error lists those that could be set instead."""
    with pytest.raises(ConfigurationError, match=f"YTDLP_IMPERSONATE={target}: .*chrome, .*firefox-1"):
        check_target(target)


def test_the_pause_between_requests_is_kept(tiktok: TikTokSite, tmp_path: Path) -> None:
    """The requests with which a download finds its video are apart by the pause that the operator set."""
    post = tiktok.publish(Post("7300000000000000350", is_behind_challenge=True))
    asked = len(tiktok.requests)
    with downloading(tiktok, SiteAccess(pause_seconds=0.6)) as downloader:
        started = time.monotonic()
        result = downloader.download(post.url, tmp_path, LIMITS)
    assert isinstance(result, DownloadedVideo), result
    first, second = (request.at_seconds for request in tiktok.requests[asked : asked + 2])
    assert second - first >= 0.6
    assert started < first
