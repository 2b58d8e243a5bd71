"""The contract with the pinned Dagster: each function of `dagster_internals` does what it promises."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typing_extensions import override

from bookmarkai_assets.dagster_internals import (
    Heartbeat,
    assets_before,
    checks_left_open,
    end_as_failed,
    has_backfills,
    heartbeats,
    hidden_tag,
    is_last_of_run,
    latest_check_run,
    max_concurrent_runs,
    narrow_to,
    open_instance,
    partition_of,
    partition_range_tags,
    partitions_named_by,
    positions_of_partitions,
    queue_tags,
    remove_run,
    required_daemons,
    run_of,
    said_in,
    step_failure_text,
    switch_states,
)
from tests.support.dagster_internals import is_hidden, record_backfill, record_heartbeats, record_switch, rows_of_run

letters = dg.DynamicPartitionsDefinition(name="letters")
ALL = partition_range_tags("a", "c")


class Narrowing(dg.IOManager):
    """Materializes the partitions whose value is true. Records the run for which it stores and loads."""

    def __init__(self) -> None:
        self.runs: list[dg.DagsterRun] = []

    @override
    def handle_output(self, context: dg.OutputContext, obj: dict[str, bool]) -> None:
        self.runs.append(run_of(context))
        narrow_to(context, {key for key, is_good in obj.items() if is_good})

    @override
    def load_input(self, context: dg.InputContext) -> None:
        self.runs.append(run_of(context))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Return a Dagster storage in memory."""
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def run(instance: dg.DagsterInstance, goods: str, manager: dg.IOManager | None = None) -> dg.ExecuteInProcessResult:
    """Materialize the partitions a, b and c in one run, of which `goods` succeed."""

    @dg.asset(partitions_def=letters, backfill_policy=dg.BackfillPolicy.single_run())
    def letter(context: dg.AssetExecutionContext) -> dict[str, bool]:
        context.add_asset_metadata({"size": 1}, partition_key="a")
        return {key: key in goods for key in context.partition_keys}

    @dg.asset(partitions_def=letters, backfill_policy=dg.BackfillPolicy.single_run())
    def word(letter: Any) -> dict[str, bool]:
        assert letter is None
        return dict.fromkeys("abc", True)

    instance.add_dynamic_partitions("letters", ["a", "b", "c"])
    return dg.materialize(
        [letter, word],
        instance=instance,
        resources={"io_manager": manager or Narrowing()},
        tags={**ALL, "mine": "yes"},
        raise_on_error=False,
    )


# --- A step and its output -------------------------------------------------------------------------------------------


def test_only_the_named_partitions_are_materialized(instance: dg.DagsterInstance) -> None:
    """Dagster records the partitions that succeeded, each with its own metadata, and no other."""
    result = run(instance, "ac")
    assert result.success
    assert instance.get_materialized_partitions(dg.AssetKey("letter")) == {"a", "c"}
    events = {event.partition: event for event in result.asset_materializations_for_node("letter")}
    assert set(events) == {"a", "c"}
    assert events["a"].metadata["size"].value == 1
    assert "size" not in events["c"].metadata


def test_a_step_without_a_partition_goes_on_and_materializes_nothing(instance: dg.DagsterInstance) -> None:
    """Nothing is recorded, not even for the asset as a whole, and the next step begins as after any other output."""
    result = run(instance, "")
    assert result.success
    assert instance.get_materialized_partitions(dg.AssetKey("letter")) == set()
    assert instance.get_latest_materialization_event(dg.AssetKey("letter")) is None
    assert instance.get_materialized_partitions(dg.AssetKey("word")) == {"a", "b", "c"}


def test_an_io_manager_knows_the_run_that_it_works_for(instance: dg.DagsterInstance) -> None:
    """Both storing and loading have the run's id and its tags."""
    manager = Narrowing()
    result = run(instance, "abc", manager)
    assert result.success
    assert [(one.run_id, one.tags["mine"]) for one in manager.runs] == [(result.run_id, "yes")] * 3


# --- The graph of a run ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "positions"),
    [
        (None, {"one": ([], False), "two": (["one"], False), "three": (["one", "two"], True)}),
        (["one", "two", "three"], {"one": ([], False), "two": (["one"], False), "three": (["one", "two"], True)}),
        (["one"], {"one": ([], True)}),
        (["two"], {"two": ([], True)}),
        (["two", "three"], {"two": ([], False), "three": (["two"], True)}),
        (["one", "three"], {"one": ([], False), "three": (["one"], True)}),
    ],
)
def test_a_step_knows_its_place_in_the_run(
    selection: Sequence[str] | None, positions: dict[str, tuple[list[str], bool]]
) -> None:
    """A step knows what the run makes before it, in order, and whether anything after it, also beyond a gap."""
    found: dict[str, tuple[list[str], bool]] = {}

    def note(context: dg.AssetExecutionContext) -> None:
        before = [key.to_user_string() for key in assets_before(context)]
        found[context.asset_key.to_user_string()] = (before, is_last_of_run(context))

    @dg.asset
    def one(context: dg.AssetExecutionContext) -> None:
        note(context)

    @dg.asset(deps=[one])
    def two(context: dg.AssetExecutionContext) -> None:
        note(context)

    @dg.asset(deps=[two])
    def three(context: dg.AssetExecutionContext) -> None:
        note(context)

    job = dg.Definitions(assets=[one, two, three]).resolve_implicit_global_asset_job_def()
    keys = None if selection is None else [dg.AssetKey(name) for name in selection]
    assert job.execute_in_process(asset_selection=keys).success
    assert found == positions


# --- The tags of a run -----------------------------------------------------------------------------------------------


def test_a_run_names_its_partitions() -> None:
    """One partition is named by its key, a range by its ends, and no partition as none."""

    @dg.asset(partitions_def=letters)
    def letter() -> None: ...

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("letters", ["a"])
        done = dg.materialize([letter], instance=instance, partition_key="a")
        single = instance.get_run_by_id(done.run_id)
    assert single is not None
    assert (partition_of(single), partitions_named_by(single)) == ("a", ["a"])
    ranged, plain = dg.DagsterRun("job", tags=ALL), dg.DagsterRun("job")
    assert (partition_of(ranged), partitions_named_by(ranged)) == (None, ["a", "c"])
    assert (partition_of(plain), partitions_named_by(plain)) == (None, [])


def test_the_tags_of_the_queue_have_the_names_that_dagster_documents() -> None:
    """The queue and the run monitoring read these tags, which https://docs.dagster.io documents."""
    assert queue_tags(priority=10, max_runtime_seconds=600) == {"dagster/priority": "10", "dagster/max_runtime": "600"}


def test_a_hidden_tag_is_not_shown_and_finds_its_runs() -> None:
    """The UI does not get it, and runs are filtered by it as by any other tag."""
    name = hidden_tag("mine")
    assert is_hidden(name)
    assert not is_hidden("mine/name")
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.add_run(dg.DagsterRun("job", tags={name: "1"}))
        instance.add_run(dg.DagsterRun("job", tags={name: "2"}))
        found = instance.get_run_records(filters=dg.RunsFilter(tags={name: ["1", "3"]}))
        assert [record.dagster_run.run_id for record in found] == [run.run_id]


# --- Failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (dg.Failure(description="two of three failed\na: gone\nb: gone"), "two of three failed; a: gone; b: gone"),
        (ValueError("the first cause"), "ValueError: the first cause"),
    ],
)
def test_a_failed_step_says_why(error: Exception, text: str) -> None:
    """A failed step has its own words, on one line, or else the original error, not what Dagster wraps around it."""

    @dg.asset
    def failing() -> None:
        try:
            raise error
        except ValueError as first:
            raise RuntimeError("in between") from first

    result = dg.materialize([failing], raise_on_error=False)
    [event] = [event for event in result.all_events if event.is_step_failure]
    assert step_failure_text(event).strip() == text


def test_a_run_is_ended_as_failed() -> None:
    """The run fails whatever its launcher knows about it, and its log has the reason."""
    with dg.DagsterInstance.ephemeral() as instance:
        started = instance.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.STARTED))
        end_as_failed(instance, started, "its process has died")
        ended = instance.get_run_by_id(started.run_id)
        assert ended is not None
        assert ended.status is dg.DagsterRunStatus.FAILURE
        assert "its process has died" in [entry.message for entry in instance.all_logs(started.run_id)]


# --- An instance, its daemon and its limits --------------------------------------------------------------------------


def test_an_instance_is_opened_by_its_directory(tmp_path: Path) -> None:
    """The instance opens whatever DAGSTER_HOME says, and what is stored is found again."""
    for expected in ([], ["a"]):
        with open_instance(str(tmp_path)) as instance:
            assert instance.get_dynamic_partitions("letters") == expected
            instance.add_dynamic_partitions("letters", ["a"])
    assert any(tmp_path.rglob("*.db"))


def test_the_limit_on_runs_is_that_of_the_configuration() -> None:
    """The limit is the one in `dagster.yaml`."""
    with dg.instance_for_test(overrides={"concurrency": {"runs": {"max_concurrent_runs": 3}}}) as instance:
        assert max_concurrent_runs(instance) == 3


def test_without_a_queue_there_is_no_limit_on_runs() -> None:
    """An instance that launches each run at once has no limit."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert max_concurrent_runs(instance) is None


def test_a_daemon_is_known_by_its_heartbeats() -> None:
    """Each part of a daemon has its kind, its last heartbeat, and whether it reports errors."""
    with dg.instance_for_test() as instance:
        assert heartbeats(instance) == {}
        parts = required_daemons(instance)
        assert {"SENSOR", "SCHEDULER"} <= set(parts)
        assert parts == sorted(parts)
        record_heartbeats(instance, timestamp=1000.5)
        assert heartbeats(instance) == dict.fromkeys(parts, Heartbeat(1000.5, has_errors=False))
        record_heartbeats(instance, timestamp=2000.5, errors=["something"])
        assert heartbeats(instance) == dict.fromkeys(parts, Heartbeat(2000.5, has_errors=True))


def test_a_persons_switches_are_recorded() -> None:
    """A switch is recorded by name, and there is none that nobody has switched and no daemon has seen."""
    with dg.instance_for_test() as instance:
        assert switch_states(instance) == {}
        record_switch(instance, "alerts", is_on=True)
        record_switch(instance, "new_shares", is_on=False)
        assert switch_states(instance) == {"alerts": "RUNNING", "new_shares": "STOPPED"}


def test_positions_are_those_of_the_keys_asked_for_and_of_the_newest(instance: dg.DagsterInstance) -> None:
    """Neighbours differ by one, others by more, and a key that does not exist has none. The rest is not returned."""
    instance.add_dynamic_partitions("letters", list("abcdef"))
    found = positions_of_partitions(instance, "letters", ["e", "a", "b", "x"])
    assert sorted(found, key=found.__getitem__) == ["a", "b", "e", "f"]
    assert [found[key] - found["a"] for key in "abef"] == [0, 1, 4, 5]


def test_positions_are_of_one_list_of_partitions(instance: dg.DagsterInstance) -> None:
    """Those of another definition, and what was removed, leave gaps and are never counted as the newest."""
    assert positions_of_partitions(instance, "letters", ["a"]) == {}
    instance.add_dynamic_partitions("letters", ["a"])
    instance.add_dynamic_partitions("digits", ["a", "1"])
    instance.add_dynamic_partitions("letters", ["b", "c", "d"])
    instance.delete_dynamic_partition("letters", "c")
    instance.add_dynamic_partitions("digits", ["2"])
    found = positions_of_partitions(instance, "letters", ["a", "b"])
    assert set(found) == {"a", "b", "d"}
    assert found["b"] - found["a"] > 1
    assert found["d"] - found["b"] > 1
    assert set(positions_of_partitions(instance, "digits", [])) == {"2"}


def test_many_positions_are_read_as_well(instance: dg.DagsterInstance) -> None:
    """More keys than one query takes are read in the same way."""
    keys = [str(number) for number in range(2_500)]
    instance.add_dynamic_partitions("letters", keys)
    found = positions_of_partitions(instance, "letters", keys)
    assert sorted(found, key=found.__getitem__) == keys


def test_positions_in_another_storage_are_an_error(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A storage that is not in a database is named, and not taken for one without partitions."""
    monkeypatch.setattr(dg.DagsterInstance, "event_log_storage", object())
    with pytest.raises(TypeError, match="expected Dagster's storage in SQLite, PostgreSQL or MySQL, found object"):
        positions_of_partitions(instance, "letters", ["a"])


@dg.asset(check_specs=[dg.AssetCheckSpec("is_long", asset="measured")])
def measured(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Materialize, and observe another asset, as a failed share is observed."""
    context.log_event(dg.AssetObservation("other", partition="a"))
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="is_long", passed=True)])


@pytest.fixture(params=["sqlite", "postgres"])
def kept_instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Return a Dagster storage that is kept: in files, or on PostgreSQL."""
    is_sqlite = request.param == "sqlite"
    url = None if is_sqlite else str(request.getfixturevalue("empty_postgres_url"))
    overrides = {} if url is None else {"storage": {"postgres": {"postgres_url": url}}}
    with dg.instance_for_test(overrides=overrides, temp_dir=str(tmp_path)) as one:
        yield one


def test_a_removed_run_leaves_nothing(kept_instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """No row in any table and no file, neither of its events nor of its logs. The other run keeps all it had."""
    removed, kept = (dg.materialize([measured], instance=kept_instance, tags={"mine": "yes"}).run_id for _ in "ab")
    before = rows_of_run(kept_instance, kept)
    assert set(before) == {"runs", "run_tags", "event_logs", "asset_check_executions"}
    assert rows_of_run(kept_instance, removed) == before
    assert list(tmp_path.rglob(f"{removed}*"))

    remove_run(kept_instance, removed)

    assert rows_of_run(kept_instance, removed) == {}
    assert list(tmp_path.rglob(f"{removed}*")) == []
    assert rows_of_run(kept_instance, kept) == before


def test_a_removal_can_be_repeated(kept_instance: dg.DagsterInstance) -> None:
    """What was interrupted is done again, and a run that is gone is no error."""
    run_id = dg.materialize([measured], instance=kept_instance).run_id
    remove_run(kept_instance, run_id)
    remove_run(kept_instance, run_id)
    assert rows_of_run(kept_instance, run_id) == {}


def test_a_run_tells_what_it_said_of_assets(kept_instance: dg.DagsterInstance) -> None:
    """Its materializations, its observations with their partitions and its checks, and nothing else."""
    run_id = dg.materialize([measured], instance=kept_instance).run_id
    said = {
        (one.type.value, one.asset.to_user_string(), one.partition, one.check) for one in said_in(kept_instance, run_id)
    }
    assert said == {
        ("ASSET_MATERIALIZATION", "measured", None, None),
        ("ASSET_OBSERVATION", "other", "a", None),
        ("ASSET_CHECK_EVALUATION", "measured", None, "is_long"),
    }


def test_the_latest_run_of_a_check_is_known(kept_instance: dg.DagsterInstance) -> None:
    """The second of two runs; none for a check that was never evaluated."""
    runs = [dg.materialize([measured], instance=kept_instance).run_id for _ in range(2)]
    assert latest_check_run(kept_instance, dg.AssetCheckKey(measured.key, "is_long"), None) == runs[1]
    assert latest_check_run(kept_instance, dg.AssetCheckKey(measured.key, "never"), None) is None


def test_the_checks_that_a_run_left_open_are_known(kept_instance: dg.DagsterInstance) -> None:
    """Those that it planned and never evaluated; none once another run has."""
    job = dg.Definitions(assets=[measured]).resolve_implicit_global_asset_job_def()
    dead = kept_instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert checks_left_open(kept_instance, dead) == [dg.AssetCheckKey(measured.key, "is_long")]
    done = dg.materialize([measured], instance=kept_instance)
    assert checks_left_open(kept_instance, done.dagster_run) == []
    assert checks_left_open(kept_instance, dead) == []


def test_a_backfill_is_known_until_it_has_ended(kept_instance: dg.DagsterInstance) -> None:
    """One that has ended does not count."""
    record_backfill(kept_instance, has_ended=True)
    assert not has_backfills(kept_instance)
    record_backfill(kept_instance, has_ended=False)
    assert has_backfills(kept_instance)
