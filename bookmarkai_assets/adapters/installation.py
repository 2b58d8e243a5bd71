"""Looks at what this program runs on: Python, the release of yt-dlp, the ffmpeg that came along. Loads none of them."""

import subprocess
import sys
from datetime import date
from importlib.metadata import version
from shlex import quote

from bookmarkai_assets.core.health import CheckStatus, Finding, judge_python, judge_ytdlp

_FFMPEG_SECONDS = 10
_MAX_CHARACTERS = 200


def look_at_python(name: str, *, today: date) -> Finding:
    """Look at the Python that runs this."""
    return judge_python(name, sys.version_info[:3], today=today)


def look_at_ytdlp(name: str, *, today: date) -> Finding:
    """Look at the release of yt-dlp that is installed. Raises `ImportError` when none is."""
    return judge_ytdlp(name, version("yt-dlp"), today=today, install=_install("yt-dlp[curl-cffi]"))


def look_at_ffmpeg(name: str) -> Finding:
    """Run the ffmpeg by which yt-dlp puts picture and sound together. Raises `ImportError` without it."""
    import imageio_ffmpeg  # noqa: PLC0415 - a vendor; needed for this look only

    try:
        program = str(imageio_ffmpeg.get_ffmpeg_exe())
        done = subprocess.run(  # noqa: S603 - the program that downloads run
            [program, "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FFMPEG_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        return _unusable(name, str(error)[:_MAX_CHARACTERS])
    if done.returncode != 0:
        return _unusable(name, f"{program} ended with code {done.returncode}")
    words = done.stdout.split("Copyright", maxsplit=1)[0].strip()
    return Finding(name, CheckStatus.PASS, f"{words[:_MAX_CHARACTERS]} from {program}")


def _unusable(name: str, found: str) -> Finding:
    return Finding(
        name,
        CheckStatus.FAIL,
        f"expected an ffmpeg that runs, found: {found}",
        "videos whose picture and sound come apart cannot be put together: install its package anew, and unset "
        "IMAGEIO_FFMPEG_EXE if it is set",
        _install("--force-reinstall imageio-ffmpeg"),
    )


def _install(what: str) -> str:
    words = " ".join(quote(word) for word in what.split())
    return f"{quote(sys.executable)} -m pip install --upgrade {words}"
