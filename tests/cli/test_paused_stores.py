"""What operators see of a store that fails for every share, and of transfers under way."""

from datetime import UTC, datetime

import pytest

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.storage_events import Operation, Purpose
from bookmarkai_assets.core.media.transfers import TransferUnderWay
from bookmarkai_assets.core.sites.breaker import SiteRules
from tests.plugins.command_line import BookmarkAI

RULES = SiteRules(max_refusals=1, pause_seconds=3600, max_pause_seconds=3600)
REASON = "access_denied: 403 SignatureDoesNotMatch"


@pytest.fixture
def waiting_share(bookmarkai: BookmarkAI, sqlite_catalog: Catalog) -> str:
    """Pause S3, have a share wait for it, and return the share's id."""
    [added] = bookmarkai("shares", "add", "https://www.tiktok.com/@_/video/1", "--json").json
    now = datetime.now(UTC)
    sqlite_catalog.sites.record_refusal("s3 store", "m", reason=REASON, rules=RULES, now=now)
    sqlite_catalog.work.wait_for_site(
        added["id"], "m1", held_for="s3 store", reason=f"s3 store is paused: {REASON}", now=now
    )
    return str(added["id"])


def test_a_paused_store_is_named_wherever_an_operator_looks(bookmarkai: BookmarkAI, waiting_share: str) -> None:
    """The rollout's status, the doctor, the list of what is paused, the debt and the share itself say what is wrong."""
    status = bookmarkai("rollout", "status", "--json").json
    [paused] = status["paused_stores"]
    assert (paused["store"], paused["reason"], paused["waiting"]) == ("s3 store", REASON, 1)
    [row] = [line for line in bookmarkai("rollout", "status").out.splitlines() if line.startswith("PAUSED\t")]
    assert "s3 store is paused until" in row
    assert f"it fails for every share: {REASON}; 1 share waits" in row

    [check] = [
        check
        for check in bookmarkai("doctor", "--only", "rollout", "--json").json["checks"]
        if check["check"] == "rollout"
    ]
    assert (check["status"], check["command"]) == ("warn", "bookmarkai storage check")
    assert REASON in check["found"]

    [listed] = bookmarkai("platforms", "list", "--json").json
    assert (listed["site"], listed["waiting"], listed["reason"]) == ("s3 store", 1, REASON)
    assert "waits for this store" in bookmarkai("shares", "debt").out
    shown = bookmarkai("shares", "show", waiting_share, "--json").json
    assert (shown["status"], shown["outcome"], shown["attempts"]) == ("pending", "postponed", 0)
    assert REASON in shown["reason"]


def test_a_person_can_try_a_paused_store_at_once(bookmarkai: BookmarkAI, waiting_share: str) -> None:
    """As with a site."""
    assert waiting_share
    resumed = bookmarkai("platforms", "resume", "s3 store")
    assert (resumed.code, resumed.out) == (0, "s3 store is used again.\n")
    assert bookmarkai("rollout", "status", "--json").json["paused_stores"] == []
    assert "PAUSED" not in bookmarkai("rollout", "status").out


def test_transfers_under_way_are_shown(bookmarkai: BookmarkAI, sqlite_catalog: Catalog) -> None:
    """How many, since when and how far: with the share, the rollout and the metrics."""
    [added] = bookmarkai("shares", "add", "https://www.tiktok.com/@_/video/1", "--json").json
    nothing = {"transfers": 0, "oldest_begun_at": None, "size_bytes": 0, "moved_bytes": 0}
    assert bookmarkai("rollout", "status", "--json").json["under_way"] == nothing
    now = datetime.now(UTC)
    sqlite_catalog.transfers.report(
        TransferUnderWay(
            media_id="m",
            kind=PartKind.VIDEO,
            operation=Operation.PUT,
            backend="s3",
            share_id=added["id"],
            purpose=Purpose.PLACE,
            size_bytes=2000,
            begun_at=now,
            moved_bytes=500,
            moved_at=now,
        ),
        now=now,
    )
    for command in (("rollout", "status"), ("metrics",)):
        found = bookmarkai(*command, "--json").json["under_way"]
        assert (found["transfers"], found["size_bytes"], found["moved_bytes"]) == (1, 2000, 500)
        assert found["oldest_begun_at"] == now.isoformat()
        [row] = [line for line in bookmarkai(*command).out.splitlines() if line.startswith("under way\t")]
        assert "500 of 2,000 bytes have moved" in row
    shown = bookmarkai("shares", "show", added["id"], "--json").json
    assert [transfer["moved_bytes"] for transfer in shown["transfers_under_way"]] == [500]
    assert "under way 1\tput video s3 500 of 2000 bytes since" in bookmarkai("shares", "show", added["id"]).out
