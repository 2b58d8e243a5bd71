"""Whatever strangers write is text on every page: never markup, never a script, never hidden or reordered."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markupsafe import escape
from typing_extensions import override

from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.text import clean_line
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity
from tests.support.catalog import execute
from tests.support.door_pages import House, spoken_transcript

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></textarea><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--<script>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
)
INVISIBLE = "\u202egnp.exe\u2066 \x00\x1b[31m\u200f\u0085"
HIDDEN = set("\u202e\u2066\u200f\x00\x1b\u0085")


class Tags(HTMLParser):
    """Collects the tags of a page, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check_page(text: str, *, has_charts: bool = False) -> None:
    """Fail unless a page has no tag or attribute that a stranger's text could have brought."""
    tags = Tags()
    tags.feed(text)
    for tag, attributes in tags.found:
        assert tag not in {"iframe", "object", "embed", "base", "style"}, tag
        assert tag != "svg" or has_charts
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "srcdoc"}], attributes
        if tag == "script":
            assert attributes == {"src": "/static/player.js", "defer": None}
        if tag == "img":
            assert attributes["src"] == "/static/icon.svg"
        href = attributes.get("href") or attributes.get("src") or ""
        assert not href.lower().lstrip().startswith(("javascript:", "data:", "vbscript:")), href
    assert not HIDDEN & set(text)


@pytest.mark.parametrize("payload", [*PAYLOADS, INVISIBLE])
def test_a_strangers_text_is_text_everywhere(house: House, payload: str) -> None:
    """In title, author, description, platform, transcript, doubt and reason, on each page and as a search."""
    transcript = spoken_transcript(f"{payload} cake")
    doubt = Doubt(DoubtKind.LOW_CONFIDENCE, Severity.WARN, 0.1, 0.2, payload)
    share = house.add_video(
        title=payload,
        author=payload,
        description=payload,
        extractor=payload,
        transcript=replace(transcript, doubts=(doubt,), language=payload[:20], model=payload),
    )
    failed = house.add_failure(Failure(Outcome.SITE_CHANGED, payload))
    execute(house.catalog, "UPDATE shares SET title = :text, author = :text, platform = :text", text=payload[:20])
    client = house.client()
    pages = [client.get(path) for path in ("/", f"/shares/{share}", f"/shares/{failed}", "/failures", "/rollout")]
    pages += [client.get("/", params={"q": query}) for query in (payload, "cake")]
    for page in pages:
        assert page.status_code == 200
        check_page(page.text, has_charts=page.url.path == "/rollout")
    written = str(escape(clean_line(payload, max_characters=200)))
    assert f'<h1 class="title">{escape(clean_line(payload[:20], max_characters=200))}</h1>' in pages[1].text
    if payload != INVISIBLE:  # parts of which the catalog has dropped already
        assert f"{written} cake</span>" in pages[1].text
        assert f"<p>{written}</p>" in pages[2].text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//https://x",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "https://",
        "//evil.example/",
        'https://videos.example/"onclick="alert(1)',
        "https://videos.example/ x",
        "http://[::1",
    ],
)
def test_only_a_link_of_the_web_becomes_a_link(house: House, url: str) -> None:
    """Any other text in the place of a link is shown as text."""
    share = house.add_share(url=url)
    text = house.client().get(f"/shares/{share}").text
    check_page(text)
    assert "nofollow" not in text


def test_a_link_of_the_web_becomes_a_link_that_gives_nothing_away(house: House) -> None:
    """It is followed without a referrer, and the page that it opens cannot reach back."""
    share = house.add_share(url="https://videos.example/watch?a=1&b=2")
    text = house.client().get(f"/shares/{share}").text
    assert '<a href="https://videos.example/watch?a=1&amp;b=2" rel="noreferrer noopener nofollow">' in text


def test_no_page_may_run_or_load_anything_of_others(house: House) -> None:
    """The policy of every page allows scripts, styles and pictures of this door alone, and nothing inline."""
    share = house.add_video(transcript=spoken_transcript("cake"))
    client = house.client()
    for path in ("/", f"/shares/{share}", "/failures", "/rollout", "/shares/unknown"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "private, no-store"
