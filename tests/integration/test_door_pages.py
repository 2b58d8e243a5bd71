"""The door's pages in a real browser: found, searched, played, and read by those who use no mouse or a small screen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request, ViewportSize, expect

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity
from tests.support.browser import CHROMIUM, open_page
from tests.support.clips import make_clip
from tests.support.door_pages import SENTENCES, House, make_house, spoken_transcript
from tests.support.served import serving
from tests.support.share_partitions import make_partitions

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs {CHROMIUM}, from Debian's package chromium: apt-get install chromium"
)

PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 900}
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3
HOSTILE = "<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"
DOUBT = Doubt(DoubtKind.LOW_CONFIDENCE, Severity.WARN, 0.1, 0.2, "the engine was less sure than usual")

READ_CUES = """async () => {
  const track = document.querySelector("track");
  if (track.readyState !== 2) await new Promise((resolve) => track.addEventListener("load", resolve));
  return Array.from(track.track.cues, (cue) => cue.text).join(" ");
}"""
"""Reads the subtitles as soon as the player has them."""


@dataclass(frozen=True)
class Served:
    """A served house with a share of each kind, and what the browser complained of."""

    url: str
    house: House
    cake: str
    failed: str
    hostile: str

    @property
    def paths(self) -> tuple[str, ...]:
        """A path of each kind of page."""
        shares = (self.cake, self.failed, self.hostile)
        return (
            "/",
            "/?q=cake",
            *(f"/shares/{share}" for share in shares),
            "/share",
            "/rollout",
            "/failures",
            "/shares/unknown",
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve pages whose first share is a video of eight seconds."""
    directory = tmp_path_factory.mktemp("door")
    clip = make_clip(directory / "clip.mp4", seconds=8, picture_codec="libx264").read_bytes()
    with open_catalog(f"sqlite:///{directory / 'catalog.db'}") as catalog:
        house = make_house(catalog, directory)
        transcript = replace(spoken_transcript(*SENTENCES), doubts=(DOUBT,))
        cake = house.add_video(data=clip, transcript=transcript, seconds=30)
        failed = house.add_failure(Failure(Outcome.BLOCKED, "the site turned us away"), url=f"https://v.example/{LONG}")
        hostile = house.add_video(
            title=HOSTILE, author=LONG, transcript=spoken_transcript(HOSTILE, LONG), description=HOSTILE
        )
        assert house.settings.dagster_home is not None
        make_partitions(house.settings.dagster_home, failed)
        with serving(house.app()) as url:
            yield Served(url, house, cake, failed, hostile)


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    """Return a browser's page."""
    with open_page(**DESK) as page:
        yield page


@pytest.fixture
def page(browser_page: Page) -> Iterator[Page]:
    """Return the page, and fail if the browser was refused anything, or asked anybody else for anything."""
    complaints: list[str] = []

    def heed(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "status of 404" not in message.text:
            complaints.append(message.text)

    def watch(request: Request) -> None:
        if not request.url.startswith("http://127.0.0.1:"):
            complaints.append(f"asked for {request.url}")

    browser_page.on("console", heed)
    browser_page.on("request", watch)
    browser_page.set_viewport_size(DESK)
    yield browser_page
    browser_page.remove_listener("console", heed)
    browser_page.remove_listener("request", watch)
    assert complaints == []


def now_playing(page: Page) -> float:
    """Return where the player is, in seconds."""
    return float(page.evaluate("document.getElementById('player').currentTime"))


def test_a_search_leads_to_a_share_whose_lines_move_the_player(page: Page, served: Served) -> None:
    """A word that was said leads to its moment; a line jumps the player, and is marked while it is spoken."""
    page.goto(served.url)
    page.get_by_role("searchbox").fill("butter")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="0:02").click()
    expect(page).to_have_url(f"{served.url}/shares/{served.cake}#t=2")
    lines = page.get_by_role("list", name="Lines of the transcript").get_by_role("link")
    expect(lines).to_have_count(len(SENTENCES))
    expect(lines.nth(1)).to_have_attribute("aria-current", "true")
    assert now_playing(page) == 2

    lines.nth(0).click()
    expect(lines.nth(0)).to_have_attribute("aria-current", "true")
    # It plays on by itself, one line after the other, and behind the last line nothing is marked.
    expect(lines.nth(1)).to_have_attribute("aria-current", "true")
    expect(lines.nth(2)).to_have_attribute("aria-current", "true")
    expect(page.locator(".lines [aria-current]")).to_have_count(0)
    assert 6 <= now_playing(page) <= 8
    assert page.evaluate("document.getElementById('player').error") is None


def test_the_keyboard_alone_is_enough(page: Page, served: Served) -> None:
    """Tab reaches the content first, and Enter on a line jumps the player."""
    page.goto(f"{served.url}/shares/{served.cake}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    line = page.get_by_role("list", name="Lines of the transcript").get_by_role("link").nth(1)
    line.focus()
    page.keyboard.press("Enter")
    expect(line).to_have_attribute("aria-current", "true")
    assert now_playing(page) >= 2


def test_a_video_in_s3_plays(page: Page, tmp_path: Path, s3_store: S3Store) -> None:
    """The player follows the redirect to a real S3 server, which the page's policy allows, and reads ranges there."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8, picture_codec="libx264").read_bytes()
    with open_catalog(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog:
        house = make_house(catalog, tmp_path)
        house.s3 = s3_store
        share = house.add_video(data=clip, transcript=spoken_transcript(*SENTENCES), backend=Backend.S3)
        with serving(house.app()) as url:
            page.goto(f"{url}/shares/{share}")
            lines = page.get_by_role("list", name="Lines of the transcript").get_by_role("link")
            lines.nth(1).click()
            expect(lines.nth(1)).to_have_attribute("aria-current", "true")
            expect(lines.nth(2)).to_have_attribute("aria-current", "true")
            assert page.evaluate("document.getElementById('player').error") is None
            assert "Signature" not in page.content()


def test_the_subtitles_are_shown(page: Page, served: Served) -> None:
    """The player has the track, and its cues have the words."""
    page.goto(f"{served.url}/shares/{served.cake}")
    assert "melt the butter" in page.evaluate(READ_CUES)


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_no_page_scrolls_sideways(page: Page, served: Served, viewport: ViewportSize) -> None:
    """Also with words that are longer than the screen is wide."""
    page.set_viewport_size(viewport)
    for path in served.paths:
        page.goto(served.url + path)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], path


def test_hostile_text_runs_nothing(page: Page, served: Served) -> None:
    """The text is there to be read, and neither its script nor its picture did anything."""
    page.goto(f"{served.url}/shares/{served.hostile}")
    expect(page.locator("h1")).to_have_text(HOSTILE)
    page.goto(f"{served.url}/?q=script")
    assert "pwned" not in page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, served: Served, scheme: str) -> None:
    """No page has a violation that axe-core calls serious or critical, contrast included."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found = []
    for path in served.paths:
        page.goto(served.url + path)
        answer = Axe().run(page).response
        assert answer["passes"], "it looked at nothing"
        found += [
            (path, violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
            for violation in answer["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
    assert found == []


def test_a_reader_signs_in_and_out(page: Page, tmp_path: Path) -> None:
    """The token opens the page that was asked for, and after signing out it is closed again."""
    with open_catalog(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog:
        house = make_house(catalog, tmp_path)
        token = house.add_token()
        share = house.add_video(user_id=house.settings.door_user_id)
        with serving(house.app()) as url:
            page.goto(f"{url}/shares/{share}")
            expect(page).to_have_url(re.compile("/login"))
            page.get_by_label("Token").fill(token)
            page.get_by_role("button", name="Sign in").click()
            expect(page).to_have_url(f"{url}/shares/{share}")
            assert page.evaluate("document.cookie") == ""
            page.get_by_role("button", name="Sign out").click()
            expect(page).to_have_url(f"{url}/login")
            page.goto(url)
            expect(page).to_have_url(re.compile("/login"))


def test_an_operator_tries_again_by_a_button(page: Page, served: Served) -> None:
    """The share's page says afterwards that it is pending."""
    page.goto(f"{served.url}/shares/{served.failed}")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".pills").first).to_contain_text("pending")
