"""The walls around a download's process, tried by a rogue that runs in a real one."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.common.walls.room import Kernel
from bookmarkai_assets.adapters.downloader import CHILD_PROGRAM, YtDlpDownloader
from bookmarkai_assets.adapters.downloader.health import check_walls
from bookmarkai_assets.adapters.downloader.rogue.attempts import Attempt
from bookmarkai_assets.adapters.downloader.rogue.program import ATTEMPTS
from bookmarkai_assets.adapters.downloader.rogue.trial import WallsTrial, try_walls
from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits
from bookmarkai_assets.core.downloads.walls import Wall, WallsPolicy
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.deadlines import PLENTY_SECONDS
from tests.support.hostile_site import HostileSite

KERNEL = Kernel.of_this_machine()
ALL_WALLS = frozenset(Wall)
BY_PRIVILEGE = {"read the environment of another process", "open the memory of another process"}
"""What root gives up as well, so that without a wall for files it depends on who runs the tests."""

LIMITS = DownloadLimits(max_bytes=3_000_000, max_duration_seconds=60, timeout_seconds=PLENTY_SECONDS)
TAMPERED = ("-m", "tests.support.tampered_child")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are raised on Linux alone")
needs_every_wall = pytest.mark.skipif(KERNEL.landlock_version < 6, reason="this kernel has no Landlock of version 6")


@pytest.fixture(scope="module")
def trial() -> WallsTrial:
    """Have the rogue try everything, without walls and behind all that this machine has."""
    return try_walls()


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
@needs_every_wall
def test_the_rogue_does_not_get_out(trial: WallsTrial, attempt: Attempt) -> None:
    """Each attempt fails behind the walls. Without them it succeeds, where it does not depend on the machine."""
    assert attempt.name not in trial.walled
    assert attempt.name in trial.unwalled or attempt.depends


def test_the_rogue_tries_each_wall(trial: WallsTrial) -> None:
    """At least forty attempts succeed without walls here, and some against each wall: the trial can fail."""
    assert len(trial.unwalled) >= 40
    assert {one.wall for one in ATTEMPTS if one.name in trial.unwalled} == ALL_WALLS
    assert len({one.name for one in ATTEMPTS}) == len(ATTEMPTS)


@pytest.mark.parametrize(
    ("version", "standing"),
    [
        (0, {Wall.CALLS}),
        (1, {Wall.CALLS, Wall.FILES}),
        (4, {Wall.CALLS, Wall.FILES, Wall.CONNECTIONS}),
    ],
)
@needs_every_wall
def test_an_older_kernel_has_fewer_walls(version: int, standing: set[Wall]) -> None:
    """With what an older Landlock offers, no attempt against a wall that stands succeeds, and the others do."""
    trial = try_walls(replace(KERNEL, landlock_version=version))
    assert trial.standing == standing
    assert trial.leaks == ()
    open_still = {one.name for one in ATTEMPTS if one.wall not in standing and one.name in trial.unwalled}
    assert open_still - trial.walled <= BY_PRIVILEGE


@contextmanager
def downloading(site: HostileSite, *program: str, walls: WallsPolicy) -> Iterator[YtDlpDownloader]:
    """Run a downloader that may open any page of the site."""
    running = YtDlpDownloader(
        allowed_extractors=("generic",),
        allowed_hosts=frozenset({site.host_port}),
        walls=walls,
        program=program or CHILD_PROGRAM,
    )
    with closing(running):
        yield running


def test_required_walls_refuse_downloads_that_lack_one(site: HostileSite, clip: Path, tmp_path: Path) -> None:
    """On a kernel without Landlock nothing is fetched, and the reason names each missing wall and what to do."""
    asked = len(site.asked)
    with downloading(site, *TAMPERED, "landlock=0", walls=WallsPolicy.REQUIRED) as downloader:
        result = downloader.download(site.file("/walled.mp4", clip.read_bytes()), tmp_path, LIMITS)
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.MISCONFIGURED
    assert "DOWNLOAD_WALLS=required" in result.reason
    for words in ("files (needs", "connections (needs", "signals (needs", "lsm=", "set it to best"):
        assert words in result.reason
    assert len(site.asked) == asked


def test_the_best_walls_are_enough_by_default(site: HostileSite, clip: Path, tmp_path: Path) -> None:
    """On the same kernel a download works with the walls that it has."""
    with downloading(site, *TAMPERED, "landlock=0", walls=WallsPolicy.BEST) as downloader:
        result = downloader.download(site.file("/walled.mp4", clip.read_bytes()), tmp_path, LIMITS)
    assert isinstance(result, DownloadedVideo), result


@needs_every_wall
def test_required_walls_let_downloads_pass_where_all_stand(site: HostileSite, clip: Path, tmp_path: Path) -> None:
    """Where every wall stands, a download that requires them works."""
    with downloading(site, walls=WallsPolicy.REQUIRED) as downloader:
        result = downloader.download(site.file("/walled.mp4", clip.read_bytes()), tmp_path, LIMITS)
    assert isinstance(result, DownloadedVideo), result


@needs_every_wall
@pytest.mark.parametrize(
    ("program", "script", "said"),
    [
        (sys.executable, "import os; print(os.getsid(0) > 1)", "True"),
        (sys.executable, "import os; os.setsid()", "PermissionError"),
        ("node", "console.log(6 * 7)", "42"),
        ("node", "require('fs').readFileSync('/etc/passwd')", "EACCES"),
    ],
)
def test_what_a_download_starts_is_behind_the_walls_too(
    site: HostileSite, tmp_path: Path, program: str, script: str, said: str
) -> None:
    """Python, and Node for the scripts of sites, run behind the walls and get no further than the download."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine")
    with downloading(site, *TAMPERED, f"run={program} {script}", walls=WallsPolicy.BEST) as downloader:
        result = downloader.download(site.url("/"), tmp_path, LIMITS)
    assert isinstance(result, Failure)
    assert said in result.reason


@pytest.mark.parametrize(
    ("version", "policy", "status", "words"),
    [
        (6, WallsPolicy.REQUIRED, CheckStatus.PASS, "all walls stand"),
        (3, WallsPolicy.BEST, CheckStatus.WARN, "connections (needs Linux 6.7 with Landlock)"),
        (0, WallsPolicy.REQUIRED, CheckStatus.FAIL, "files (needs Linux 5.13 with Landlock)"),
    ],
)
def test_the_doctor_names_what_is_missing(version: int, policy: WallsPolicy, status: CheckStatus, words: str) -> None:
    """A missing wall is a warning with what it needs, and a failure where it is required."""
    standing = {0: {Wall.CALLS}, 3: {Wall.CALLS, Wall.FILES}, 6: set(Wall)}[version]
    done = WallsTrial(standing=frozenset(standing), unwalled=frozenset({"bind a port"}), walled=frozenset())
    result = check_walls(policy, trial=lambda: done)
    assert (result.status, words in result.found) == (status, True)
    assert (result.remedy is None) is (status is CheckStatus.PASS)


@pytest.mark.parametrize(
    ("unwalled", "walled", "words"),
    [({"bind a port"}, {"bind a port"}, "bind a port"), (set(), set(), "proves nothing")],
)
def test_a_trial_that_shows_a_hole_or_nothing_fails(unwalled: set[str], walled: set[str], words: str) -> None:
    """A wall that stands and holds nothing back fails, whatever the policy, and so does a trial without a control."""
    done = WallsTrial(standing=ALL_WALLS, unwalled=frozenset(unwalled), walled=frozenset(walled))
    result = check_walls(WallsPolicy.BEST, trial=lambda: done)
    assert result.status is CheckStatus.FAIL
    assert words in result.found
