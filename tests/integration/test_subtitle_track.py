"""Our WebVTT in a real player: Chromium's, beside a real video."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from bookmarkai_assets.core.transcripts.subtitles import cues_of
from bookmarkai_assets.core.transcripts.subtitles_formats import to_webvtt
from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from tests.support.browser import CHROMIUM, open_page
from tests.support.transcripts import A_MOMENT, HOSTILE, SCRIPTS, segment, spoken, transcript

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs {CHROMIUM}, from Debian's package chromium: apt-get install chromium"
)

_PAGE = "<!doctype html><video src=video.mp4 muted><track default kind=subtitles srclang=en src=subtitles.vtt></video>"
_READ_CUES = """
() => new Promise((resolve, reject) => {
    const track = document.querySelector("track");
    const read = () => resolve([...track.track.cues].map(
        cue => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent, cue.getCueAsHTML().childElementCount]
    ));
    track.onerror = () => reject(new Error("the browser refused the file"));
    track.readyState === 2 ? read() : track.onload = read;
})
"""


class _Quiet(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, because the test's output is for what went wrong."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Return the URL of a loopback server of the test's directory."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_browser_shows_every_cue_as_text(site: str, tmp_path: Path) -> None:
    """Times and lines are those of the cues, and the browser makes no element of markup in the speech."""
    words = (*SCRIPTS, A_MOMENT, "-->", *(clean_speech(word) for word in HOSTILE))
    cues = cues_of(transcript(spoken(SHORT_SAMPLES[0].text.split()), segment(10.0, 60.0, " ".join(words))))
    (tmp_path / "video.mp4").symlink_to(SHORT_SAMPLES[0].path)
    (tmp_path / "subtitles.vtt").write_text(to_webvtt(cues, languages=("en",)), encoding="utf-8")
    (tmp_path / "index.html").write_text(_PAGE, encoding="utf-8")

    with open_page() as page:
        page.goto(site)
        shown = page.evaluate(_READ_CUES)

    assert shown == [[cue.start / 1000, cue.end / 1000, "\n".join(cue.lines), 0] for cue in cues]
