"""The corpus of format lists: what yt-dlp itself chooses from them by our rules, and what it chooses next."""

from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.downloader.formats import MAX_TRIES, FormatRules
from bookmarkai_assets.adapters.downloader.job import Appearance
from bookmarkai_assets.adapters.downloader.ytdlp import Log, options
from bookmarkai_assets.core.sites.silent_formats import FormatFamily
from tests.support.corpus import Case, cases_of

CASES = cases_of("formats.toml", "choice")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_formats_are_fetched_in_this_order(case: Case, tmp_path: Path) -> None:
    """The first is the original with sound and no more bytes than needed; the others may have the sound it promised."""
    assert chosen_in_turn(case, tmp_path) == case["fetched"]


def chosen_in_turn(case: Case, directory: Path) -> list[str]:
    """Have yt-dlp choose a format, and further ones while none has sound. Nothing is fetched."""
    from yt_dlp import YoutubeDL

    rules = FormatRules(frozenset(map(FormatFamily.parse, case.get("silent", ()))))
    picked: list[str] = []
    with YoutubeDL(offline_options(directory)) as ydl:
        ydl.add_post_processor(rules, when="pre_process")
        listed: dict[str, Any] | None = info_of(case)
        while listed is not None and len(picked) < MAX_TRIES:
            info = ydl.process_ie_result(listed, download=False)
            info = ydl.process_ie_result(info, download=False)  # as the download does it
            picked.append("+".join(one["format_id"] for one in info.get("requested_formats") or [info]))
            listed = rules.without(info, is_silent=True)
    return picked


def offline_options(directory: Path) -> dict[str, Any]:
    """Return the options of a download, with a proxy at which nobody listens."""
    return options(
        directory=directory,
        proxy_url="http://127.0.0.1:9",
        max_bytes=10**9,
        allowed_extractors=("generic",),
        appearance=Appearance(),
        log=Log(),
        on_progress=lambda _: None,
    )


def info_of(case: Case) -> dict[str, Any]:
    """Return the info dict that the case's extractor builds."""
    formats = [{"url": f"https://media.example/{one['format_id']}"} | one for one in case["formats"]]
    return {
        "id": "1",
        "title": "A video",
        "extractor": case["site"].lower(),
        "extractor_key": case["site"],
        "duration": case.get("seconds"),
        "formats": formats,
        "_format_sort_fields": case.get("sort"),
    }
