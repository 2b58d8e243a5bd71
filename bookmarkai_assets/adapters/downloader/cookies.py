"""The operator's cookies files: read and checked in the pipeline's process, never written, never copied to a disk.

A download gets the cookies of its own site as text, in its job. No message contains any part of a cookie.
"""

import re
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta

from bookmarkai_assets.core.downloads.access import CookiesFile
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.links.platforms import FACTS, unify_platform
from bookmarkai_assets.core.text_files import NotTextError, read_lines

_SETTING = "YTDLP_COOKIES"
_HEADER = "# Netscape HTTP Cookie File\n"
# As in Python's own reader, which yt-dlp uses.
_IS_HEADER = re.compile(r"#( Netscape)? HTTP Cookie File")
_IS_SECONDS = re.compile(r"([0-9]+(\.[0-9]+)?)?")
_HTTP_ONLY = "#HttpOnly_"
_FIELDS = 7  # domain, its subdomains too, path, https only, expires at, name, value
_FLAGS = frozenset({"TRUE", "FALSE"})
_MAX_FILE_BYTES = 1_000_000  # all cookies of a browser take a tenth of it
_EXPORT = (
    "export the site's cookies again from a browser that is logged in there, in Netscape's format (cookies.txt), "
    "readable by the user that runs this"
)

OLD_AFTER = timedelta(days=90)
"""Sites end logins that look abandoned. yt-dlp does not renew them: the file is never written to."""
SOON = timedelta(days=7)
"""Enough time to notice a warning and to log in again."""


@dataclass(frozen=True)
class Cookie:
    """One line of a cookies file. `expires_at` is in epoch seconds; None for a cookie that ends with the browser."""

    name: str
    expires_at: float | None
    line: str


@dataclass(frozen=True)
class Cookies:
    """The cookies that a file holds for its site. `others` counts the lines for other sites, which are not used."""

    file: CookiesFile
    cookies: tuple[Cookie, ...]
    others: int

    def living(self, now: datetime) -> tuple[Cookie, ...]:
        """Return the cookies that have not expired."""
        return tuple(one for one in self.cookies if one.expires_at is None or one.expires_at > now.timestamp())

    @property
    def login(self) -> Cookie | None:
        """The cookie that shows a login, if this project knows which one it is; else None."""
        return next((one for one in self.cookies if one.name == _login_cookie_of(self.file)), None)


def text_for(file: CookiesFile, *, now: datetime) -> str:
    """Return the file's cookies for its own site that have not expired, in Netscape's format.

    Raises `ConfigurationError` when the file cannot be read, is in another format, or has no cookie to send.
    """
    found = read_cookies(file)
    living = found.living(now)
    if not living:
        raise _unusable(file, f"all of its {len(found.cookies)} cookies for {file.site} have expired")
    return _HEADER + "".join(one.line + "\n" for one in living)


def read_cookies(file: CookiesFile) -> Cookies:
    """Read a file. Raises `ConfigurationError` if it is unreadable, in another format, or not for its site."""
    try:
        with file.path.open("rb") as opened:
            content = opened.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _unusable(file, f"it cannot be read ({error.strerror})") from error
    if len(content) > _MAX_FILE_BYTES:
        raise _unusable(file, f"it is larger than {_MAX_FILE_BYTES} bytes")
    try:
        first, *lines = read_lines(content)
    except NotTextError:
        raise _unusable(file, "it is no text in UTF-8 or UTF-16") from None
    if not _IS_HEADER.match(first):
        kind = "it is JSON" if first.lstrip()[:1] in {"[", "{"} else "another format, or none"
        raise _unusable(file, f"its first line is not '{_HEADER.strip()}' ({kind})")
    cookies, others = [], 0
    for number, line in enumerate(lines, start=2):
        text = line.removeprefix(_HTTP_ONLY)
        if not text.strip() or text.startswith("#"):
            continue
        cookie, host = _parse_line(file, number, text)
        if file.is_for_host(host):
            cookies.append(cookie)
        else:
            others += 1
    if not cookies:
        raise _unusable(file, f"it has no cookie for {file.site}, and {others} for other sites")
    return Cookies(file, tuple(cookies), others)


def _parse_line(file: CookiesFile, number: int, line: str) -> tuple[Cookie, str]:
    """Parse one line. Return the cookie and the host that it is for."""
    fields = line.split("\t")
    if len(fields) != _FIELDS:
        raise _unusable(file, f"line {number} has {len(fields)} fields, and not {_FIELDS} separated by tabs")
    domain, has_subdomains, _, is_secure, expires, name, _ = fields
    if has_subdomains not in _FLAGS or is_secure not in _FLAGS:
        raise _unusable(file, f"line {number} has something else than TRUE and FALSE in its second and fourth field")
    if not _IS_SECONDS.fullmatch(expires):
        raise _unusable(file, f"line {number} has no number of seconds in its fifth field")
    # Python's reader stops at a line whose flag and leading dot disagree; browsers go by the flag.
    fields[0] = f".{domain.lstrip('.')}" if has_subdomains == "TRUE" else domain.lstrip(".")
    expires_at = float(expires or 0) or None
    return Cookie(name, expires_at, "\t".join(fields)), domain.lstrip(".").lower()


def _login_cookie_of(file: CookiesFile) -> str | None:
    facts = FACTS.get(unify_platform(file.platform))
    return facts.login_cookie if facts is not None else None


def _unusable(file: CookiesFile, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_SETTING}: expected a cookies file for {file.platform} in {file.path}, but {found}; {_EXPORT}"
    )


def check_cookies(files: frozenset[CookiesFile], *, now: datetime) -> CheckResult:
    """Check of every cookies file whether it can be read, holds a login, and for how long. The worst file decides."""
    checked = [_check_file(file, now) for file in sorted(files, key=str)]
    status = next(
        (status for status in (CheckStatus.FAIL, CheckStatus.WARN) if any(s is status for s, _ in checked)),
        CheckStatus.PASS,
    )
    found = "; ".join(words for _, words in checked)
    return CheckResult(status, found, None if status is CheckStatus.PASS else _write_remedy(checked))


def _write_remedy(checked: list[tuple[CheckStatus, str]]) -> str:
    is_open = any("other users" in words for _, words in checked)
    return f"{_EXPORT}{', and by nobody else (chmod 600)' if is_open else ''}"


def _check_file(file: CookiesFile, now: datetime) -> tuple[CheckStatus, str]:
    try:
        cookies = read_cookies(file)
        text_for(file, now=now)
        state = file.path.stat()
    except ConfigurationError as error:
        return CheckStatus.FAIL, str(error).removesuffix(f"; {_EXPORT}")
    except OSError as error:  # gone since it was read
        return CheckStatus.FAIL, f"{file}: {error.strerror}"
    age = now - datetime.fromtimestamp(state.st_mtime, now.tzinfo)
    doubts = [
        *_find_login_doubts(cookies, now),
        *([f"it is {age.days} days old, and sites end logins that look abandoned"] if age > OLD_AFTER else []),
        *(["other users of this machine can read it"] if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO) else []),
    ]
    words = f"{file}: {len(cookies.living(now))} of {len(cookies.cookies)} cookies alive, {max(age.days, 0)} days old"
    return (CheckStatus.WARN, f"{words}, but {' and '.join(doubts)}") if doubts else (CheckStatus.PASS, words)


def _find_login_doubts(cookies: Cookies, now: datetime) -> list[str]:
    """Check when the login expires. If nobody knows which cookie that is, check the one that lasts longest."""
    wanted = _login_cookie_of(cookies.file)
    login = cookies.login
    if wanted is not None and login is None:
        return [f"there is no login among them ({wanted})"]
    ends = [login.expires_at] if login else [one.expires_at for one in cookies.cookies]
    known = [end for end in ends if end is not None]
    if not known or len(known) < len(ends):
        return []  # a cookie that ends with the browser has no date to warn of
    end = datetime.fromtimestamp(max(known), now.tzinfo)
    if end <= now:
        return [f"its login expired on {end:%Y-%m-%d}"]
    return [f"its login expires on {end:%Y-%m-%d}"] if end - now < SOON else []
