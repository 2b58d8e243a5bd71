"""What an analyst sees after a change of model: which transcripts are stale, and a backfill that makes them again."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest

from bookmarkai_assets.core.transcripts.staleness import CurrentRecipe
from bookmarkai_assets.metadata.tables import MAX_SELECTION_CHARACTERS
from bookmarkai_assets.metadata.transcripts import staleness_metadata
from bookmarkai_assets.operations.transcripts.stale import StalenessReport
from tests.fakes.speech import FakeSpeechEngine
from tests.plugins.pipeline import ASSETS, Pipeline, link
from tests.support.catalog import execute
from tests.support.stale_status import StaleStatus, code_location
from tests.support.transcripts import RECIPE

# Dagster's own warning when it describes a code location.
pytestmark = pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")


@pytest.fixture
def kept(pipeline: Pipeline) -> Iterator[Pipeline]:
    """Return the pipeline with a Dagster instance on disk, which another process can open."""
    with dg.instance_for_test(temp_dir=str(pipeline.directory)) as instance:
        pipeline.use_instance(instance)
        yield pipeline


@contextmanager
def ui_status(pipeline: Pipeline) -> Iterator[StaleStatus]:
    """Yield access to what the UI shows under the current settings."""
    directory = pipeline.directory / "location"
    directory.mkdir(exist_ok=True)
    with code_location(pipeline.instance, pipeline.settings, directory) as shown:
        yield shown


def statuses(pipeline: Pipeline, shares: Sequence[str]) -> list[str]:
    """Return what the UI shows of the transcripts' partitions under the current settings."""
    with ui_status(pipeline) as shown:
        return shown.statuses("transcript", shares)


def change_model(pipeline: Pipeline, name: str) -> None:
    """Have another model transcribe from now on, as `WHISPER_MODEL` does."""
    pipeline.configure(whisper_model=name)
    pipeline.speech = FakeSpeechEngine(model=name)


def daily_check(pipeline: Pipeline) -> tuple[bool, dict[str, Any]]:
    """Run the daily check, and return whether nothing is stale, and what the check shows."""
    run = pipeline.run_schedule("daily_stale_transcripts")
    assert run.success
    check = pipeline.checks(run)["made_as_set"]
    assert check.asset_key == dg.AssetKey("transcript")
    assert not check.blocking
    tables = {key: value for key, value in check.metadata.items() if isinstance(value, dg.TableMetadataValue)}
    rows = {key: [dict(record.data) for record in table.records] for key, table in tables.items()}
    return check.passed, {key: value.value for key, value in check.metadata.items()} | rows


def test_a_changed_model_makes_the_old_transcripts_stale_and_a_backfill_makes_them_fresh(kept: Pipeline) -> None:
    """Earlier transcripts are stale by their code version, later ones are fresh, and after the backfill all are."""
    kept.share("a", "b", "c")
    kept.share_links(link("a?utm_source=x"))
    while kept.tick_and_run():
        pass
    old = kept.instance.get_dynamic_partitions("shares")
    assert statuses(kept, old) == ["FRESH"] * 4

    change_model(kept, "base.en")
    [new] = kept.share("d")
    kept.tick_and_run()
    with ui_status(kept) as shown:
        assert [shown.of("transcript", share) for share in old] == [("STALE", ["CODE"])] * 4
        assert shown.of("transcript", new) == ("FRESH", [])
        for asset in ("raw_video", "stored_media"):
            assert shown.statuses(asset, [*old, new]) == ["FRESH"] * 5

    assert kept.materialize(old, ["transcript"]).success
    assert statuses(kept, [*old, new]) == ["FRESH"] * 5


def test_moved_and_refetched_media_leave_transcripts_fresh(kept: Pipeline) -> None:
    """Batches of another size, and another location of the media, make no transcript stale."""
    kept.share("a", "b", "c", "d")
    kept.tick_and_run()
    shares = kept.instance.get_dynamic_partitions("shares")

    kept.configure(storage_mode="s3")
    assert kept.materialize(shares[:3], ["stored_media"]).success
    assert kept.metadata("stored_media", shares[0])["backend"] == "s3"
    assert kept.materialize(shares[3:], ["raw_video", "stored_media"]).success

    with ui_status(kept) as shown:
        for asset in ASSETS:
            assert shown.statuses(asset, shares) == ["FRESH"] * 4


def test_the_check_names_stale_transcripts_and_what_selects_them(pipeline: Pipeline) -> None:
    """It is a warning with counts, what differs, and the URL of a filled-in backfill; after that backfill it passes."""
    pipeline.share("a", "b")
    pipeline.tick_and_run()
    first, second = pipeline.instance.get_dynamic_partitions("shares")
    is_good, shown = daily_check(pipeline)
    assert is_good
    assert (shown["stale"], shown["transcripts"], shown["partitions"]) == (0, 2, "")
    assert "backfill" not in shown

    change_model(pipeline, "small")
    pipeline.share("c")
    pipeline.tick_and_run()
    is_good, shown = daily_check(pipeline)
    assert not is_good
    assert (shown["stale"], shown["transcripts"], shown["without_media"], shown["not_made_here"]) == (2, 3, 0, 0)
    assert shown["partitions"] == f"[{first}...{second}]"
    assert shown["backfill"].startswith("/assets/transcript?")
    assert shown["backfill"].endswith(f"default_range=%5B{first}...{second}%5D")
    assert shown["set"]["model"] == "small"
    [row] = shown["made_by"]
    assert (row["transcripts"], row["model"], row["what differs"]) == ("2", "fake-model", "model fake-model, now small")
    assert {row["share_id"] for row in shown["newest"]} == {first, second}

    run = pipeline.materialize([first, second], ["transcript"])
    assert pipeline.checks(run)["made_as_set"].passed
    assert daily_check(pipeline)[0]


def test_a_run_of_the_sensor_does_not_check(pipeline: Pipeline) -> None:
    """New shares make nothing stale, so their runs do not check all transcripts."""
    pipeline.share("a")
    [run] = pipeline.tick_and_run()
    assert "made_as_set" not in pipeline.checks(run)


def test_two_stale_shares_of_a_video_are_transcribed_once(pipeline: Pipeline) -> None:
    """In one backfill the second reuses what the first got, and a third whose own is fresh is transcribed again."""
    pipeline.share("a")
    pipeline.share_links(link("a?utm_source=x"), link("a?utm_source=y"))
    while pipeline.tick_and_run():
        pass
    shares = pipeline.instance.get_dynamic_partitions("shares")
    assert len(pipeline.speech.calls) == 1

    change_model(pipeline, "small")
    assert pipeline.materialize(shares, ["transcript"]).success
    assert len(pipeline.speech.calls) == 1
    assert sorted(pipeline.metadata("transcript", share)["is_reused"] for share in shares) == [False, True, True]
    assert {pipeline.metadata("transcript", share)["model"] for share in shares} == {"small"}

    assert pipeline.materialize(shares[:1], ["transcript"]).success
    assert len(pipeline.speech.calls) == 2


def test_a_new_share_of_an_old_video_reuses_only_the_current_recipes_transcript(pipeline: Pipeline) -> None:
    """A transcript with another beam size is not reused, and one with the same is, whoever shared the video."""
    pipeline.share("a")
    pipeline.tick_and_run()
    pipeline.speech = FakeSpeechEngine(beam_size=2)
    for number in range(2):
        pipeline.share_links(link(f"a?utm_source={number}"))
        [run] = pipeline.tick_and_run()
        assert run.success
    assert len(pipeline.speech.calls) == 1


def test_a_share_reuses_what_the_engine_would_write_for_it(pipeline: Pipeline) -> None:
    """A transcript in en is not reused for a share hinted as de, and an unknown language is no hint."""
    hints = (None, "en", "tlh", "de")
    pipeline.share("a")
    pipeline.tick_and_run()
    shares = pipeline.share_links(*(link(f"a?utm_source={hint}") for hint in hints))
    for share, hint in zip(shares, hints, strict=True):
        said = json.dumps({"language": hint})
        execute(pipeline.catalog, "UPDATE shares SET platform_data = :said WHERE id = :id", said=said, id=share)
    while pipeline.tick_and_run():
        pass
    assert [pipeline.report(share)["status"] for share in shares] == ["done"] * 4
    assert [pipeline.metadata("transcript", share)["is_reused"] for share in shares] == [True, True, True, False]
    assert [call.language for call in pipeline.speech.calls] == [None, "de"]


def test_metadata_of_many_stale_transcripts_stays_small() -> None:
    """However many partitions are stale, the event has a part of the selection, and says where the rest is."""
    keys = [f"00000000-0000-4000-8000-{number:012}" for number in range(1000)]
    present = CurrentRecipe(RECIPE.setup, None, weights_unknown="no model")
    report = StalenessReport(present, 1000, 1000, made_by=(), newest=(), partitions=", ".join(keys))
    shown: Any = staleness_metadata(report)
    assert len(shown["partitions"]) < MAX_SELECTION_CHARACTERS + 100
    assert shown["partitions"].endswith("… (`bookmarkai transcripts stale --partitions`)")
    assert shown["weights_unknown"] == "no model"
    assert "backfill" not in shown
