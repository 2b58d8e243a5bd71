"""What a red run says first."""

import pytest

from bookmarkai_assets.core.failures.in_words import failure_in_words, failures_in_words
from bookmarkai_assets.core.outcomes import Failure, Outcome

STEPS = ("raw_video", "stored_media", "transcript")
GONE = Failure(Outcome.GONE, "HTTP 404", "raw_video")
PRIVATE = Failure(Outcome.PRIVATE, "for friends", "raw_video")
SILENT = Failure(Outcome.NO_AUDIO, "no sound", "transcript")


@pytest.mark.parametrize(
    ("failures", "total", "words"),
    [
        ([GONE], 1, "failed at raw_video: gone: HTTP 404"),
        ([GONE], 10, "failed at raw_video: 1 gone. 1 of 10 shares failed, the others went on"),
        ([PRIVATE, GONE], 2, "failed at raw_video: 1 gone, 1 private. 2 of 2 shares failed"),
        (
            [SILENT, PRIVATE, GONE, GONE],
            5,
            (
                "failed at raw_video: 2 gone, 1 private; at transcript: 1 no_audio. "
                "4 of 5 shares failed, the others went on"
            ),
        ),
    ],
)
def test_a_run_says_where_and_how_its_shares_failed(failures: list[Failure], total: int, words: str) -> None:
    """Step by step in the run's order, the most frequent outcome first; a run's only share has its reason."""
    by_share = {str(number): failure for number, failure in enumerate(failures)}
    assert failures_in_words(by_share, total=total, steps=STEPS) == words


def test_a_failure_without_a_step_names_none() -> None:
    """It still has its outcome and reason."""
    assert failure_in_words(Failure(Outcome.GONE, "HTTP 404")) == "failed: gone: HTTP 404"
