"""Check the downloader's parts on this machine: the guard, a download's own process, the reading of media."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bookmarkai_assets.adapters.downloader.egress_guard import connect_with_system
from bookmarkai_assets.adapters.downloader.guard_trial import DownloadTrial, GuardTrial, try_guard
from bookmarkai_assets.adapters.downloader.impersonation import check_target
from bookmarkai_assets.adapters.downloader.media_file import read_media
from bookmarkai_assets.adapters.downloader.rogue.program import ATTEMPTS
from bookmarkai_assets.adapters.downloader.rogue.trial import WallsTrial, try_walls
from bookmarkai_assets.adapters.downloader.upstream import Connect
from bookmarkai_assets.core.downloads.access import UpstreamProxy
from bookmarkai_assets.core.downloads.walls import (
    HOW_TO_GET_WALLS,
    Wall,
    WallsPolicy,
    describe_missing,
    missing_walls,
)
from bookmarkai_assets.core.errors import ConfigurationError, ShareFailedError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.links.urls import HostPort

_PROGRAM = "bookmarkai_assets.adapters.downloader.guard_trial"
_TRIAL_SECONDS = 60
_PROXY_SECONDS = 5.0
_STOP = "stop downloading on this machine until this passes: links could reach what is private"
_STOP_WALLS = "stop downloading on this machine, and report this with the kernel's version (uname -a)"
_MAX_CHARACTERS = 200


def check_guard(*, opened: frozenset[HostPort], trial: Callable[[], GuardTrial] = try_guard) -> CheckResult:
    """Check that the egress guard refuses private addresses. `opened` are the hosts that the operator has opened."""
    done = trial()
    if done.arrived or done.unrefused:
        found = f"expected refusals, found {done.arrived} connections led to private addresses"
        which = f" ({', '.join(done.unrefused)[:_MAX_CHARACTERS]})" if done.unrefused else ""
        return CheckResult(CheckStatus.FAIL, found + which, _STOP)
    if done.is_open_to_anybody:
        return CheckResult(CheckStatus.FAIL, "expected a refusal without the download's token, found none", _STOP)
    if not done.passes_public:
        return CheckResult(
            CheckStatus.FAIL,
            "expected the guard to pass a public address on, found that it does not",
            "no download can work: look for what keeps programs of this user from connecting to 127.0.0.1",
        )
    found = f"{done.tried} ways to private addresses refused, no connection arrived; public ones pass"
    if opened:
        hosts = ", ".join(sorted(f"{place.host}:{place.port}" for place in opened))
        return CheckResult(
            CheckStatus.WARN,
            f"{found}. But EGRESS_ALLOWED_HOSTS opens {hosts}",
            "unset EGRESS_ALLOWED_HOSTS where shared links are not your own",
        )
    return CheckResult(CheckStatus.PASS, found)


def try_in_process() -> DownloadTrial | str:
    """Try a real download in an environment that says NO_PROXY=*. Return a text if the trial itself broke."""
    # With `env`, which adds to this process's environment: only `settings` may read that.
    command = ["/usr/bin/env", "NO_PROXY=*", "no_proxy=*", sys.executable, "-m", _PROGRAM]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, text=True, timeout=_TRIAL_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if done.returncode != 0:
        return f"its program ended with code {done.returncode}"
    return DownloadTrial(**json.loads(done.stdout))


def check_guarded_download(*, trial: Callable[[], DownloadTrial | str] = try_in_process) -> CheckResult:
    """Check that a real download, in its own process and despite NO_PROXY, cannot reach a listener on loopback."""
    done = trial()
    if isinstance(done, str):
        return CheckResult(
            CheckStatus.FAIL,
            f"expected a download's process to run, found: {done}",
            "install this package again, with all that it needs; this shows more",
            f"{sys.executable} -m {_PROGRAM}",
        )
    if done.arrived:
        return CheckResult(
            CheckStatus.FAIL, f"{done.arrived} connections of a download went past the guard to loopback", _STOP
        )
    if not done.is_held or not done.control:
        return CheckResult(
            CheckStatus.FAIL,
            "expected a download from loopback to be refused, one from an opened host to be asked for, every client to "
            f"come to the guard; found {done.outcome} ({done.reason[:_MAX_CHARACTERS]}), {done.control} connections "
            f"and {done.guarded} requests",
            "no download can work: see that programs of this user may connect to 127.0.0.1, then install this package "
            "again",
            f"{sys.executable} -m {_PROGRAM}",
        )
    return CheckResult(
        CheckStatus.PASS,
        "with NO_PROXY=* around it a real download was refused by the guard, and urllib, libcurl and ffmpeg came to it",
    )


def check_walls(policy: WallsPolicy, *, trial: Callable[[], WallsTrial] = try_walls) -> CheckResult:
    """Have a rogue program try to break out of the walls around a download, and name the walls that stand."""
    done = trial()
    if not done.unwalled:
        return CheckResult(
            CheckStatus.FAIL,
            f"expected some of {len(ATTEMPTS)} attempts to succeed without walls, found none: the trial proves nothing",
            "run it in the workers' own environment, outside of any other sandbox",
        )
    if done.leaks:
        return CheckResult(
            CheckStatus.FAIL, f"a rogue program got through a wall that stands: {', '.join(done.leaks)}", _STOP_WALLS
        )
    missing = missing_walls(done.standing)
    count = len(done.walled) or "none"
    through = f"of {len(done.unwalled)} things that a rogue program can do without walls, it could do {count}"
    if not missing:
        return CheckResult(CheckStatus.PASS, f"all walls stand ({', '.join(Wall)}): {through} behind them")
    standing = ", ".join(wall for wall in Wall if wall in done.standing) or "none"
    found = f"{describe_missing(missing)}; standing: {standing}; {through}"
    if policy is WallsPolicy.REQUIRED:
        remedy = f"no download runs, because DOWNLOAD_WALLS=required: {HOW_TO_GET_WALLS}, or set it to best"
        return CheckResult(CheckStatus.FAIL, found, remedy)
    return CheckResult(
        CheckStatus.WARN, found, f"{HOW_TO_GET_WALLS}; DOWNLOAD_WALLS=required refuses downloads until then"
    )


def check_proxy(proxy: UpstreamProxy, *, connect: Connect = connect_with_system) -> CheckResult:
    """Check that the operator's proxy takes connections. No request is sent to it, so nothing leaves this network."""
    try:
        connect(proxy.host, proxy.port, _PROXY_SECONDS).close()
    except OSError as error:
        return CheckResult(
            CheckStatus.FAIL,
            f"YTDLP_PROXY: expected a proxy at {proxy.address}, found that it takes no connection "
            f"({error.strerror or type(error).__name__})",
            "no download can work: start the proxy, correct YTDLP_PROXY, or unset it",
        )
    return CheckResult(CheckStatus.PASS, f"{proxy.address} takes connections; its password was not tried")


def check_impersonation(target: str) -> CheckResult:
    """Check that yt-dlp can impersonate this browser."""
    try:
        check_target(target)
    except ConfigurationError as error:
        found, _, remedy = str(error).rpartition("; ")
        return CheckResult(CheckStatus.FAIL, found, remedy)
    return CheckResult(CheckStatus.PASS, f"yt-dlp can look like {target}")


def check_media_reading(sample: Path) -> CheckResult:
    """Read a sample video to its end and extract its sound, as is done with every download."""
    with tempfile.TemporaryDirectory(prefix="media-check-") as directory:
        try:
            facts = read_media(sample, audio_stem=Path(directory) / "audio")
        except ShareFailedError as error:
            found = error.failure.reason
        else:
            if facts.audio is not None:
                picture = f"{facts.width}x{facts.height}, {facts.duration_seconds:.1f} s"
                return CheckResult(CheckStatus.PASS, f"a sample was read and its sound cut out ({picture})")
            found = "no sound in it"
    return CheckResult(
        CheckStatus.FAIL,
        f"expected the sample {sample.name} to be read, found: {found}",
        "install PyAV again",
        f"{sys.executable} -m pip install --force-reinstall av",
    )
