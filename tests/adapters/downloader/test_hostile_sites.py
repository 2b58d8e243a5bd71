"""The corpus of hostile sites: how the share ends, and that nothing is touched outside its directory."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bookmarkai_assets.core.downloads.ports import DownloadedVideo, DownloadLimits
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.corpus import Case, cases_of, serve_case, text_of
from tests.support.deadlines import HANG_SECONDS, growing
from tests.support.hostile_files import hostile_file
from tests.support.hostile_site import HostileSite
from tests.support.processes import HAS_PROC
from tests.support.watched_downloader import WatchedDownloader, watched_downloader

pytestmark = pytest.mark.skipif(not HAS_PROC, reason="these tests look at processes through /proc")

CORPUS = "sites.toml"
LIMITS = DownloadLimits(max_bytes=3_000_000, max_duration_seconds=60, timeout_seconds=HANG_SECONDS)
SECRET = "s3cret"


@pytest.fixture(scope="module")
def watched(site: HostileSite) -> Iterator[WatchedDownloader]:
    """Return a downloader that may open the site and no other private address."""
    with watched_downloader(site) as running:
        yield running


def run(watched: WatchedDownloader, case: Case, root: str, directory: Path) -> DownloadedVideo | Failure:
    """Download what a case serves, and check that nothing else was affected."""
    limits = replace(LIMITS, **case.get("limits", {}))
    result: DownloadedVideo | Failure = Failure(Outcome.TIMED_OUT, "not begun")
    for seconds in growing(limits.timeout_seconds):
        result = attempted(watched, case, root, directory / str(seconds), replace(limits, timeout_seconds=seconds))
        if case.get("outcome") == Outcome.TIMED_OUT or not is_timed_out(result):
            break
    return result


def is_timed_out(result: DownloadedVideo | Failure) -> bool:
    """Whether a download was ended by its time limit alone."""
    return isinstance(result, Failure) and result.outcome is Outcome.TIMED_OUT


def attempted(
    watched: WatchedDownloader, case: Case, root: str, directory: Path, limits: DownloadLimits
) -> DownloadedVideo | Failure:
    """Download once, within limits."""
    attempt = directory / "attempt"
    attempt.mkdir(parents=True)
    link = serve_case(case, watched.site, root=root, private=watched.private)
    asked = len(watched.site.asked)
    result = watched.downloader.download(link, attempt, limits)
    assert isinstance(result, DownloadedVideo | Failure)
    assert list(directory.iterdir()) == [attempt]
    watched.assert_contained()
    assert len(watched.site.asked) - asked <= case.get("asked_at_most", 100)
    if isinstance(result, Failure):
        assert 10 < len(result.reason) < 400
        assert result.reason.isprintable()
        assert SECRET not in result.reason
    else:
        assert set(attempt.iterdir()) == {file.path for file in (result.video, result.audio) if file}
    return result


def check_result(case: Case, result: DownloadedVideo | Failure) -> None:
    """Check that a result is the expected one."""
    if "outcome" in case:
        assert isinstance(result, Failure), result
        assert (result.outcome.value, case.get("said", "") in result.reason) == (case["outcome"], True), result
    else:
        assert isinstance(result, DownloadedVideo), result
        assert result.video.path.name == f"video.{case['extension']}"


def root_of(case: Case) -> str:
    """Return a path on the site that is the case's own."""
    return "/" + "".join(letter if letter.isalnum() else "-" for letter in case["name"])


@pytest.mark.parametrize("case", cases_of(CORPUS, "redirect"), ids=lambda case: case["name"])
def test_a_redirect_leads_nowhere_else(watched: WatchedDownloader, case: Case, tmp_path: Path) -> None:
    """Wherever a site redirects, the download goes to public addresses only, or stops there with the reason."""
    check_result(case, run(watched, case, "/redirect" + root_of(case), tmp_path))


@pytest.mark.parametrize("case", cases_of(CORPUS, "page"), ids=lambda case: case["name"])
def test_a_page_leads_nowhere_else(watched: WatchedDownloader, case: Case, tmp_path: Path) -> None:
    """A link in a page is vetted like one that a user shares, and no page costs more than its limits."""
    check_result(case, run(watched, case, "/page" + root_of(case), tmp_path))


@pytest.mark.parametrize("case", cases_of(CORPUS, "playlist"), ids=lambda case: case["name"])
def test_a_playlist_leads_nowhere_else(watched: WatchedDownloader, case: Case, tmp_path: Path) -> None:
    """Segments, keys and nested playlists are vetted like any other request, and they end."""
    check_result(case, run(watched, case, "/playlist" + root_of(case), tmp_path))


@pytest.mark.parametrize("case", cases_of(CORPUS, "answer"), ids=lambda case: case["name"])
def test_an_odd_answer_ends_in_its_outcome(watched: WatchedDownloader, case: Case, tmp_path: Path) -> None:
    """An answer that is no HTTP, never ends, or lies about its length costs a limit and no more."""
    check_result(case, run(watched, case, "/answer" + root_of(case), tmp_path))


@pytest.mark.parametrize("case", cases_of(CORPUS, "container"), ids=lambda case: case["name"])
def test_a_file_is_assessed_by_its_bytes(watched: WatchedDownloader, case: Case, tmp_path: Path) -> None:
    """A file is assessed by what can be read from it, opens no other file, and costs no more than it holds."""
    check_result(case, run(watched, case, "/container" + root_of(case), tmp_path))


@pytest.mark.parametrize("case", cases_of(CORPUS, "words"), ids=lambda case: case["name"])
def test_a_title_is_kept_as_plain_text(watched: WatchedDownloader, case: Case, tmp_path: Path) -> None:
    """A title is plain text: cleaned, short, and never a file name, a template or a command."""
    said = {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": text_of(case, "title"),
        "description": case.get("description", "d") * case.get("description_times", 1),
        "contentUrl": watched.site.url("/words/clip.mp4"),
    }
    watched.site.file("/words/clip.mp4", hostile_file("clip", private=""))
    page = f'<html><script type="application/ld+json">{json.dumps(said)}</script></html>'
    served = {**case, "answers": [{"body": page}]}
    result = run(watched, served, "/words" + root_of(case), tmp_path)
    assert isinstance(result, DownloadedVideo), result
    if "kept" in case:
        assert result.info.title == case["kept"]
    if "kept_characters" in case:
        assert len(result.info.title) == case["kept_characters"]
    if "kept_description_characters" in case:
        assert len(result.info.description or "") == case["kept_description_characters"]
    assert result.video.path.name == "video.mp4"


@pytest.mark.parametrize("case", cases_of(CORPUS, "file_name"), ids=lambda case: case["name"])
def test_a_site_names_no_file(watched: WatchedDownloader, case: Case, tmp_path: Path) -> None:
    """Whatever a site or a link calls a video, its file has the pipeline's name and the extension of its bytes."""
    root = "/name" + root_of(case)
    path = case.get("link", "{here}/v.mp4").removeprefix("{here}")
    headers = [["Content-Disposition", text_of(case, "disposition")]] if "disposition" in case else []
    kind = case.get("kind", "application/octet-stream")
    answer = {"path": path, "file": "clip", "headers": headers, "type": kind}
    result = run(watched, {**case, "answers": [answer]}, root, tmp_path)
    check_result({"extension": "mp4", **case}, result)
    assert isinstance(result, Failure) or result.video.content_type == "video/mp4"
