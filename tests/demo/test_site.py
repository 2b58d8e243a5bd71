"""The sample site, fetched from over real sockets."""

import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bookmarkai_assets
from bookmarkai_assets.core.links.urls import AdmittedLink, HostPort, RefusedLink, admit
from bookmarkai_assets.demo.samples import BROKEN_SAMPLE, GOOD_SAMPLES, SHORT_SAMPLES, Sample
from bookmarkai_assets.demo.site import SampleSite
from tests.support.deadlines import HANG_SECONDS

SAMPLE = SHORT_SAMPLES[0]
SIZE = SAMPLE.path.stat().st_size


@pytest.fixture(scope="module")
def site() -> Iterator[SampleSite]:
    """Serve the samples. Tests that count fetches take the difference."""
    with SampleSite() as running:
        yield running


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes


def fetch(url: str, *, method: str = "GET", wanted: str | None = None) -> Answer:
    """Request once. An error's status is an answer too."""
    request = Request(url, method=method, headers={"Range": wanted} if wanted else {})
    try:
        with urlopen(request, timeout=HANG_SECONDS) as response:
            return Answer(response.status, response.headers, response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def address_of(site: SampleSite, sample: Sample) -> str:
    """Return the link straight to a sample's file."""
    return f"{site.url}/videos/{sample.file}"


class TestVideos:
    """Files and ranges of them."""

    @pytest.mark.parametrize("sample", [*GOOD_SAMPLES, BROKEN_SAMPLE], ids=lambda sample: sample.file)
    def test_each_sample_comes_whole(self, site: SampleSite, sample: Sample) -> None:
        """Every sample, even the broken one, comes as video/mp4 with its true length, and a query changes nothing."""
        answer = fetch(address_of(site, sample) + "?utm_source=app")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.headers["Content-Length"] == str(len(answer.body))
        assert answer.body == sample.path.read_bytes()

    def test_head_has_no_body(self, site: SampleSite) -> None:
        """HEAD has the headers of GET and no body."""
        answer = fetch(address_of(site, SAMPLE), method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Content-Length"] == str(SIZE)
        assert answer.headers["Accept-Ranges"] == "bytes"

    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_any_range_is_the_bytes_it_names(self, site: SampleSite, data: st.DataObject) -> None:
        """A range that starts within the file is answered with exactly its bytes, cut at the file's end."""
        first = data.draw(st.integers(0, SIZE - 1))
        last = data.draw(st.none() | st.integers(first, SIZE + 1000))
        answer = fetch(address_of(site, SAMPLE), wanted=f"bytes={first}-{'' if last is None else last}")
        expected = SAMPLE.path.read_bytes()[first : None if last is None else last + 1]
        assert (answer.status, answer.body) == (206, expected)
        assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(expected) - 1}/{SIZE}"

    @pytest.mark.parametrize("count", [1, 500, 10_000_000])
    def test_a_suffix_is_the_end_of_the_file(self, site: SampleSite, count: int) -> None:
        """`bytes=-n` is the last n bytes, or the whole file when it has fewer."""
        answer = fetch(address_of(site, SAMPLE), wanted=f"bytes=-{count}")
        assert (answer.status, answer.body) == (206, SAMPLE.path.read_bytes()[-count:])

    @pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
    def test_a_range_past_the_end_is_refused(self, site: SampleSite, wanted: str) -> None:
        """A range without any of the file's bytes is refused with the file's size."""
        answer = fetch(address_of(site, SAMPLE), wanted=wanted)
        assert (answer.status, answer.body) == (416, b"")
        assert answer.headers["Content-Range"] == f"bytes */{SIZE}"

    @pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=-", "bytes=0-1,5-9", "seconds=1-2", "bytes=a-b"])
    def test_anything_but_a_single_range_is_ignored(self, site: SampleSite, wanted: str) -> None:
        """A header that is no range, or several, returns the whole file."""
        answer = fetch(address_of(site, SAMPLE), wanted=wanted)
        assert (answer.status, len(answer.body)) == (200, SIZE)

    @pytest.mark.parametrize("path", ["/", "/videos/", "/videos/../samples.py", "/videos/none.mp4", "/watch/cut-short"])
    def test_nothing_else_is_served(self, site: SampleSite, path: str) -> None:
        """Any other path is 404, including one that tries to leave the media's directory."""
        assert fetch(site.url + path).status == 404


class TestCounting:
    """How often a video was fetched."""

    def test_whole_fetches_count_and_parts_do_not(self, site: SampleSite) -> None:
        """Two GETs for the whole file count as two; a HEAD, a range and a range past the end count nothing."""
        before = site.fetches(SAMPLE)
        fetch(address_of(site, SAMPLE), method="HEAD")
        fetch(address_of(site, SAMPLE), wanted="bytes=0-99")
        fetch(address_of(site, SAMPLE), wanted=f"bytes={SIZE}-")
        assert site.fetches(SAMPLE) == before
        fetch(address_of(site, SAMPLE))
        fetch(address_of(site, SAMPLE), wanted="bytes=0-")
        assert site.fetches(SAMPLE) == before + 2

    def test_each_sample_has_a_count_of_its_own(self, site: SampleSite) -> None:
        """Fetching one sample, or the page about it, leaves the others' counts alone."""
        other = SHORT_SAMPLES[1]
        before = site.fetches(other)
        fetch(address_of(site, SAMPLE))
        fetch(f"{site.url}/watch/{other.path.stem}")
        assert site.fetches(other) == before

    def test_no_fetch_is_lost_among_threads(self, site: SampleSite) -> None:
        """Forty fetches by eight threads at once count as forty."""
        before = site.fetches(BROKEN_SAMPLE)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(fetch, [address_of(site, BROKEN_SAMPLE)] * 40))
        assert site.fetches(BROKEN_SAMPLE) == before + 40


class TestPages:
    """Videos behind HTML."""

    def test_a_page_names_its_video(self, site: SampleSite) -> None:
        """A page is HTML in UTF-8 with its title and one video element that points to the file."""
        sample = SHORT_SAMPLES[3]
        answer = fetch(f"{site.url}/watch/{sample.path.stem}")
        text = answer.body.decode()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f"<title>{sample.title}</title>" in text
        assert text.count("<video ") == 1
        assert f'src="/videos/{sample.file}"' in text


class TestLinks:
    """The links that the demo shares."""

    def test_every_good_sample_is_shared_and_one_twice(self, site: SampleSite) -> None:
        """Each good sample has a link, one has two, and one link leads to the broken file."""
        counts = Counter(link.sample for link in site.links())
        assert counts.keys() == {*GOOD_SAMPLES, BROKEN_SAMPLE}
        assert sorted(counts.values()) == [1] * len(GOOD_SAMPLES) + [2]
        assert [link.sample for link in site.links() if link.is_broken] == [BROKEN_SAMPLE]

    def test_the_doubled_link_is_one_video(self, site: SampleSite) -> None:
        """The ten links differ and have nine canonical URLs, because those two differ only in tracking parameters."""
        links = site.links()
        admitted = [admit(link.url, allowed_hosts=frozenset({HostPort.parse(site.host_and_port)})) for link in links]
        assert all(isinstance(answer, AdmittedLink) for answer in admitted)
        assert len({link.url for link in links}) == len(links) == 10
        assert len({answer.canonical_url for answer in admitted if isinstance(answer, AdmittedLink)}) == 9

    def test_the_pipeline_refuses_the_site_unless_opened(self, site: SampleSite) -> None:
        """The site is on loopback, so its links are refused unless its host and port have been opened."""
        assert all(isinstance(admit(link.url), RefusedLink) for link in site.links())

    def test_links_lead_to_pages_and_files(self, site: SampleSite) -> None:
        """Every link answers: most with the video itself, three with a page."""
        types = Counter(fetch(link.url, method="HEAD").headers.get_content_type() for link in site.links())
        assert types == {"video/mp4": 7, "text/html": 3}

    def test_a_page_costs_one_fetch_of_its_video(self, site: SampleSite, tmp_path: Path) -> None:
        """yt-dlp downloads the sample behind a page with one GET of the file, so its fetches count downloads."""
        import yt_dlp

        twice = next(link for link in site.links() if "utm_source=app" in link.url)
        before = site.fetches(twice.sample)
        options = {"quiet": True, "no_warnings": True, "noprogress": True, "cachedir": False, "proxy": ""}
        with yt_dlp.YoutubeDL({**options, "outtmpl": str(tmp_path / "video.%(ext)s")}) as downloader:
            downloader.extract_info(twice.url)
        assert (tmp_path / "video.mp4").read_bytes() == twice.sample.path.read_bytes()
        assert site.fetches(twice.sample) == before + 1


class TestLife:
    """Starting and stopping."""

    def test_the_port_is_free_again_afterwards(self) -> None:
        """A site can be given its port, and another can have it afterwards."""
        with SampleSite() as first:
            port = int(first.url.rpartition(":")[2])
        with SampleSite(port=port) as second:
            assert second.host_and_port == f"127.0.0.1:{port}"
            assert fetch(second.links()[0].url).status == 200

    def test_clients_that_disconnect_are_not_reported(
        self, site: SampleSite, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A connection reset during an answer is not written to the terminal, and the site goes on serving."""
        host, port = site.host_and_port.split(":")
        for _ in range(5):
            with socket.create_connection((host, int(port))) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
                client.sendall(f"GET /videos/{GOOD_SAMPLES[-1].file} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 20)
        assert fetch(address_of(site, SAMPLE)).status == 200
        assert capfd.readouterr() == ("", "")

    def test_it_runs_by_itself_until_interrupted(self) -> None:
        """`python -m bookmarkai_assets.demo.site` prints every link, serves them, and exits cleanly on Ctrl-C."""
        # A process started with SIGINT ignored, as a shell's background jobs are, would pass that on.
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "bookmarkai_assets.demo.site"],
                cwd=Path(bookmarkai_assets.__file__).parents[1],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, previous)
        with process:
            try:
                assert process.stdout is not None
                urls = [process.stdout.readline().split()[0] for _ in range(10)]
                assert fetch(urls[0]).status == 200
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=HANG_SECONDS)
            finally:
                process.kill()
        assert (process.returncode, errors) == (0, "")
