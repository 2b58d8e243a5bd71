"""The corpus of what sites claim about a video: refused before it is fetched, or kept in a harmless form."""

import pytest

from bookmarkai_assets.adapters.downloader.ytdlp import refuse_over_limits, video_info
from bookmarkai_assets.core.downloads.ports import DownloadLimits
from bookmarkai_assets.core.errors import ShareFailedError
from tests.support.corpus import Case, cases_of

LIMITS = DownloadLimits(max_bytes=1_000_000, max_duration_seconds=60, timeout_seconds=30)
HALF_OF_A_LETTER = "\ud83d"


@pytest.mark.parametrize("case", cases_of("infos.toml", "info"), ids=lambda case: case["name"])
def test_a_sites_metadata_is_refused_or_cleaned(case: Case) -> None:
    """A site's numbers and texts never pass the limits, and never reach a column uncleaned."""
    info = {"protocol": "https", **case["info"]}
    if "surrogate" in case:
        info[case["surrogate"]] = f"a{HALF_OF_A_LETTER}b"
    if "outcome" in case:
        with pytest.raises(ShareFailedError) as caught:
            refuse_over_limits(info, LIMITS)
        assert caught.value.failure.outcome.value == case["outcome"]
        return
    refuse_over_limits(info, LIMITS)
    kept = video_info(info, duration_seconds=1, width=64, height=48)
    found = {name: getattr(kept, name) or "" for name in case["kept"]}
    assert found == case["kept"]
    assert kept.duration_seconds == 1
