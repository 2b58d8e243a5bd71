"""`bookmarkai rollout status, plan, history`: what they print, compared with the recorded events and decisions."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.placement import Backend, Decider, StorageMode
from bookmarkai_assets.core.rollout.stages import Action
from bookmarkai_assets.operations.rollout.current_policy import current_policy
from bookmarkai_assets.operations.rollout.planning import forecast_stages
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import PLACEMENT, add_share, store, stored_media
from tests.support.rollout_past import HYBRID, add_verification, ago, decide, rules, status, transfers
from tests.support.storage_events import transfer


def test_the_rules_show_value_limit_and_sample(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """When 10 of 60 uploads failed, the rule fails with 16.7%, the verdict is abort, and so is the next step."""
    decide(hybrid_catalog, 10)
    transfers(hybrid_catalog, errors=["timeout"] * 10)
    add_verification(hybrid_catalog)

    found = status(bookmarkai)

    by_rule = {result["rule"]: result for result in found["gate"]["rules"]}
    assert len(by_rule) == 6
    failures = by_rule["upload_failures"]
    assert (failures["status"], failures["limit"], failures["sample"]) == ("fail", 5, 60)
    assert failures["value"] == pytest.approx(100 * 10 / 60)
    assert by_rule["mean_upload"]["value"] == pytest.approx(2.0)
    assert (by_rule["nothing_lost"]["status"], by_rule["nothing_lost"]["sample"]) == ("pass", 120)
    assert by_rule["download_p95"]["value"] == pytest.approx(0.5, rel=0.02)
    window = found["gate"]["window"]
    length = datetime.fromisoformat(window["end"]) - datetime.fromisoformat(window["start"])
    assert length == timedelta(hours=24)
    assert found["gate"]["verdict"] == "abort"
    assert found["next_step"]["command"].startswith("bookmarkai rollout abort --reason")

    lines = bookmarkai("rollout", "status").out.splitlines()
    assert "upload failures\tfail\t16.67%\t5%\t60 uploads" in lines
    assert "mean upload\tpass\t2 s\t30 s\t50 good uploads" in lines
    assert "gate\tabort" in lines
    assert lines[-2].startswith("Next: the gate says abort (upload_failures)")


@pytest.mark.parametrize(
    ("errors", "missing", "command"),
    [
        (["access_denied"], 0, "bookmarkai storage check --backend s3"),
        (["timeout"] * 20, 0, "bookmarkai metrics --window 1h"),
        ([], 3, "bookmarkai storage verify"),
    ],
)
def test_before_the_beginning_a_failing_rule_comes_first(
    hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI, errors: list[str], missing: int, command: str
) -> None:
    """The next step shows the cause of the failing rule, and beginning is refused."""
    transfers(hybrid_catalog, errors=errors)
    add_verification(hybrid_catalog, missing=missing)
    assert status(bookmarkai)["next_step"]["command"] == command
    assert bookmarkai("rollout", "promote").code == 1
    assert hybrid_catalog.rollout.history() == []


@pytest.mark.parametrize(
    ("mode", "is_rolled_back", "why", "effective"),
    [
        ("local", False, "STORAGE_MODE=local in the settings: everything local, whatever the rollout says", 0),
        ("local", True, "STORAGE_MODE=local in the settings", 0),
        ("s3", False, "STORAGE_MODE=s3 in the settings", 100),
        ("s3", True, "rolled back (decision 1)", 0),
        ("hybrid", False, "the rollout's stage 25% (decision 1: promote by ana", 25),
        ("hybrid", True, "rolled back (decision 1)", 0),
    ],
)
def test_the_status_explains_the_percentage(
    hybrid_catalog: OpenCatalog,
    bookmarkai: BookmarkAI,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    is_rolled_back: bool,
    why: str,
    effective: int,
) -> None:
    """Local settings come first, then a rollback, then s3, then the stage; each reason has the percentage in effect."""
    monkeypatch.setenv("STORAGE_MODE", mode)
    decide(
        hybrid_catalog, 25, is_rolled_back=is_rolled_back, action=Action.ROLLBACK if is_rolled_back else Action.PROMOTE
    )
    found = status(bookmarkai)
    assert why in found["why"]
    assert found["split_percentage"] == effective
    assert why in bookmarkai("rollout", "status").out


def test_a_rollback_is_the_first_line(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Who sees 100% first takes it for what is going on."""
    decide(hybrid_catalog, 100)
    first, *others = bookmarkai("rollout", "status").out.splitlines()
    assert first.startswith("stage\t100%")
    decide(hybrid_catalog, 100, action=Action.ROLLBACK, is_rolled_back=True, reason="it burns")

    first, *others = bookmarkai("rollout", "status").out.splitlines()

    assert first.startswith("rolled back\tby ana")
    assert "stage\t100% before the rollback; resume goes back to it" in others


def test_media_that_another_mode_placed_are_named(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """A second daemon with other settings sends its part elsewhere. Operators' moves are none of that."""
    early = decide(hybrid_catalog, 25, days_ago=9)
    decision = decide(hybrid_catalog, 50, days_ago=1)
    by_stage = replace(PLACEMENT, percentage=50, decision_id=decision.decision_id)
    otherwise = replace(PLACEMENT, backend=Backend.LOCAL, mode=StorageMode.LOCAL, percentage=0)
    moved = replace(PLACEMENT, decided_by=Decider.OPERATOR)
    before = replace(PLACEMENT, percentage=25, decision_id=early.decision_id)
    for number, (placement, days) in enumerate(
        [(by_stage, 0.5), (otherwise, 0.4), (otherwise, 0.3), (moved, 0.2), (before, 2)]
    ):
        share_id = add_share(hybrid_catalog, seconds=number)
        media = stored_media(f"m{number}", share_id, url=f"s3://media/{number}.mp4")
        store(hybrid_catalog, replace(media, placement=placement, stored_at=ago(days=days)))

    found = status(bookmarkai)
    assert found["placed"] == 3
    assert found["placed_otherwise"] == [{"mode": "local", "percentage": 0, "decision_id": None, "media": 2}]
    line = next(
        line for line in bookmarkai("rollout", "status").out.splitlines() if line.startswith("placed otherwise")
    )
    assert "2 of the 3 media of this stage: 2 under STORAGE_MODE=local" in line


def test_without_a_stage_the_setting_counts(
    hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In hybrid before the first decision, S3_SPLIT_PERCENTAGE is in effect, and the status names it."""
    monkeypatch.setenv("S3_SPLIT_PERCENTAGE", "33")
    found = status(bookmarkai)
    assert "S3_SPLIT_PERCENTAGE=33" in found["why"]
    assert found["split_percentage"] == current_policy(hybrid_catalog, rules()).s3_percentage == 33


@pytest.mark.parametrize(
    ("environment", "command", "why"),
    [
        ({"STORAGE_MODE": "local"}, "bookmarkai storage check --backend s3", "hybrid"),
        ({"STORAGE_MODE": "local", "S3_MEDIA_BUCKET": ""}, None, "S3_MEDIA_BUCKET"),
        ({"STORAGE_MODE": "s3"}, "bookmarkai storage cleanup --dry-run", "no longer needed"),
        ({"ROLLOUT_STAGES": "50,75"}, "bookmarkai rollout promote", "50%"),
    ],
)
def test_the_next_step_depends_on_the_settings(
    hybrid_catalog: OpenCatalog,
    bookmarkai: BookmarkAI,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    command: str | None,
    why: str,
) -> None:
    """Before any decision, the next step depends on the settings."""
    assert hybrid_catalog.rollout.history() == []
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    step = status(bookmarkai)["next_step"]
    assert step["command"] == command
    assert why in step["why"]


def test_at_the_end_the_next_step_is_the_setting(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """At 100%, when its time is over and every rule passes, the next step is STORAGE_MODE=s3.

    Before that it is waiting or a verification.
    """
    decide(hybrid_catalog, 100)
    transfers(hybrid_catalog)
    assert status(bookmarkai)["next_step"]["command"] == "bookmarkai storage verify"
    add_verification(hybrid_catalog)
    step = status(bookmarkai)["next_step"]
    assert step["command"] is None
    assert "STORAGE_MODE=s3" in step["why"]


def test_at_the_last_stage_its_time_has_to_be_over(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """One day into 100%, the rollout is not complete."""
    decide(hybrid_catalog, 100, days_ago=1.5)
    transfers(hybrid_catalog)
    add_verification(hybrid_catalog)
    step = status(bookmarkai)["next_step"]
    assert step["command"] == "bookmarkai metrics --window 24h"
    assert "STORAGE_MODE" not in step["why"]


def test_the_history_is_newest_first_and_has_the_evidence(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """At most the newest so many are listed, with advice; the JSON has each with figures, window and limits."""
    decide(hybrid_catalog, 10, days_ago=9)
    decide(hybrid_catalog, 10, days_ago=5, action=Action.ADVISE, reason="7 more days")
    bookmarkai("rollout", "promote", "--force", "--reason", "enough seen", "--by", "ana")

    found = bookmarkai("rollout", "history", "--json").json
    assert [(row["decision_id"], row["action"], row["stage"]) for row in found] == [
        (3, "promote", "25%"),
        (2, "advise", "10%"),
        (1, "promote", "10%"),
    ]
    assert (found[0]["actor"], found[0]["reason"], found[0]["decided_by"]) == ("ana", "enough seen", "operator")
    assert set(found[0]["evidence"]) >= {"figures", "window", "limits", "rules"}

    assert [row["decision_id"] for row in bookmarkai("rollout", "history", "--limit", "2", "--json").json] == [3, 2]
    lines = bookmarkai("rollout", "history").out.splitlines()
    assert lines[0].startswith("#\twhen")
    assert lines[1].startswith("3\t")
    assert lines[1].endswith("\tpromote\t25%\thold\tana\tenough seen")


def test_decisions_of_the_gate_name_it(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """People read "the gate" and its run; the JSON has the run's whole id."""
    run = "dd6fda53-1337-45a1-a133-a919fd80c8dd"
    decide(hybrid_catalog, 25, decided_by="gate", actor=run)
    assert "promote by the gate, run dd6fda53, " in status(bookmarkai)["why"]
    assert "\tthe gate, run dd6fda53\t" in bookmarkai("rollout", "history").out
    assert bookmarkai("rollout", "history", "--json").json[0]["actor"] == run


def test_an_empty_history_is_no_error(bookmarkai: BookmarkAI) -> None:
    """An empty history is exit code 0, an empty list in JSON and a sentence for people."""
    assert bookmarkai("rollout", "history", "--json").json == []
    ended = bookmarkai("rollout", "history")
    assert (ended.code, ended.out) == (0, "Nothing has been decided: the rollout has not begun.\n")


def test_a_reason_cannot_write_on_the_terminal(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Control characters and direction marks of a reason or a name are shown escaped, and markup is text."""
    decide(hybrid_catalog, 10)
    bookmarkai("rollout", "rollback", "--reason", "[red]bad\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}", "--by", "e\x1b[31mve")
    for command in ("status", "history"):
        shown = bookmarkai("rollout", command).out
        assert "[red]bad" in shown
        assert "\x1b" not in shown
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown


def test_the_plan_forecasts_each_stage(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Media and bytes are proportional to the stage, and costs name the source and date of their prices."""
    for hours in range(24, 0, -1):
        hybrid_catalog.events.record(transfer(ago(hours=hours), "put", "local", size_bytes=10_000_000))

    found = bookmarkai("rollout", "plan", "--json").json

    assert [stage["stage"] for stage in found["stages"]] == ["10%", "25%", "50%", "75%", "100%"]
    whole = found["stages"][-1]
    assert whole["media_per_day"] == pytest.approx(24, rel=0.05)
    assert whole["bytes_per_day"] == pytest.approx(240_000_000, rel=0.05)
    assert found["stages"][0]["bytes_per_day"] == pytest.approx(whole["bytes_per_day"] / 10)
    moment = datetime.fromisoformat(found["forecast_from"]["end"])
    expected = [asdict(forecast.load.month) for forecast in forecast_stages(hybrid_catalog, rules(), now=moment)]
    shown = [{name: stage["cost_usd"][name] for name in expected[0]} for stage in found["stages"]]
    assert shown == expected
    assert found["present_stage"] is None
    assert found["past"] == []
    prices = rules().prices
    assert (found["prices"]["source"], found["prices"]["as_of"]) == (prices.source, f"{prices.as_of}")

    text = bookmarkai("rollout", "plan").out
    assert f"{prices.source}, of {prices.as_of}" in text
    assert "USD/30 days" in text


def test_past_stages_are_shown_with_their_forecast(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Each past stage has the forecast that was recorded with it and what S3 has taken since, under the same names."""
    for hours in range(24, 0, -1):
        hybrid_catalog.events.record(transfer(ago(hours=hours), "put", "local", size_bytes=10_000_000))
    decide(hybrid_catalog, 10, days_ago=2)
    for _ in range(6):
        hybrid_catalog.events.record(transfer(ago(days=1), size_bytes=1_000_000))
    bookmarkai("rollout", "promote", "--force", "--reason", "go on")

    first, second = bookmarkai("rollout", "plan", "--json").json["past"]

    assert (first["stage"], first["forecast"], second["ended_at"]) == ("10%", None, None)
    assert first["ended_at"] == second["began_at"]
    assert first["actual"]["media_per_day"] == pytest.approx(3, rel=0.02)
    assert first["actual"]["bytes_per_day"] == pytest.approx(3_000_000, rel=0.02)
    assert second["stage"] == second["forecast"]["stage"] == "25%"
    assert second["forecast"]["media_per_day"] > 0
    assert set(first["actual"]) <= set(second["forecast"])
    lines = bookmarkai("rollout", "plan").out.splitlines()
    [actual] = [line for line in lines if line.startswith("\t\t\tactual\t3.0\t")]
    assert "MB" in actual


@pytest.mark.usefixtures("hybrid_catalog")
def test_a_plan_without_new_media_says_so(bookmarkai: BookmarkAI) -> None:
    """Without data to forecast from the command succeeds, and the prices are named all the same."""
    ended = bookmarkai("rollout", "plan")
    assert ended.code == 0
    assert "Nothing to forecast from" in ended.out
    assert bookmarkai("rollout", "plan", "--json").json["stages"] == []


def test_a_verification_counts_for_the_gate(
    hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`bookmarkai storage verify` is the verification that the gate asks for, and the rule passes afterwards."""
    for name in HYBRID:
        monkeypatch.delenv(name)
    decide(hybrid_catalog, 10)
    began = datetime.now(UTC)
    assert bookmarkai("storage", "verify", "--json").code == 0

    kept = hybrid_catalog.rollout.last_verification()
    assert kept is not None
    assert (kept.is_good, kept.is_deep, kept.missing) == (True, False, 0)
    assert began <= kept.verified_at <= datetime.now(UTC)
    [rule] = [rule for rule in status(bookmarkai)["gate"]["rules"] if rule["rule"] == "nothing_lost"]
    assert rule["status"] == "pass"


@pytest.mark.parametrize("command", ["status", "plan", "promote", "set", "abort", "rollback", "resume", "history"])
def test_each_command_explains_itself(bookmarkai: BookmarkAI, command: str) -> None:
    """The help of each command has an example."""
    ended = bookmarkai("rollout", command, "--help")
    assert ended.code == 0
    assert f"Example: bookmarkai rollout {command}" in ended.out
