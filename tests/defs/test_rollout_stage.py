"""The asset that asks the gate: what it shows, what it decides, and that each decision is shown exactly once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from bookmarkai_assets.core.media.placement import StorageMode
from bookmarkai_assets.core.rollout.stages import Action, Decision, Stage
from bookmarkai_assets.core.rollout.windows import GRID
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.rollout_decisions import rollout_decisions
from bookmarkai_assets.defs.rollout_stage import rollout_stage
from bookmarkai_assets.operations.rollout.deciding import resume, roll_back, set_stage
from bookmarkai_assets.operations.rollout.measuring import read_gate_figures
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.pipeline import Pipeline
from tests.support.storage_events import transfer

LONG_AGO = timedelta(days=30)


@pytest.fixture(autouse=True)
def hybrid(pipeline: Pipeline) -> None:
    """Set hybrid for every installation here, the mode in which stages count."""
    pipeline.configure(storage_mode="hybrid", rollout_min_sample=2)


def rules_of(pipeline: Pipeline) -> PipelineRules:
    """Return the rules of the current settings."""
    return make_rules(load_settings(env_file=None, **pipeline.settings))


def ask_gate(pipeline: Pipeline) -> dict[str, Any]:
    """Materialize rollout_stage alone, as an analyst may, and return its metadata."""
    job = pipeline.defs().resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=pipeline.instance, asset_selection=[rollout_stage.key]).success
    return pipeline.report_metadata("rollout_stage")


def decide(pipeline: Pipeline, percentage: int, *, at: datetime | None = None) -> Decision:
    """Set a stage as the command line does."""
    now = at or datetime.now(UTC)
    return set_stage(pipeline.catalog, rules_of(pipeline), Stage(percentage), now=now, actor="olga", reason="a test")


def run_sensor(pipeline: Pipeline, cursor: str | None = None, *, keep: bool = True) -> str | None:
    """Run the sensor once, record its events as Dagster's daemon does, and return its cursor."""
    resources = {"catalog": pipeline.catalog, "rules": rules_of(pipeline)}
    with dg.build_sensor_context(instance=pipeline.instance, resources=resources, cursor=cursor) as context:
        result = rollout_decisions(context)
    if isinstance(result, dg.SkipReason):
        return cursor
    assert isinstance(result, dg.SensorResult)
    for event in result.asset_events:
        assert isinstance(event, dg.AssetMaterialization)
        if keep:
            pipeline.instance.report_runless_asset_event(event)
    return result.cursor


def materializations(pipeline: Pipeline) -> list[dg.AssetMaterialization]:
    """Return every materialization of rollout_stage, oldest first."""
    records = pipeline.instance.fetch_materializations(rollout_stage.key, limit=100).records
    return [found for record in reversed(records) if (found := record.asset_materialization)]


def times_shown(pipeline: Pipeline) -> dict[Any, int]:
    """Count the materializations that show a decision, by decision."""
    metadata = [found.metadata for found in materializations(pipeline)]
    return dict(Counter(of_one["decision_id"].value for of_one in metadata if "action" in of_one))


def decision_ids(pipeline: Pipeline) -> list[int]:
    """Return the ids of every recorded decision."""
    return [decision.decision_id for decision in pipeline.catalog.rollout.history()]


def fill_stage(pipeline: Pipeline, *, is_good: bool) -> None:
    """Record transfers of the last hour: two good uploads, or two that S3 denied."""
    for minutes in (10, 20):
        at = GRID.floor(datetime.now(UTC)) - timedelta(minutes=minutes)
        pipeline.catalog.events.record(transfer(at, error=None if is_good else "access_denied"))
        pipeline.catalog.events.record(transfer(at, "get", purpose="transcribe", kind="audio"))


def test_a_rollout_that_has_not_begun_shows_how_to_begin(pipeline: Pipeline) -> None:
    """The stage is "not begun", the percentage that of the settings, and what is missing says what to do."""
    pipeline.configure(s3_split_percentage=7)
    shown = ask_gate(pipeline)
    assert (shown["stage"], shown["percentage"], shown["verdict"]) == ("not begun", 7, "hold")
    assert "rollout promote" in shown["missing"]
    assert "decision_id" not in shown
    assert times_shown(pipeline) == {}


def test_the_stage_shows_the_gates_verdict(pipeline: Pipeline) -> None:
    """Stage, percentage, verdict, every rule with its figures, the stage's start and the control are shown."""
    began = datetime.now(UTC) - LONG_AGO
    decided = decide(pipeline, 10, at=began)
    fill_stage(pipeline, is_good=True)

    shown = ask_gate(pipeline)

    assert (shown["stage"], shown["percentage"], shown["verdict"]) == ("10%", 10, "hold")
    assert (shown["control"], shown["storage_mode"]) == ("manual", "hybrid")
    assert shown["since"] == pytest.approx(began.timestamp(), abs=1)
    assert shown["decision_id"] == decided.decision_id
    rows = {row.data["rule"]: row.data for row in shown["rules"].records}
    assert rows["upload_failures"]["status"] == "pass"
    assert rows["upload_failures"]["limit"] == "5"
    assert rows["nothing_lost"]["status"] == "insufficient"
    assert str(rows["nothing_lost"]["detail"]) in shown["missing"]


@pytest.mark.parametrize("mode", ["local", "s3"])
def test_a_mode_without_stages_shows_its_percentage(pipeline: Pipeline, mode: str) -> None:
    """Outside hybrid the percentage is 0 or 100, whatever stage is recorded, and what is missing says why."""
    decide(pipeline, 10, at=datetime.now(UTC) - LONG_AGO)
    pipeline.configure(storage_mode=mode)
    shown = ask_gate(pipeline)
    assert shown["percentage"] == {"local": 0, "s3": 100}[mode]
    assert f"STORAGE_MODE is {StorageMode(mode)}" in shown["missing"]


def test_an_automatic_abort_is_shown_by_the_run_that_decided(pipeline: Pipeline) -> None:
    """The run that aborts shows the new stage and the decision, and the sensor then shows nothing more."""
    decide(pipeline, 10, at=datetime.now(UTC) - LONG_AGO)
    cursor = run_sensor(pipeline)
    pipeline.configure(rollout_control="automatic")
    fill_stage(pipeline, is_good=False)

    shown = ask_gate(pipeline)

    assert (shown["stage"], shown["percentage"], shown["verdict"]) == ("0%", 0, "abort")
    assert (shown["action"], shown["decided_by"]) == ("abort", "gate")
    assert "denied" in shown["reason"]
    assert pipeline.catalog.rollout.history()[-1].decision_id == shown["decision_id"]
    run_sensor(pipeline, cursor)
    assert times_shown(pipeline) == dict.fromkeys(decision_ids(pipeline), 1)


def test_holding_is_shown_without_a_decision(pipeline: Pipeline) -> None:
    """A tick that finds nothing new is a materialization without a decision."""
    decide(pipeline, 10, at=datetime.now(UTC) - LONG_AGO)
    ask_gate(pipeline)
    decisions = decision_ids(pipeline)
    ask_gate(pipeline)
    assert decision_ids(pipeline) == decisions
    assert len(materializations(pipeline)) == 2


def test_decisions_of_the_command_line_are_shown(pipeline: Pipeline) -> None:
    """Each of them is a materialization with stage, percentage, who decided and why, in their order."""
    now, rules = datetime.now(UTC), rules_of(pipeline)
    decide(pipeline, 25)
    roll_back(pipeline.catalog, rules, now=now, actor="olga", reason="the bucket is on fire")
    resume(pipeline.catalog, rules, now=now, actor="piet", reason="it was not")

    run_sensor(pipeline)

    shown = [{key: value.value for key, value in m.metadata.items()} for m in materializations(pipeline)]
    assert [(m["action"], m["stage"], m["percentage"], m["actor"]) for m in shown] == [
        ("set", "25%", 25, "olga"),
        ("rollback", "25%", 0, "olga"),
        ("resume", "25%", 25, "piet"),
    ]
    assert shown[1]["reason"] == "the bucket is on fire"
    assert [m["is_rolled_back"] for m in shown] == [False, True, False]


def test_a_decision_of_the_past_shows_its_grounds(pipeline: Pipeline) -> None:
    """What the gate said when a person decided is shown with the decision, as it was recorded."""
    now, rules = datetime.now(UTC), rules_of(pipeline)
    figures = read_gate_figures(pipeline.catalog, rules, now=now)
    set_stage(pipeline.catalog, rules, Stage(10), now=now, actor="olga", reason="a test", figures=figures)

    run_sensor(pipeline)

    shown = pipeline.report_metadata("rollout_stage")
    assert shown["verdict"] == "hold"
    assert {row.data["rule"] for row in shown["rules"].records} >= {"cost", "upload_failures"}
    assert "rollout promote" in shown["missing"]


def test_each_decision_is_shown_once(pipeline: Pipeline) -> None:
    """Whoever decides, and however often the sensor runs, each row is one materialization."""
    cursor = run_sensor(pipeline)
    for percentage in (10, 25):
        decide(pipeline, percentage)
        ask_gate(pipeline)
        cursor = run_sensor(pipeline, cursor)
        cursor = run_sensor(pipeline, cursor)
    assert times_shown(pipeline) == dict.fromkeys(decision_ids(pipeline), 1)


def test_an_interrupted_tick_shows_nothing_twice(pipeline: Pipeline) -> None:
    """When the events were stored and the cursor was not, or was reset, the next tick shows only the rest."""
    decide(pipeline, 10)
    run_sensor(pipeline)
    decide(pipeline, 25)
    assert run_sensor(pipeline, None, keep=False) == str(decision_ids(pipeline)[-1])
    run_sensor(pipeline, None)
    run_sensor(pipeline, None)
    assert times_shown(pipeline) == dict.fromkeys(decision_ids(pipeline), 1)


def advice_of(pipeline: Pipeline, run: dg.DagsterRun) -> Decision:
    """Record a decision as a run of the asset does before it shows it."""
    newest = pipeline.catalog.rollout.history(limit=1)
    return pipeline.catalog.rollout.append(
        Decision(
            action=Action.ADVISE,
            stage=Stage(10),
            is_rolled_back=False,
            decided_at=datetime.now(UTC),
            decided_by="gate",
            actor=run.run_id,
            reason="a test",
            verdict="hold",
            previous_id=newest[0].decision_id if newest else None,
        )
    )


def test_a_decision_whose_run_is_about_to_show_it_is_left_to_the_run(pipeline: Pipeline) -> None:
    """The sensor waits for that run, shows people's decisions meanwhile, and then checks what the run showed."""
    job = pipeline.defs().resolve_job_def("measure_rollout")
    run = pipeline.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    waiting, later = advice_of(pipeline, run), decide(pipeline, 25)

    cursor = run_sensor(pipeline)

    assert times_shown(pipeline) == {later.decision_id: 1}
    pipeline.instance.report_run_failed(run, "its process was killed")
    run_sensor(pipeline, cursor)
    assert times_shown(pipeline) == {waiting.decision_id: 1, later.decision_id: 1}


def test_nothing_new_costs_a_tick_nothing(pipeline: Pipeline) -> None:
    """Without a decision since the cursor the sensor skips."""
    decide(pipeline, 10)
    cursor = run_sensor(pipeline)
    resources = {"catalog": pipeline.catalog, "rules": rules_of(pipeline)}
    with dg.build_sensor_context(instance=pipeline.instance, resources=resources, cursor=cursor) as context:
        assert isinstance(rollout_decisions(context), dg.SkipReason)
