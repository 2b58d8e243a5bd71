"""The retry debt as programs read it: one complete example."""

from datetime import UTC, datetime, timedelta

from bookmarkai_assets.core.failures.debt import PostponedShares, StandingFailure, debt_of
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.operations.failures.debt import DebtReport
from tests.support.json_forms import assert_same_json

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
UI = "https://dagster.example.com/prefix"
PIPELINE = "/asset-groups~key%3A%22raw_video%22%20or%20key%3A%22stored_media%22%20or%20key%3A%22transcript%22"
TIKTOK = "https://www.tiktok.com/@user/video/1"


def failure(
    share_id: str, outcome: Outcome, *, hours_ago: int, url: str = TIKTOK, waits: bool = False
) -> StandingFailure:
    """Return a share that failed so many hours ago and is parked, or tried again in an hour."""
    retry_at = NOW + timedelta(hours=1) if waits else None
    return StandingFailure(share_id, url, outcome, NOW - timedelta(hours=hours_ago), retry_at)


DEBT = debt_of(
    [
        failure("a", Outcome.BLOCKED, hours_ago=3),
        failure("b", Outcome.BLOCKED, hours_ago=5, waits=True),
        failure("c", Outcome.GONE, hours_ago=0, url="https://example.com/v"),
    ],
    [PostponedShares("tiktok", 2, NOW - timedelta(minutes=5)), PostponedShares(None, 1, NOW)],
    now=NOW,
)


def test_the_debt_as_json() -> None:
    """Names, order and formats are what `shares debt --json` has promised."""
    report = DebtReport(NOW, DEBT, ["c", "b", "a", "typed in"], ["typed in"], DagsterUI(UI))
    assert_same_json(
        report.as_dict(),
        {
            "at": "2026-01-31T12:00:00+00:00",
            "total": 3,
            "transient": 2,
            "terminal": 1,
            "waiting": 1,
            "put_off": 3,
            "failures": [
                {
                    "outcome": "blocked",
                    "platform": "tiktok",
                    "age": "under a day",
                    "count": 2,
                    "is_transient": True,
                    "waiting": 1,
                    "given_up": 1,
                    "remedy": "1 may heal by a retry, the rest by itself",
                    "next_step": "The site turns this machine's address away; it is tried again later. If that lasts, "
                    "open the link in a browser elsewhere: where it plays, leave by another address with YTDLP_PROXY, "
                    "or look like a browser with YTDLP_IMPERSONATE.",
                    "oldest": "2026-01-31T07:00:00+00:00",
                    "command": "bookmarkai shares retry --outcome blocked --platform tiktok",
                    "partitions": "[b...a]",
                    "backfills": [{"url": f"{UI}{PIPELINE}/?default_range=%5Bb...a%5D", "partitions": 2}],
                },
                {
                    "outcome": "gone",
                    "platform": "generic",
                    "age": "under an hour",
                    "count": 1,
                    "is_transient": False,
                    "waiting": 0,
                    "given_up": 1,
                    "remedy": "only once the cause is gone",
                    "next_step": "The video no longer exists; nothing to do.",
                    "oldest": "2026-01-31T12:00:00+00:00",
                    "command": "bookmarkai shares retry --outcome gone --platform generic",
                    "partitions": "c",
                    "backfills": [{"url": f"{UI}{PIPELINE}/?default_range=c", "partitions": 1}],
                },
            ],
            "held": [
                {
                    "site": "tiktok",
                    "count": 2,
                    "oldest": "2026-01-31T11:55:00+00:00",
                    "command": "bookmarkai platforms list",
                },
                {"site": None, "count": 1, "oldest": "2026-01-31T12:00:00+00:00", "command": "bookmarkai doctor"},
            ],
            "not_shares": ["typed in"],
        },
    )


def test_before_dagster_has_run_there_is_no_selection() -> None:
    """None means that the partitions are unknown, and an empty text that no share has one."""
    assert [line["partitions"] for line in DebtReport(NOW, DEBT, None).as_dict()["failures"]] == [None, None]
    assert [line["partitions"] for line in DebtReport(NOW, DEBT, ["c"]).as_dict()["failures"]] == ["", "c"]
