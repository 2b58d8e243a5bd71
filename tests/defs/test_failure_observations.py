"""What an analyst finds at a partition whose run is red: at each asset why, at which step, and what comes next."""

from typing import Any

import dagster as dg
import pytest

from bookmarkai_assets.batches import WHY_RUN_IS_RED
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass, TranscriptionError
from bookmarkai_assets.core.outcomes import FAILURES, Failure, Outcome
from bookmarkai_assets.core.transcripts.transcript import Transcript
from tests.plugins.pipeline import ASSETS, Pipeline, link

Observed = tuple[str, str, dict[str, Any]]


def observed(pipeline: Pipeline) -> list[Observed]:
    """Return every observation as asset, partition and metadata, oldest first."""
    found = [
        (record.timestamp, asset, observation)
        for asset in ASSETS
        for record in pipeline.instance.fetch_observations(dg.AssetKey(asset), limit=100).records
        if (observation := record.event_log_entry.asset_observation) is not None
    ]
    return [
        (asset, observation.partition or "", {key: value.value for key, value in observation.metadata.items()})
        for _, asset, observation in sorted(found, key=lambda entry: entry[0])
    ]


def test_a_failed_partition_says_why_at_every_asset_of_its_run(pipeline: Pipeline) -> None:
    """Outcome, reason, step, next step and attempts are at raw_video, where it failed, and at the assets after it."""
    good, bad = pipeline.share("good", "bad")
    pipeline.downloader.fail(link("bad"), Failure(Outcome.GONE, "HTTP 404"))
    pipeline.tick_and_run()
    found = observed(pipeline)
    assert [(asset, partition) for asset, partition, _ in found] == [(asset, bad) for asset in ASSETS]
    for _, _, shown in found:
        assert shown == {
            "outcome": "gone",
            "reason": "HTTP 404",
            "failed_at": "raw_video",
            "next_step": FAILURES[Outcome.GONE].next_step,
            "is_transient": False,
            "attempts": 1,
            "next_attempt_at": None,
            "url": link("bad"),
        }
    assert {pipeline.metadata(asset, good)["outcome"] for asset in ASSETS} == {"done"}


@pytest.mark.parametrize("selection", [ASSETS[:1], ASSETS[1:], (ASSETS[0], ASSETS[2])])
def test_a_run_of_some_assets_says_why_at_these(pipeline: Pipeline, selection: tuple[str, ...]) -> None:
    """Each names the step of the run at which the share failed, also one that is not next to it."""
    [share] = pipeline.share_links(link("gone"))
    pipeline.downloader.fail(link("gone"), Failure(Outcome.GONE, "HTTP 404"))
    pipeline.materialize([share], selection)
    found = observed(pipeline)
    assert [(asset, partition) for asset, partition, _ in found] == [(asset, share) for asset in selection]
    assert {shown["failed_at"] for _, _, shown in found} == {selection[0]}


def test_good_partitions_say_that_their_run_failed_for_others(pipeline: Pipeline) -> None:
    """At every asset they say at which step how many others failed, whether that was before or after the asset."""
    good, gone, mute = pipeline.share("good", "gone", "mute")
    pipeline.downloader.fail(link("gone"), Failure(Outcome.GONE, "HTTP 404"))
    pipeline.downloader.serve(link("mute"), audio=None)
    [run] = pipeline.tick_and_run()
    assert not run.success
    first = "others failed at raw_video: 1 gone. 1 of 3 shares failed, the others went on"
    both = "others failed at raw_video: 1 gone; at transcript: 1 no_audio. 2 of 3 shares failed, the others went on"
    assert [pipeline.metadata(asset, good)[WHY_RUN_IS_RED] for asset in ASSETS] == [first, first, both]
    assert [(asset, shown) for asset, partition, shown in observed(pipeline) if partition == good] == [
        ("raw_video", {WHY_RUN_IS_RED: both}),
        ("stored_media", {WHY_RUN_IS_RED: both}),
    ]
    assert [(asset, shown["failed_at"]) for asset, partition, shown in observed(pipeline) if partition == mute] == [
        (asset, "transcript") for asset in ASSETS
    ]
    assert [asset for asset, partition, _ in observed(pipeline) if partition == gone] == list(ASSETS)


def test_a_failed_partition_leads_to_its_shares_page(pipeline: Pipeline) -> None:
    """At every asset of its run, where the settings say where the HTTP door is."""
    pipeline.configure(door_url="https://videos.example.com")
    pipeline.downloader.fail(link("gone"), Failure(Outcome.GONE, "HTTP 404"))
    [share] = pipeline.share("gone")
    pipeline.tick_and_run()

    assert [shown["share_page"] for _, _, shown in observed(pipeline)] == [
        f"https://videos.example.com/shares/{share}"
    ] * len(ASSETS)


def test_the_error_of_a_run_says_of_each_share_what_its_partition_says(pipeline: Pipeline) -> None:
    """*View logs* of a failed partition ends with it: a line that counts, then each share with what comes next."""
    _, gone, private = pipeline.share("good", "gone", "private")
    pipeline.downloader.fail(link("gone"), Failure(Outcome.GONE, "HTTP 404"))
    pipeline.downloader.fail(link("private"), Failure(Outcome.PRIVATE, "for friends"))
    [run] = pipeline.tick_and_run()
    [event] = [event for event in run.all_events if event.is_step_failure]
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    words = [
        "failed at raw_video: 1 gone, 1 private. 2 of 3 shares failed, the others went on",
        f"{gone}: gone: HTTP 404\n  {FAILURES[Outcome.GONE].next_step} Attempt 1, no other by itself.",
        f"{private}: private: for friends\n  {FAILURES[Outcome.PRIVATE].next_step} Attempt 1, no other by itself.",
    ]
    # The shares are in the order of their partitions.
    assert failure.description in {"\n".join(words), "\n".join([words[0], words[2], words[1]])}


def test_the_log_of_each_step_begins_with_what_failed(pipeline: Pipeline) -> None:
    """Of what a step says itself, the lines about failed shares come first, in words, with the step of the failure."""
    _, bad = pipeline.share("good", "bad")
    pipeline.downloader.fail(link("bad"), Failure(Outcome.GONE, "HTTP 404"))
    [run] = pipeline.tick_and_run()
    mechanics = {"STEP_START", "STEP_INPUT", "LOADED_INPUT"}
    for asset in ASSETS:
        events = [event for event in run.all_events if event.step_key == asset]
        [first, *_] = [event for event in events if event.event_type_value not in mechanics]
        observation = first.asset_observation_data.asset_observation
        assert observation.partition == bad
        assert observation.description == "failed at raw_video: gone: HTTP 404"


def test_a_failure_that_is_retried_says_when(pipeline: Pipeline) -> None:
    """While attempts are left it has the time of the next one, and after the last the command for a retry."""
    pipeline.configure(retry_max_attempts=2)
    [share] = pipeline.share("pasta")
    pipeline.downloader.fail(link("pasta"), Failure(Outcome.UNREACHABLE, "no answer"), times=9)
    pipeline.tick_and_run()
    while not pipeline.tick_and_run():
        pass
    first, last = (shown for asset, _, shown in observed(pipeline) if asset == "raw_video")
    assert (first["attempts"], first["is_transient"]) == (1, True)
    assert first["next_attempt_at"]
    assert (last["attempts"], last["next_attempt_at"]) == (2, None)
    assert f"bookmarkai shares retry {share}" in last["next_step"]


@pytest.mark.parametrize("fails_alone", [True, False])
def test_a_video_that_the_store_refuses_is_shown_at_stored_media(pipeline: Pipeline, *, fails_alone: bool) -> None:
    """It is also shown before and after, and whether it is the run's only share or not."""
    pipeline.configure(storage_mode="s3")
    shares = pipeline.share("bad") if fails_alone else pipeline.share("bad", "good")
    pipeline.s3.fail_next("put", StoreError(StoreErrorClass.ACCESS_DENIED, "403"))
    pipeline.tick_and_run()
    found = [entry for entry in observed(pipeline) if "outcome" in entry[2]]
    assert sorted(asset for asset, _, _ in found) == sorted(ASSETS)
    for _, partition, shown in found:
        assert partition in shares
        assert (shown["outcome"], shown["failed_at"]) == ("storage_failed", "stored_media")
        assert shown["reason"] == "access_denied: 403"


def test_a_failure_at_the_last_step_is_shown_at_every_asset(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transcription failure is observed at the green partitions before it too, whose run is red."""
    [share] = pipeline.share("pasta")

    def mute(*_: object, **__: object) -> Transcript:
        raise TranscriptionError("no words")

    monkeypatch.setattr(pipeline.speech, "transcribe", mute)
    pipeline.tick_and_run()
    assert sorted(
        (asset, partition, shown["failed_at"], shown["outcome"]) for asset, partition, shown in observed(pipeline)
    ) == [(asset, share, "transcript", "transcription_failed") for asset in sorted(ASSETS)]


def test_a_missing_video_is_shown_where_a_backfill_begins(pipeline: Pipeline) -> None:
    """A backfill of only the later assets says that there is no video."""
    [share] = pipeline.share("pasta")
    pipeline.materialize([share], ASSETS[1:])
    assert [
        (asset, partition, shown["failed_at"], shown["outcome"]) for asset, partition, shown in observed(pipeline)
    ] == [(asset, share, "stored_media", "media_missing") for asset in ASSETS[1:]]


def test_a_postponed_share_says_what_it_waits_for(pipeline: Pipeline) -> None:
    """Postponing is no failure: the run is green, the partition unchanged, and its observation has the reason."""
    pipeline.configure(download_min_free_bytes=2**62)
    [share] = pipeline.share("pasta")
    assert pipeline.materialize([share]).success
    found = observed(pipeline)
    assert [(asset, partition) for asset, partition, _ in found] == [(asset, share) for asset in ASSETS]
    for _, _, shown in found:
        assert (shown["outcome"], shown["attempts"]) == ("postponed", 0)
        assert shown["next_attempt_at"]
        assert shown["next_step"] == FAILURES[Outcome.POSTPONED].next_step
    assert pipeline.materialized("raw_video") == set()
