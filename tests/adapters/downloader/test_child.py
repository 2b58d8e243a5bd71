"""The sandbox of a download's own process: each limit and each barrier, through the public door."""

import gzip
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import pytest

from bookmarkai_assets.adapters.common.processes import workers
from bookmarkai_assets.adapters.downloader import CHILD_PROGRAM, YtDlpDownloader
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits, Resolved
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.deadlines import HANG_SECONDS, PLENTY_SECONDS, growing
from tests.support.hostile_site import Answer, HostileSite
from tests.support.processes import HAS_PROC, children_of, is_running, wait_until

pytestmark = pytest.mark.skipif(not HAS_PROC, reason="these tests look at processes through /proc")

LIMITS = DownloadLimits(max_bytes=3_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)
TAMPERED = ("-m", "tests.support.tampered_child")
SECRET = "s3cret"
SEEN = {"PATH", "LANG", "LC_CTYPE", "PYTHONPATH", "PYTHONNOUSERSITE", "YTDLP_NO_PLUGINS"}
PLUGIN = """
from pathlib import Path
from yt_dlp.extractor.common import InfoExtractor

Path({marker!r}).touch()

class IntruderIE(InfoExtractor):
    _VALID_URL = r"https?://.*"
"""
CONFIGURATION = """
--exec before_dl:'touch {marker}'
--write-link
--write-info-json
--downloader curl
"""


@contextmanager
def downloading(site: HostileSite, *program: str) -> Iterator[YtDlpDownloader]:
    """Run a downloader that may open any page of the site."""
    running = YtDlpDownloader(
        allowed_extractors=("generic",),
        allowed_hosts=frozenset({site.host_port}),
        program=program or CHILD_PROGRAM,
    )
    try:
        yield running
    finally:
        running.close()


def failure_of(result: DownloadedVideo | Resolved | Failure) -> Failure:
    """Return the failure of a download, whose reason must be readable."""
    assert isinstance(result, Failure), result
    assert 10 < len(result.reason) < 400
    assert result.reason.isprintable()
    return result


@contextmanager
def hanging(site: HostileSite, directory: Path) -> Iterator[tuple[int, int]]:
    """Have a download hang for as long as the block lasts. Yield the pids of the program and of the download."""
    url = site.silent("/silent.ts")
    asked, is_over = len(site.asked), Event()
    with downloading(site) as downloader, ThreadPoolExecutor(1) as pool:
        end = pool.submit(downloader.download, url, directory, LIMITS, give_up=is_over.is_set)
        try:
            wait_until(lambda: "/silent.ts" in site.asked[asked:])
            program = program_of(downloader)
            (download,) = children_of(program)
            yield program, download
        finally:
            is_over.set()
        assert "stopped after" in failure_of(end.result()).reason


def command_of(pid: int) -> str:
    """Return the command line of a process, or an empty string when it is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def program_of(downloader: YtDlpDownloader) -> int:
    """Return the pid of the program, the parent of every download."""
    assert downloader._workers._program
    return downloader._workers._program.process.pid


# --- What it sees and what it may do ----------------------------------------------------------------------------------


def test_neither_the_program_nor_a_download_inherits_the_environment(
    site: HostileSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of both processes, as /proc shows it, has no credential, database, proxy or Python setting."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_SECRET_KEY", "CATALOG_URL", "YTDLP_PROXY"):
        monkeypatch.setenv(name, SECRET)
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "PYTHONSTARTUP", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, SECRET)
    with hanging(site, tmp_path) as processes:
        for pid in processes:
            variables = Path(f"/proc/{pid}/environ").read_text()
            assert {entry.partition("=")[0] for entry in variables.split("\0") if entry} <= SEEN
            assert SECRET not in variables
            assert SECRET not in Path(f"/proc/{pid}/cmdline").read_text()


def test_the_system_enforces_a_downloads_limits(site: HostileSite, tmp_path: Path) -> None:
    """Memory, file size and core dumps have hard limits, so that nothing in the process can raise them again."""
    with hanging(site, tmp_path) as (_, pid):
        limits = {kind: resource.prlimit(pid, kind) for kind in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE)}
        assert limits[resource.RLIMIT_DATA] == (700_000_000,) * 2
        assert limits[resource.RLIMIT_FSIZE] == (LIMITS.max_bytes + 8 * 1024**2,) * 2
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
        assert resource.prlimit(pid, resource.RLIMIT_CPU) == (300, 300)
        assert Path(f"/proc/{pid}/cwd").readlink() == tmp_path


def bomb(site: HostileSite) -> str:
    """Serve a page of some kilobytes that unpacks to 64 megabytes, and return its link."""
    packed = gzip.compress(b"<html>".ljust(64 * 1024**2, b"x"), 6)
    answer = Answer(body=lambda: (packed,), declared_bytes=len(packed), headers=(("Content-Encoding", "gzip"),))
    site.answers["/bomb"] = answer
    return site.url("/bomb")


@pytest.mark.parametrize(
    ("memory_bytes", "is_too_much", "seconds"), [(160 * 1024**2, True, PLENTY_SECONDS), (700_000_000, False, 3)]
)
def test_a_page_that_unpacks_to_more_than_the_memory_ends_its_own_download(
    site: HostileSite, clip: Path, tmp_path: Path, memory_bytes: int, is_too_much: bool, seconds: float
) -> None:
    """A page too big for the memory limit has a readable outcome that is not tried again, and the next download works.

    With enough memory the same page only takes time.
    """
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir()
    bad.mkdir()
    limits = DownloadLimits(3_000_000, 60, seconds, memory_bytes)
    with downloading(site) as downloader:
        failure = failure_of(downloader.download(bomb(site), bad, limits))
        assert ("more memory than a download may use" in failure.reason) is is_too_much
        assert (failure.outcome is Outcome.TOO_BIG) is is_too_much
        result = downloader.download(site.file("/after-bomb.mp4", clip.read_bytes()), good, LIMITS)
        assert isinstance(result, DownloadedVideo), result


def test_an_uncounted_file_stops_at_the_limit(site: HostileSite, clip: Path, tmp_path: Path) -> None:
    """Where yt-dlp's own count fails, the system stops a file at the size limit, and the video is too big."""
    with downloading(site, *TAMPERED, "no-counting") as downloader:
        failure = failure_of(
            downloader.download(site.endless("/endless.mp4", head=clip.read_bytes()), tmp_path, LIMITS)
        )
    assert failure.outcome is Outcome.TOO_BIG
    assert max(file.stat().st_size for file in tmp_path.iterdir()) <= LIMITS.max_bytes + 8 * 1024**2


def test_a_hung_ffmpeg_dies_with_the_deadline(site: HostileSite, tmp_path: Path) -> None:
    """At the deadline a hung ffmpeg is killed with its download: here it waits for a segment that never comes."""
    site.file("/key", b"k" * 16, content_type="application/octet-stream")
    playlist = (
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:3\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="{site.url("/key")}"\n'
        f"#EXTINF:3,\n{site.url('/silent.ts')}\n#EXT-X-ENDLIST\n"
    )
    url = site.file("/hanging.m3u8", playlist.encode(), content_type="application/vnd.apple.mpegurl")
    site.silent("/silent.ts")
    seen: set[int] = set()

    def has_ffmpeg(downloader: YtDlpDownloader) -> bool:
        """Whether the download has an ffmpeg. If the deadline came first, the next try has more time."""
        downloads = children_of(program_of(downloader)) if downloader._workers._program else set()
        seen.clear()
        seen.update(downloads, *map(children_of, downloads))
        return any("ffmpeg" in command_of(pid) for pid in seen)

    with downloading(site) as downloader, ThreadPoolExecutor(1) as pool:
        for seconds in growing(1.5):
            attempt = tmp_path / str(seconds)
            attempt.mkdir()
            end = pool.submit(downloader.download, url, attempt, DownloadLimits(3_000_000, 60, seconds))
            wait_until(lambda: has_ffmpeg(downloader) or end.done())  # noqa: B023 - called before the next
            is_seen = not end.done()
            assert "stopped after" in failure_of(end.result()).reason
            if is_seen:
                break
        wait_until(lambda: not any(map(is_running, seen)))
    assert len(seen) == 2, "the download and its ffmpeg"


def test_temporary_files_are_in_the_attempts_directory(site: HostileSite, tmp_path: Path) -> None:
    """The temporary directory, the home directory and the current directory are all the attempt's own directory."""
    with downloading(site, *TAMPERED, "temporary-file") as downloader:
        file, working, home = failure_of(downloader.download(site.url("/"), tmp_path, LIMITS)).reason.split(" ")
    assert (Path(file).parent, Path(working), Path(home)) == (tmp_path, tmp_path, tmp_path)


def test_media_are_parsed_in_the_downloads_process(site: HostileSite, clip: Path, tmp_path: Path) -> None:
    """A file that crashes a parser ends its own download and harms nothing in this process."""
    with downloading(site, *TAMPERED, "crash-in-media") as downloader:
        failure = failure_of(downloader.download(site.file("/crash.mp4", clip.read_bytes()), tmp_path, LIMITS))
    assert failure == Failure(Outcome.DOWNLOAD_FAILED, "the download's process was killed by SIGSEGV")


def test_a_fault_of_our_own_is_not_taken_for_the_sites(site: HostileSite, clip: Path, tmp_path: Path) -> None:
    """An error in our code that yt-dlp calls fails the process, and the share may be tried again."""
    with downloading(site, *TAMPERED, "fault-in-hook") as downloader:
        failure = failure_of(downloader.download(site.file("/fault.mp4", clip.read_bytes()), tmp_path, LIMITS))
    assert failure.outcome is Outcome.DOWNLOAD_FAILED
    assert "process failed: TypeError" in failure.reason


# --- What it does not load --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_sandboxed", [True, False])
def test_no_plugin_of_ytdlp_is_loaded(
    site: HostileSite, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_sandboxed: bool
) -> None:
    """A package of plugins on the path or in a home directory is not loaded; without our barrier this one would be."""
    marker, attempt, config = (
        tmp_path / "marker",
        tmp_path / "attempt",
        tmp_path / "config" / "yt-dlp" / "plugins" / "p",
    )
    attempt.mkdir()
    for root in (tmp_path / "path", config):
        (root / "yt_dlp_plugins" / "extractor").mkdir(parents=True)
        (root / "yt_dlp_plugins" / "extractor" / "intruder.py").write_text(PLUGIN.format(marker=str(marker)))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    if not is_sandboxed:
        monkeypatch.delitem(workers._ENVIRONMENT, "YTDLP_NO_PLUGINS")
    with downloading(site, *TAMPERED, f"on-path={tmp_path / 'path'}") as downloader:
        result = downloader.download(site.file("/plugin.mp4", clip.read_bytes()), attempt, LIMITS)
    assert marker.exists() is not is_sandboxed
    assert isinstance(result, DownloadedVideo), result


def test_no_configuration_of_ytdlp_is_read(
    site: HostileSite, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download ignores configuration files in the home and working directories that run commands and write links.

    yt-dlp's own program does read them.
    """
    marker, attempt, control = tmp_path / "marker", tmp_path / "attempt", tmp_path / "control"
    attempt.mkdir()
    control.mkdir()
    text = CONFIGURATION.format(marker=marker)
    for place in (tmp_path / "yt-dlp" / "config", tmp_path / ".config" / "yt-dlp" / "config", tmp_path / "yt-dlp.conf"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (attempt / "yt-dlp.conf").write_text(text)
    for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path)):
        monkeypatch.setenv(name, str(value))
    url = site.file("/configured.mp4", clip.read_bytes())
    command = [sys.executable, "-m", "yt_dlp", "--quiet", "-o", "%(id)s.%(ext)s", url]
    subprocess.run(command, cwd=control, check=False, capture_output=True, timeout=HANG_SECONDS)
    assert marker.exists()
    marker.unlink()

    with downloading(site) as downloader:
        result = downloader.download(url, attempt, LIMITS)
    assert isinstance(result, DownloadedVideo), result
    assert not marker.exists()
    assert {file.name for file in attempt.iterdir()} == {"yt-dlp.conf", "video.mp4", "audio.m4a"}
