"""Check what this program runs on: Python, the release of yt-dlp, and the ffmpeg that is installed with it."""

import subprocess
import sys
from datetime import date
from importlib.metadata import version
from shlex import quote

from bookmarkai_assets.core import health
from bookmarkai_assets.core.health import CheckResult, CheckStatus

_FFMPEG_SECONDS = 10
_MAX_CHARACTERS = 200


def check_python(*, today: date) -> CheckResult:
    """Check the Python that runs this."""
    return health.check_python(sys.version_info[:3], today=today)


def check_ytdlp(*, today: date) -> CheckResult:
    """Check the release of yt-dlp that is installed, without loading it. Raises `ImportError` if there is none."""
    return health.check_ytdlp(version("yt-dlp"), today=today, install=_write_install_command("yt-dlp[curl-cffi]"))


def check_ffmpeg() -> CheckResult:
    """Run the ffmpeg with which yt-dlp merges picture and sound. Raises `ImportError` if its package is missing."""
    import imageio_ffmpeg  # noqa: PLC0415 - a vendor; needed for this check only

    try:
        program = str(imageio_ffmpeg.get_ffmpeg_exe())
        done = subprocess.run(  # noqa: S603 - the program that downloads use
            [program, "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FFMPEG_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        return _fail(str(error)[:_MAX_CHARACTERS])
    if done.returncode != 0:
        return _fail(f"{program} ended with code {done.returncode}")
    words = done.stdout.split("Copyright", maxsplit=1)[0].strip()
    return CheckResult(CheckStatus.PASS, f"{words[:_MAX_CHARACTERS]} from {program}")


def _fail(found: str) -> CheckResult:
    return CheckResult(
        CheckStatus.FAIL,
        f"expected an ffmpeg that runs, found: {found}",
        "videos whose picture and sound are separate cannot be merged: install its package again, and unset "
        "IMAGEIO_FFMPEG_EXE if it is set",
        _write_install_command("--force-reinstall imageio-ffmpeg"),
    )


def _write_install_command(what: str) -> str:
    words = " ".join(quote(word) for word in what.split())
    return f"{quote(sys.executable)} -m pip install --upgrade {words}"
