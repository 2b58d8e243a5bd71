"""What an analyst finds at a partition without a result: once per run, why, what comes next, and when."""

from typing import Any

import dagster as dg
import pytest

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


def test_a_failed_partition_says_why_where_it_failed(pipeline: Pipeline) -> None:
    """Outcome, reason, next step and attempts are at raw_video, and not again at the assets after it."""
    good, bad = pipeline.share("good", "bad")
    pipeline.downloader.fail(link("bad"), Failure(Outcome.GONE, "HTTP 404"))
    pipeline.tick_and_run()
    [(asset, partition, shown)] = observed(pipeline)
    assert (asset, partition) == ("raw_video", bad)
    assert shown == {
        "outcome": "gone",
        "reason": "HTTP 404",
        "next_step": FAILURES[Outcome.GONE].next_step,
        "is_transient": False,
        "attempts": 1,
        "next_attempt_at": None,
        "url": link("bad"),
    }
    assert {pipeline.metadata(asset, good)["outcome"] for asset in ASSETS} == {"done"}


def test_a_failure_that_is_retried_says_when(pipeline: Pipeline) -> None:
    """While attempts are left it has the time of the next one, and after the last the command for a retry."""
    pipeline.configure(retry_max_attempts=2)
    [share] = pipeline.share("pasta")
    pipeline.downloader.fail(link("pasta"), Failure(Outcome.UNREACHABLE, "no answer"), times=9)
    pipeline.tick_and_run()
    while not pipeline.tick_and_run():
        pass
    first, last = (shown for _, _, shown in observed(pipeline))
    assert (first["attempts"], first["is_transient"]) == (1, True)
    assert first["next_attempt_at"]
    assert (last["attempts"], last["next_attempt_at"]) == (2, None)
    assert f"bookmarkai shares retry {share}" in last["next_step"]


@pytest.mark.parametrize("fails_alone", [True, False])
def test_a_video_that_the_store_refuses_is_shown_at_stored_media(pipeline: Pipeline, *, fails_alone: bool) -> None:
    """This also holds when it is the run's only share, and storing it ends the run."""
    pipeline.configure(storage_mode="s3")
    shares = pipeline.share("bad") if fails_alone else pipeline.share("bad", "good")
    pipeline.s3.fail_next("put", StoreError(StoreErrorClass.ACCESS_DENIED, "403"))
    pipeline.tick_and_run()
    [(asset, partition, shown)] = observed(pipeline)
    assert (asset, partition in shares, shown["outcome"]) == ("stored_media", True, "storage_failed")
    assert shown["reason"] == "access_denied: 403"


def test_a_failure_at_the_last_step_is_shown_there(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transcription failure is observed at transcript alone."""
    [share] = pipeline.share("pasta")

    def mute(*_: object, **__: object) -> Transcript:
        raise TranscriptionError("no words")

    monkeypatch.setattr(pipeline.speech, "transcribe", mute)
    pipeline.tick_and_run()
    [(asset, partition, shown)] = observed(pipeline)
    assert (asset, partition, shown["outcome"]) == ("transcript", share, "transcription_failed")


def test_a_missing_video_is_shown_where_a_backfill_begins(pipeline: Pipeline) -> None:
    """A backfill of only the later assets says once that there is no video."""
    [share] = pipeline.share("pasta")
    pipeline.materialize([share], ASSETS[1:])
    [(asset, partition, shown)] = observed(pipeline)
    assert (asset, partition, shown["outcome"]) == ("stored_media", share, "media_missing")


def test_a_postponed_share_says_what_it_waits_for(pipeline: Pipeline) -> None:
    """Postponing is no failure: the run is green, the partition unchanged, and its observation has the reason."""
    pipeline.configure(download_min_free_bytes=2**62)
    [share] = pipeline.share("pasta")
    assert pipeline.materialize([share]).success
    [(asset, partition, shown)] = observed(pipeline)
    assert (asset, partition, shown["outcome"], shown["attempts"]) == ("raw_video", share, "postponed", 0)
    assert shown["next_attempt_at"]
    assert shown["next_step"] == FAILURES[Outcome.POSTPONED].next_step
    assert pipeline.materialized("raw_video") == set()
