"""The rollout's page: the figures, rules and decisions that the assets show, on one page."""

import re
from datetime import timedelta
from html import unescape

import dagster as dg
from markupsafe import escape

from bookmarkai_assets.core.media.placement import StorageMode
from bookmarkai_assets.core.rollout.gate_figures import RuleName
from bookmarkai_assets.core.rollout.stages import Action, Decision, Stage
from bookmarkai_assets.core.rollout.windows import day_of
from bookmarkai_assets.metadata.rollout import day_metadata
from bookmarkai_assets.operations.rollout.measuring import measure_day
from bookmarkai_assets.wiring.rules import make_rules
from tests.support.door_pages import House
from tests.support.storage_events import transfer


def record_day(house: House) -> None:
    """Record a day of transfers: three of four new media went to S3, and one of its uploads failed."""
    for hour in range(20):
        moment = house.now - timedelta(hours=hour, minutes=10)
        for backend in ("s3", "s3", "s3", "local"):
            house.catalog.events.record(transfer(moment, backend=backend, seconds=2.0 + hour / 10))
        house.catalog.events.record(transfer(moment, "get", "s3", "transcribe", kind="audio", seconds=0.5))
    house.catalog.events.record(transfer(house.now - timedelta(hours=2), error="timeout"))


def decide(house: House, percentage: int, *, hours_ago: float, reason: str = "it was time") -> None:
    """Record a person's decision."""
    newest = next(iter(house.catalog.rollout.history(limit=1)), None)
    house.catalog.rollout.append(
        Decision(
            action=Action.PROMOTE,
            stage=Stage(percentage),
            is_rolled_back=False,
            decided_at=house.now - timedelta(hours=hours_ago),
            decided_by="operator",
            actor="ana",
            reason=reason,
            previous_id=newest.decision_id if newest else None,
        )
    )


def cells_of(text: str, row: str) -> list[str]:
    """Return the cells of a row of a table, by the row's heading."""
    (cells,) = re.findall(rf'<th scope="row">{re.escape(str(escape(row)))}</th>(.*?)</tr>', text, flags=re.DOTALL)
    return [
        unescape(re.sub(r"<[^>]+>", "", cell)).strip()
        for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells, flags=re.DOTALL)
    ]


def test_the_figures_are_those_of_the_asset(house: House) -> None:
    """The page and `rollout_metrics` show the same numbers for the same day."""
    record_day(house)
    text = house.client().get("/rollout").text
    rules = make_rules(house.settings)
    asset = day_metadata(measure_day(house.catalog, rules, day_of(house.now), now=house.now), rules)
    table = asset["24h"]
    assert isinstance(table, dg.TableMetadataValue)
    shown = {str(record.data["figure"]): str(record.data["value"]) for record in table.records}
    rows = {
        "S3's share of new media": "s3_upload_rate",
        "Uploads to S3": "s3_uploads",
        "Of these failed": "s3_upload_errors",
        "Upload to S3, p95": "upload_seconds_p95",
        "Download from S3, p95": "download_seconds_p95",
        "Failed transfers to and from S3": "error_rate",
    }
    for row, figure in rows.items():
        assert cells_of(text, row)[2] == shown[figure], row
    assert cells_of(text, "Uploads to S3")[2] == "61"


def test_the_charts_are_those_of_the_asset_with_the_decisions_below(house: House) -> None:
    """Four pictures stand below each other, over the same hours."""
    record_day(house)
    decide(house, 10, hours_ago=30)
    decide(house, 25, hours_ago=5)
    text = house.client().get("/rollout").text
    charts = re.findall(r"<svg[^>]*viewBox='([^']+)'", text)
    assert len(charts) == 4
    assert len(set(charts)) == 1
    assert ">promote 25%</text>" in text
    assert ">promote 10%</text>" not in text


def test_every_rule_of_the_gate_is_shown(house: House) -> None:
    """Each has its result and what is missing, in words."""
    text = house.client().get("/rollout").text
    for rule in RuleName:
        assert cells_of(text, rule.replace("_", " "))[0] in {"pass", "fail", "insufficient"}


def test_the_decisions_are_listed_newest_first(house: House) -> None:
    """Each with who took it and why, and the policy that follows is said in words."""
    decide(house, 10, hours_ago=30, reason="<b>first</b>")
    decide(house, 25, hours_ago=5, reason="second")
    text = house.client(storage_mode=StorageMode.HYBRID).get("/rollout").text
    assert text.index("second") < text.index("&lt;b&gt;first&lt;/b&gt;")
    assert "25% of new media go to S3." in text
    assert "<strong>Next</strong>" in text


def test_a_rollout_that_has_not_begun_says_so(house: House) -> None:
    """Without transfers and decisions there are no pictures but that of the target."""
    text = house.client().get("/rollout").text
    assert "the rollout has not begun" in text
    assert text.count("<svg") == 1
