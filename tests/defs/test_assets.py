"""The three assets over the production graph: what becomes of shares, good and bad, alone and in batches."""

import json
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import create_engine, text

from bookmarkai_assets.adapters.catalog.work import SqlWorkLedger
from bookmarkai_assets.core.errors import (
    CatalogUnavailableError,
    ConfigurationError,
    StoreError,
    StoreErrorClass,
    TranscriptionError,
)
from bookmarkai_assets.core.media.placement import StorageMode, StoragePolicy, place
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.ports import Begun, Refused
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.metadata.keys import KEYS
from tests.fakes.speech import speech_bytes
from tests.plugins.pipeline import ASSETS, Pipeline, link, make_pipeline
from tests.support.dagster_internals import interruption
from tests.support.deadlines import HANG_SECONDS

THROTTLED = StoreError(StoreErrorClass.THROTTLED, "SlowDown")


def failed_step(result: dg.ExecuteInProcessResult) -> tuple[str, str]:
    """Return the name of the one failed step and its message."""
    [event] = [event for event in result.all_events if event.is_step_failure]
    failure = event.step_failure_data.user_failure_data
    return event.step_key or "", (failure.description if failure else None) or ""


def test_the_chosen_sound_track_and_the_others_are_shown(pipeline: Pipeline) -> None:
    """For a video with several sound tracks, raw_video shows which of them is transcribed."""
    [share] = pipeline.share("one")
    pipeline.tick_and_run()
    shown = pipeline.metadata("raw_video", share)
    assert shown["sound_track"] == "2: aac, en, default"
    assert shown["sound_tracks"] == "1: aac, de, dub; 2: aac, en, default"


def test_a_share_becomes_a_transcript(pipeline: Pipeline) -> None:
    """All three assets materialize, the share is done and points to its media, and staging is empty."""
    [share] = pipeline.share("pasta")
    [run] = pipeline.tick_and_run()
    assert run.success
    report = pipeline.report(share)
    assert (report["status"], report["outcome"], report["attempts"]) == ("done", "done", 1)
    assert report["transcript"]["text"] == "This is pasta"
    assert Path(report["media"]["url"]).read_bytes() == f"video of {link('pasta')}".encode()
    assert Path(report["media"]["audio_url"]).is_file()
    assert not any((pipeline.media_dir / ".staging").iterdir())
    assert [(t["operation"], t["backend"], t["kind"], t["error_class"]) for t in report["transfers"]] == [
        ("fetch", "site", "video", None),
        ("put", "local", "video", None),
        ("put", "local", "audio", None),
        *[("put", "local", kind, None) for kind in ("json", "srt", "txt", "vtt")],
    ]
    files = report["media"]["transcript_files"]
    assert Path(files["txt"]).read_text() == "This is pasta\n"
    shown = pipeline.metadata("transcript", share)["files"].records
    assert {row.data["file"]: row.data["name"] for row in shown} == {
        kind: Path(file).name for kind, file in files.items()
    }
    assert {Path(file).parent for file in files.values()} == {Path(report["media"]["url"]).parent}


def test_metadata_has_exactly_the_documented_keys(pipeline: Pipeline) -> None:
    """The partitions have the metadata keys that the assets' descriptions document, in their order, and no others.

    What a share has no value of is absent.
    """
    pipeline.configure(door_url="https://videos.example.com")
    absent = {
        "raw_video": {"why_run_is_red", "storage_url", "thumbnail", "media_link"},
        "stored_media": {"why_run_is_red", "thumbnail", "expires_at", "rollout_decision"},
        "transcript": {"why_run_is_red", "thumbnail", "doubtful"},
    }
    [share] = pipeline.share("pasta")
    pipeline.tick_and_run()
    for asset in ASSETS:
        shown = list(pipeline.metadata(asset, share))
        assert shown == [key for key in KEYS[asset] if key not in absent[asset]]


def test_metadata_says_where_the_media_is_and_why(pipeline: Pipeline) -> None:
    """An analyst sees the backend, the decision's inputs, and the bytes' identity."""
    pipeline.configure(storage_mode="hybrid", s3_split_percentage=100)
    [share] = pipeline.share("pasta")
    pipeline.tick_and_run()
    shown = pipeline.metadata("stored_media", share)
    decision = place(StoragePolicy(StorageMode.HYBRID, 100), share)
    assert (shown["backend"], shown["storage_mode"], shown["s3_percentage"], shown["bucket"]) == (
        "s3",
        "hybrid",
        100,
        decision.bucket,
    )
    assert shown["placement"] == decision.reason
    assert shown["storage_url"].startswith("s3://fake-bucket/temp/videos/")
    assert shown["url"] == link("pasta")
    assert shown["size_bytes"] == len(f"video of {link('pasta')}")


def test_one_failing_share_of_a_batch_fails_alone(pipeline: Pipeline) -> None:
    """Nine of ten materialize in all three assets, and the run names the tenth and its reason at its last step."""
    shares = pipeline.share(*(f"video{n}" for n in range(10)))
    bad = shares[4]
    pipeline.downloader.fail(link("video4"), Failure(Outcome.PRIVATE, "the owner made it private"), times=9)
    [run] = pipeline.tick_and_run()
    assert not run.success
    for asset in ASSETS:
        assert pipeline.materialized(asset) == set(shares) - {bad}
    step, message = failed_step(run)
    assert step == "transcript"
    assert message.startswith("failed at raw_video: 1 private. 1 of 10 shares failed, the others went on\n")
    assert f"{bad}: private: the owner made it private" in message
    assert pipeline.report(bad)["status"] == "error"
    assert all(pipeline.report(share)["status"] == "done" for share in shares if share != bad)


@pytest.mark.parametrize("selection", [ASSETS[:1], ASSETS[:2], ASSETS])
def test_the_last_selected_asset_reports_the_failures(pipeline: Pipeline, selection: tuple[str, ...]) -> None:
    """Whatever part of the graph a backfill selects, its run is red and names the failed share exactly once."""
    good, bad = pipeline.share("good", "bad")
    pipeline.downloader.fail(link("bad"), Failure(Outcome.GONE, "404"))
    result = pipeline.materialize([good, bad], selection)
    step, message = failed_step(result)
    assert step == selection[-1]
    assert f"{bad}: gone: 404" in message
    for asset in selection:
        assert pipeline.materialized(asset) == {good}


def test_a_batch_in_which_all_fail_materializes_nothing(pipeline: Pipeline) -> None:
    """The first asset alone fails, and nothing is recorded for any asset, not even for the asset as a whole."""
    pipeline.share_links(link("x"), link("y"))
    [run] = pipeline.tick_and_run()
    step, message = failed_step(run)
    assert step == "raw_video"
    assert "2 of 2 shares failed" in message
    for asset in ASSETS:
        assert pipeline.instance.get_latest_materialization_event(dg.AssetKey(asset)) is None


def test_shares_that_fail_one_after_another_fail_the_step_of_the_last(pipeline: Pipeline) -> None:
    """The one step that fails names all of them, also when the last one is only put off there."""
    pipeline.configure(storage_mode="s3")
    pipeline.s3.outage = StoreError(StoreErrorClass.ACCESS_DENIED, "403 SignatureDoesNotMatch")
    _, gone = pipeline.share("waits", "gone")
    pipeline.downloader.fail(link("gone"), Failure(Outcome.GONE, "404"))
    [run] = pipeline.tick_and_run()
    step, message = failed_step(run)
    assert step == "stored_media"
    assert f"{gone}: gone: 404" in message
    assert message.startswith("failed at raw_video: 1 gone. 1 of 2 shares failed")


def test_the_same_video_shared_twice_is_fetched_stored_and_transcribed_once(pipeline: Pipeline) -> None:
    """Both shares are done and point to the same media, whose canonical link was fetched and transcribed once."""
    pipeline.downloader.serve(link("pasta"))
    first, second = pipeline.share_links(link("pasta?utm_source=a"), link("pasta?utm_source=b"))
    while pipeline.tick_and_run():
        pass
    one, other = pipeline.report(first), pipeline.report(second)
    assert one["status"] == other["status"] == "done"
    assert one["media"] == other["media"]
    assert one["transcript"]["text"] == other["transcript"]["text"]
    assert len(pipeline.downloader.calls) == len(pipeline.speech.calls) == 1
    assert pipeline.downloader.calls_for(link("pasta")) == 1
    assert {pipeline.metadata("transcript", share)["is_reused"] for share in (first, second)} == {False, True}


def test_two_shares_of_one_video_in_one_backfill_take_turns(pipeline: Pipeline) -> None:
    """Within one run, too, the second share waits for the bytes of the first."""
    pipeline.downloader.serve(link("pasta"))
    shares = pipeline.share_links(link("pasta?utm_source=a"), link("pasta?utm_source=b"))
    assert pipeline.materialize(shares).success
    assert len(pipeline.downloader.calls) == 1
    assert pipeline.materialized("transcript") == set(shares)


@pytest.mark.parametrize("is_one_run", [True, False])
def test_a_short_link_and_the_long_one_are_one_video(pipeline: Pipeline, *, is_one_run: bool) -> None:
    """In a backfill or in the sensor's runs, the video is fetched, stored and transcribed once, for both partitions."""
    name, short = "https://www.tiktok.com/@_/video/7300000000000000001", "https://vm.tiktok.com/ZMabc123/"
    pipeline.downloader.serve(name)
    pipeline.downloader.lead(short, name)
    shares = pipeline.share_links(f"{short}?_r=1", name.replace("@_", "@pasta.anna"))
    if is_one_run:
        assert pipeline.materialize(shares).success
    while pipeline.tick_and_run():
        pass
    one, other = (pipeline.report(share) for share in shares)
    assert (one["status"], other["status"]) == ("done", "done")
    assert one["media"] == other["media"]
    assert (pipeline.downloader.calls_for(name), len(pipeline.speech.calls)) == (1, 1)
    for asset in ASSETS:
        assert pipeline.materialized(asset) == set(shares)


def test_downloads_of_a_batch_run_in_parallel(pipeline: Pipeline) -> None:
    """As many downloads as the setting allows run at the same time."""
    pipeline.configure(download_concurrency=3)
    meeting = threading.Barrier(3)  # each of the first three waits until all three are there
    pipeline.on_download = lambda _: meeting.wait(timeout=HANG_SECONDS)
    pipeline.share("a", "b", "c")
    [run] = pipeline.tick_and_run()
    assert run.success


def meet(meeting: threading.Barrier, _: float) -> None:
    """Wait for the others."""
    meeting.wait()


@pytest.mark.parametrize(("engine", "unset"), [("faster-whisper", 4), ("openai-whisper", 1)])
def test_sounds_of_a_batch_are_transcribed_in_parallel(pipeline: Pipeline, engine: str, unset: int) -> None:
    """As many sounds as the setting allows are transcribed at once; unset, as many as the engine profits from."""
    for setting, expected in ((None, unset), (2, 2)):
        pipeline.configure(whisper_engine=engine, whisper_concurrency=setting)
        meeting = threading.Barrier(expected, timeout=HANG_SECONDS)  # each waits until so many are there
        pipeline.speech.on_sentence = partial(meet, meeting)
        pipeline.share(*(f"{n}of{setting}" for n in range(expected)))
        [run] = pipeline.tick_and_run()
        assert run.success


def test_a_backfill_finds_the_bytes_wherever_they_are_now(pipeline: Pipeline) -> None:
    """With staging long gone, every asset of a finished share rematerializes without a download, in any mode.

    Materializing stored_media moves the media to where today's mode places it, and the other assets follow.
    """
    pipeline.configure(storage_mode="s3")
    shares = pipeline.share("a", "b")
    pipeline.tick_and_run()
    for mode in ("local", "s3", "local"):
        pipeline.configure(storage_mode=mode)
        for selection in (ASSETS, ASSETS[1:], ASSETS[2:], ASSETS[:1], (ASSETS[0], ASSETS[2])):
            assert pipeline.materialize(shares, selection).success
            assert [pipeline.report(share)["media"]["backend"] for share in shares] == [mode, mode]
    assert len(pipeline.downloader.calls) == 2
    assert pipeline.metadata("raw_video", shares[0])["is_reused"]
    assert all(pipeline.report(share)["status"] == "done" for share in shares)


def test_a_part_of_the_graph_is_continued_by_the_sensor(pipeline: Pipeline) -> None:
    """After an analyst fetched only a new share's video, the sensor stores and transcribes it without another fetch."""
    [share] = pipeline.share("a")
    assert pipeline.materialize([share], ASSETS[:1]).success
    assert pipeline.report(share)["status"] != "done"
    pipeline.tick_and_run()
    assert pipeline.report(share)["status"] == "done"
    assert len(pipeline.downloader.calls) == 1


def test_storing_an_unfetched_share_says_so(pipeline: Pipeline) -> None:
    """A backfill of a later asset over a share without a video fails with the step to take first."""
    [share] = pipeline.share("a")
    step, message = failed_step(pipeline.materialize([share], ASSETS[1:]))
    assert step == "stored_media"
    assert "materialize raw_video first" in message


def test_lost_bytes_are_fetched_again(pipeline: Pipeline) -> None:
    """When somebody deleted the stored file, rematerializing from raw_video brings it back under the same name."""
    [share] = pipeline.share("a")
    pipeline.tick_and_run()
    stored = Path(pipeline.report(share)["media"]["url"])
    stored.unlink()
    step, message = failed_step(pipeline.materialize([share], ASSETS[1:]))
    assert step == "stored_media"
    assert "media_missing" in message
    assert pipeline.report(share)["status"] == "done", "its transcript is intact"
    assert pipeline.materialize([share]).success
    assert stored.read_bytes() == f"video of {link('a')}".encode()


def test_a_failing_store_fails_the_share_and_nothing_falls_back_to_local(pipeline: Pipeline) -> None:
    """With S3 down the share waits for its retry with the reason; once S3 is back it is stored there, fetched once."""
    pipeline.configure(storage_mode="s3")
    pipeline.s3.fail_next("put", THROTTLED)
    [share] = pipeline.share("a")
    [run] = pipeline.tick_and_run()
    assert not run.success
    waiting = pipeline.report(share)
    assert (waiting["status"], waiting["outcome"]) == ("pending", "storage_failed")
    assert "throttled" in waiting["reason"]
    assert waiting["next_attempt_at"]
    assert not list((pipeline.media_dir).glob("temp/**/*.mp4"))
    [run] = pipeline.tick_and_run()
    assert run.success
    assert pipeline.report(share)["media"]["backend"] == "s3"
    assert len(pipeline.downloader.calls) == 1
    events = [(t["operation"], t["kind"], t["error_class"]) for t in pipeline.report(share)["transfers"]]
    assert ("put", "video", "throttled") in events


def test_in_a_batch_only_the_share_whose_upload_failed_waits(pipeline: Pipeline) -> None:
    """An upload that fails inside the IO manager takes its share out of the batch and leaves the others in."""
    pipeline.configure(storage_mode="s3", download_concurrency=1)
    pipeline.s3.fail_next("put", THROTTLED)
    shares = pipeline.share("a", "b", "c")
    [run] = pipeline.tick_and_run()
    assert not run.success
    assert len(pipeline.materialized("raw_video")) == 3
    assert len(pipeline.materialized("stored_media")) == len(pipeline.materialized("transcript")) == 2
    assert sorted(pipeline.report(share)["status"] for share in shares) == ["done", "done", "pending"]


def test_a_backfill_of_stored_media_alone_reports_a_failed_upload(pipeline: Pipeline) -> None:
    """The asset that is last in the run notices what its IO manager could not store."""
    pipeline.configure(storage_mode="s3")
    shares = pipeline.share("a", "b")
    assert pipeline.materialize(shares, ASSETS[:1]).success
    pipeline.s3.fail_next("put", THROTTLED)
    step, message = failed_step(pipeline.materialize(shares, ASSETS[1:2]))
    assert step == "stored_media"
    assert "1 of 2 shares failed" in message


def test_a_transient_failure_is_tried_again_and_then_parked(pipeline: Pipeline) -> None:
    """After its attempts the share ends as error with the last reason, and a manual retry gives all of them again."""
    pipeline.configure(retry_max_attempts=2)
    [share] = pipeline.share("a")
    pipeline.downloader.fail(link("a"), Failure(Outcome.UNREACHABLE, "no answer"), times=2)
    assert not pipeline.tick_and_run()[0].success
    assert pipeline.report(share)["status"] == "pending"
    assert not pipeline.tick_and_run()[0].success
    parked = pipeline.report(share)
    assert (parked["status"], parked["outcome"], parked["attempts"]) == ("error", "unreachable", 2)
    assert parked["next_step"]
    assert pipeline.tick_and_run() == []
    pipeline.catalog.work.retry([share], now=pipeline.catalog.shares.get(share).created_at)
    [run] = pipeline.tick_and_run()
    assert run.success
    assert pipeline.report(share)["status"] == "done"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TranscriptionError("the sound is noise"), "transcription_failed"),
        (ConfigurationError("no such model"), "misconfigured"),
    ],
)
def test_a_failing_engine_fails_the_share_that_it_had(
    pipeline: Pipeline, error: ConfigurationError | TranscriptionError, outcome: str
) -> None:
    """One transcription fails with its message, and the others of the batch are done."""
    shares = pipeline.share("a", "b")
    pipeline.speech.fail_next(error)
    [run] = pipeline.tick_and_run()
    assert str(error) in failed_step(run)[1]
    assert sorted(str(pipeline.report(share)["outcome"]) for share in shares) == ["done", outcome]


def test_a_fault_of_ours_fails_one_share_and_is_reported(pipeline: Pipeline) -> None:
    """An unforeseen exception takes one share out, with its type and message as the reason."""
    good, bad = pipeline.share("good", "bad")
    pipeline.downloader.fail(link("bad"), ZeroDivisionError("oh no"), times=9)
    pipeline.tick_and_run()
    assert pipeline.report(good)["status"] == "done"
    report = pipeline.report(bad)
    assert (report["outcome"], report["reason"]) == ("internal_error", "ZeroDivisionError: oh no")
    assert not any((pipeline.media_dir / ".staging").rglob("*.mp4"))


def test_a_video_without_sound_is_stored_and_ends_with_that_outcome(pipeline: Pipeline) -> None:
    """A video without sound has nothing to transcribe: the outcome is terminal, and the video is kept."""
    pipeline.downloader.serve(link("silent"), audio=None)
    [share] = pipeline.share_links(link("silent"))
    pipeline.tick_and_run()
    report = pipeline.report(share)
    assert (report["status"], report["outcome"]) == ("error", "no_audio")
    assert Path(report["media"]["url"]).is_file()
    assert report["media"]["audio_url"] is None


def test_a_lost_audio_track_makes_the_engine_read_the_video(pipeline: Pipeline) -> None:
    """The whole video is the fallback, and the transfer is recorded as such."""
    pipeline.configure(storage_mode="s3")
    [share] = pipeline.share("a")
    assert pipeline.materialize([share], ASSETS[:2]).success
    media = pipeline.report(share)["media"]
    pipeline.s3.delete(media["audio_url"])
    assert pipeline.materialize([share], ASSETS[2:]).success
    transfers = pipeline.report(share)["transfers"]
    assert [transfer["kind"] for transfer in transfers if transfer["operation"] == "get"][-1] == "video"


def test_only_the_audio_track_is_fetched_for_transcription(pipeline: Pipeline) -> None:
    """From S3 the engine's file is the audio track, verified, and removed afterwards."""
    pipeline.configure(storage_mode="s3")
    [share] = pipeline.share("a")
    pipeline.tick_and_run()
    gets = [t for t in pipeline.report(share)["transfers"] if t["operation"] == "get"]
    assert [(get["kind"], get["backend"]) for get in gets] == [("audio", "s3")]
    assert not pipeline.speech.calls[0].path.exists()


def test_a_share_of_another_run_is_left_alone(pipeline: Pipeline) -> None:
    """A backfill over a share of another run fails for that share alone, says whose it is, and changes nothing."""
    busy, free = pipeline.share("busy", "free")

    def backfill(_: object) -> None:
        pipeline.on_download = lambda _: None
        result = pipeline.materialize([busy, free])
        assert "superseded" in failed_step(result)[1]

    pipeline.configure(sensor_batch_size=1)
    pipeline.on_download = backfill
    runs = pipeline.tick_and_run()
    assert runs[0].success
    assert {pipeline.report(share)["status"] for share in (busy, free)} == {"done"}
    assert pipeline.downloader.calls_for(link("busy")) == 1
    assert pipeline.report(busy)["attempts"] == 1


def test_a_partition_that_is_no_share_fails_with_that_reason(pipeline: Pipeline) -> None:
    """A key that somebody typed into the UI does no harm."""
    [share] = pipeline.share("a")
    result = pipeline.materialize([share, "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"])
    assert "1 of 2 shares failed" in failed_step(result)[1]
    assert pipeline.materialized("transcript") == {share}


def test_a_key_that_is_no_uuid_fails_with_that_reason(pipeline: Pipeline) -> None:
    """A key of another shape does no harm either."""
    [share] = pipeline.share("a")
    result = pipeline.materialize([share, "../../etc/passwd"])
    assert "1 of 2 shares failed" in failed_step(result)[1]
    assert pipeline.materialized("transcript") == {share}


@pytest.mark.parametrize(
    "mode",
    [
        StorageMode.HYBRID,
        pytest.param(StorageMode.LOCAL, marks=pytest.mark.soak),
        pytest.param(StorageMode.S3, marks=pytest.mark.soak),
    ],
)
def test_the_main_job_runs_on_postgresql(tmp_path: Path, postgres_url: str, mode: StorageMode) -> None:
    """Over PostgreSQL, good and bad shares end as they do over SQLite, in every storage mode."""
    pipeline = make_pipeline(tmp_path, postgres_url)
    pipeline.configure(storage_mode=mode, s3_split_percentage=50)
    good = pipeline.share("a", "b", "c")
    [bad] = pipeline.share_links(link("gone"))
    pipeline.tick_and_run()
    assert {pipeline.report(share)["status"] for share in good} == {"done"}
    assert pipeline.report(bad)["outcome"] == "gone"
    policy = StoragePolicy(mode, 50)
    assert [pipeline.report(share)["media"]["backend"] for share in good] == [
        place(policy, share).backend for share in good
    ]
    pipeline.close()


@pytest.mark.parametrize("selection", [ASSETS[2:], (ASSETS[0], ASSETS[2])])
def test_a_share_is_not_done_before_its_media_is_stored(pipeline: Pipeline, selection: tuple[str, ...]) -> None:
    """A staged video is not transcribed, because its only copy would stay in staging; the sensor finishes the share."""
    [share] = pipeline.share("a")
    assert pipeline.materialize([share], ASSETS[:1]).success
    step, message = failed_step(pipeline.materialize([share], selection))
    assert step == "transcript"
    assert "materialize stored_media first" in message
    assert pipeline.report(share)["status"] == "pending"
    assert all(run.success for run in pipeline.tick_and_run())
    report = pipeline.report(share)
    assert (report["status"], report["media"]["state"]) == ("done", "stored")


def test_a_lost_audio_track_is_no_reason_to_fetch_a_stored_video_again(pipeline: Pipeline) -> None:
    """A backfill of everything reads the sound from the intact video, and the record of the video does not change."""
    pipeline.configure(storage_mode="s3")
    [share] = pipeline.share("a")
    pipeline.tick_and_run()
    before = pipeline.report(share)["media"]
    pipeline.s3.delete(before["audio_url"])
    assert pipeline.materialize([share]).success
    assert pipeline.report(share)["media"] == before
    assert len(pipeline.downloader.calls) == 1


def test_a_changed_local_audio_track_is_not_transcribed(pipeline: Pipeline) -> None:
    """What is read for a transcript has the recorded digest, also from the local directory."""
    [share] = pipeline.share("a")
    assert pipeline.materialize([share], ASSETS[:2]).success
    Path(pipeline.report(share)["media"]["audio_url"]).write_bytes(speech_bytes("Something else"))
    assert pipeline.materialize([share], ASSETS[2:]).success
    assert "Something else" not in pipeline.report(share)["transcript"]["text"]


def test_a_video_whose_first_share_is_gone_can_be_fetched_for_another(pipeline: Pipeline) -> None:
    """Its user deleted the first share and the bytes were lost, but the second share's video is fetched and done."""
    pipeline.downloader.serve(link("pasta"))
    [first] = pipeline.share_links(link("pasta?utm_source=a"))
    pipeline.tick_and_run()
    Path(pipeline.report(first)["media"]["url"]).unlink()
    engine = create_engine(pipeline.settings["catalog_url"])
    with engine.begin() as connection:
        for table in ("transcripts", "share_work", "shares"):
            column = "id" if table == "shares" else "share_id"
            connection.execute(text(f"DELETE FROM {table} WHERE {column} = :id"), {"id": first})  # noqa: S608 - tables named above
    engine.dispose()
    [second] = pipeline.share_links(link("pasta?utm_source=b"))
    pipeline.tick_and_run()
    report = pipeline.report(second)
    assert report["status"] == "done"
    assert Path(report["media"]["url"]).is_file()


def test_a_busy_catalog_costs_one_share_and_not_the_batch(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the database fails one share's step, the others of the batch are done, and no crash is counted."""
    shares = pipeline.share("a", "b", "c")
    begin, calls = SqlWorkLedger.begin, []

    def begin_or_fail(self: SqlWorkLedger, share_id: str, *arguments: Any, **keywords: Any) -> Begun | Refused:
        calls.append(share_id)
        if len(calls) == 1:
            raise CatalogUnavailableError("locked for too long")
        return begin(self, share_id, *arguments, **keywords)

    monkeypatch.setattr(SqlWorkLedger, "begin", begin_or_fail)
    [run] = pipeline.tick_and_run()
    assert f"{calls[0]}: catalog_unavailable: locked for too long" in failed_step(run)[1]
    assert {share for share in shares if pipeline.report(share)["status"] == "done"} == set(shares) - {calls[0]}


def test_a_run_that_a_person_ends_frees_its_shares_at_once(pipeline: Pipeline) -> None:
    """Terminating a run is no crash: its shares are due at once, and end well in the next run."""
    [share] = pipeline.share("a")

    def end_run(_: object) -> None:
        pipeline.on_download = lambda _: None
        raise interruption()

    pipeline.on_download = end_run
    assert not pipeline.materialize([share]).success
    [due] = pipeline.catalog.work.due(now=datetime.now(UTC), limit=9)
    assert (due.share_id, due.crashes) == (share, 0)
    assert [run.success for run in pipeline.tick_and_run()] == [True]
    assert pipeline.report(share)["status"] == "done"


def test_a_failed_download_leaves_no_directory(pipeline: Pipeline) -> None:
    """Staging is as empty after a failure as after a success."""
    pipeline.share_links(link("gone"))
    pipeline.tick_and_run()
    assert not any((pipeline.media_dir / ".staging").iterdir())


@pytest.mark.parametrize(("hint", "language"), [("de-AT", "de"), ("fr", None)])
def test_the_gateway_may_say_which_language_is_spoken(pipeline: Pipeline, hint: str, language: str | None) -> None:
    """The gateway's language for a share is passed to the engine, unless the model does not know it."""
    pipeline.share("a")
    engine = create_engine(pipeline.settings["catalog_url"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE shares SET platform_data = :said"), {"said": json.dumps({"language": hint})})
    engine.dispose()
    pipeline.tick_and_run()
    assert [heard.language for heard in pipeline.speech.calls] == [language]


def test_a_run_that_lost_its_lease_while_transcribing_writes_nothing(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transcript is the new lease owner's to write, and the late run says that it was superseded."""
    [share] = pipeline.share("a")
    assert pipeline.materialize([share], ASSETS[:2]).success
    transcribe = pipeline.speech.transcribe

    def transcribe_too_long(audio: Path, **options: Any) -> Transcript:
        engine = create_engine(pipeline.settings["catalog_url"])
        with engine.begin() as connection:
            connection.execute(text("UPDATE leases SET owner = 'another run'"))
        engine.dispose()
        return transcribe(audio, **options)

    monkeypatch.setattr(pipeline.speech, "transcribe", transcribe_too_long)
    assert "superseded" in failed_step(pipeline.materialize([share], ASSETS[2:]))[1]
    assert pipeline.report(share)["transcript"] is None


def test_a_finished_share_that_was_fetched_again_is_stored_by_the_sensor(pipeline: Pipeline) -> None:
    """After a backfill of raw_video alone the video does not stay in staging."""
    [share] = pipeline.share("a")
    pipeline.tick_and_run()
    stored = Path(pipeline.report(share)["media"]["url"])
    stored.unlink()
    assert pipeline.materialize([share], ASSETS[:1]).success
    assert all(run.success for run in pipeline.tick_and_run())
    assert stored.is_file()
    assert pipeline.report(share)["status"] == "done"
    assert pipeline.tick_and_run() == []
