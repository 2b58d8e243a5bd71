"""The running pipeline as users, operators and analysts see it: the command line and Dagster's webserver.

The tests share one pipeline and go from the first share to a killed worker and to backfills that are launched together.
Dagster's daemon runs every 2 seconds here, not every 30. The killed worker's share comes first, because its claim might
end while it waits for the backfills' runs.
"""

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.s3_store.client import Connection, connect
from bookmarkai_assets.core.workers.worker import WorkerKind, daemons_of
from bookmarkai_assets.demo.samples import GOOD_SAMPLES, LONG_SAMPLE, SHORT_SAMPLES
from bookmarkai_assets.metadata.keys import KEYS
from tests.plugins.live_pipeline import Backlog, LivePipeline
from tests.plugins.pipeline import ASSETS
from tests.support.processes import descendants_of, is_running
from tests.support.wer import word_error_rate

BACKFILL_ENDED = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}
MAX_WORD_ERROR_RATE = 0.15


@dataclass(frozen=True)
class Backfills:
    """Backfills launched together over a backlog, and the state before them."""

    scattered: str
    one_transcript: str
    with_broken: str
    before: dict[str, dict[str, Any]]
    fetches_before: Counter[str]
    counts_before: Counter[tuple[str, str]]


@pytest.fixture(scope="module")
def backfills(live_pipeline: LivePipeline, backlog: Backlog) -> Backfills:
    """Launch an analyst's backfills over finished shares, with nothing left in the staging directory."""
    first, second, third, fourth = backlog.good
    shutil.rmtree(live_pipeline.media_dir / ".staging")
    before = {share_id: live_pipeline.report(share_id) for share_id in backlog.good}
    fetches, counts = fetches_of_good(live_pipeline), materialization_counts(live_pipeline, backlog.good)
    launch = live_pipeline.graphql.launch_backfill
    return Backfills(
        scattered=launch(ASSETS, [first, third]),
        one_transcript=launch(["transcript"], [fourth]),
        with_broken=launch(ASSETS, [second, backlog.broken]),
        before=before,
        fetches_before=fetches,
        counts_before=counts,
    )


@pytest.mark.usefixtures("backlog")
def test_a_lone_link_reaches_its_transcript(live_pipeline: LivePipeline, lone: str) -> None:
    """A shared link is fetched, stored and transcribed without anybody's help, and `shares show` describes it."""
    report = live_pipeline.command("shares", "show", "--json", lone)

    media, transcript = report["media"], report["transcript"]
    assert (report["id"], report["platform"]) == (lone, "generic")
    assert report["url"].startswith(f"{live_pipeline.site.url}/videos/{LONG_SAMPLE.file}?")
    assert (report["status"], report["outcome"], report["attempts"]) == ("done", "done", 1)
    bucket = media["placement"]["bucket"]
    assert media["placement"].items() >= {"mode": "hybrid", "percentage": 50}.items()
    assert media["backend"] == ("s3" if bucket < 50 else "local")
    home = {"s3": f"s3://{live_pipeline.seaweed.bucket}/", "local": f"{live_pipeline.media_dir}/"}[media["backend"]]
    assert media["url"].startswith(home)
    assert media["audio_url"].startswith(home)
    assert media["size_bytes"] == LONG_SAMPLE.path.stat().st_size
    assert re.fullmatch("[0-9a-f]{64}", media["sha256"])
    assert media["content_type"] == "video/mp4"
    assert word_error_rate(LONG_SAMPLE.text, transcript["text"]) <= MAX_WORD_ERROR_RATE
    assert " ".join(segment["text"].strip() for segment in transcript["segments"]) == transcript["text"]
    assert (transcript["language"], transcript["engine"], transcript["model"]) == ("en", "faster-whisper", "tiny.en")
    assert transcript["duration_seconds"] == pytest.approx(media["duration_seconds"], abs=0.5)
    (run,) = live_pipeline.graphql.runs_of(lone)
    assert run["status"] == "SUCCESS", "a lone share has a run of its own"


def test_a_broken_link_of_a_backlog_fails_alone(live_pipeline: LivePipeline, backlog: Backlog) -> None:
    """A backlog's good shares are done and materialized; only the broken one is an error, red and with its reason."""
    for share_id, sample in backlog.good.items():
        heard = live_pipeline.report(share_id)["transcript"]["text"]
        assert word_error_rate(sample.text, heard) <= MAX_WORD_ERROR_RATE
    assert live_pipeline.statuses(*backlog.twins) == ["done", "done"]
    broken = live_pipeline.report(backlog.broken)
    assert (broken["status"], broken["outcome"], broken["attempts"]) == ("error", "corrupt", 2)
    assert "cannot be read as a video" in broken["reason"]
    assert (broken["media"], broken["transcript"]) == (None, None)
    for asset in ASSETS:
        partitions = live_pipeline.graphql.partitions(asset)
        assert partitions["failed"] == [backlog.broken]
        assert {*backlog.good, *backlog.twins} <= set(partitions["materialized"])


def test_a_video_shared_twice_is_fetched_once(live_pipeline: LivePipeline, backlog: Backlog) -> None:
    """Two shares of one video cost the site one fetch and have one media and the same transcript's text."""
    one, other = (live_pipeline.report(share_id) for share_id in backlog.twins)
    assert backlog.fetches_of_twins == 1
    assert one["media"] == other["media"]
    assert one["transcript"]["text"] == other["transcript"]["text"]
    operations = [(t["operation"], t["kind"]) for report in (one, other) for t in report["transfers"]]
    assert Counter(operations)["fetch", "video"] == Counter(operations)["put", "video"] == 1


def test_metadata_is_as_documented(live_pipeline: LivePipeline, backlog: Backlog) -> None:
    """Each materialization has documented keys alone, in their order. Those without a value are absent."""
    share_id = next(iter(backlog.good))
    for asset in ASSETS:
        materialization, *_ = live_pipeline.graphql.materializations(asset, share_id)
        shown = [entry["label"] for entry in materialization["metadataEntries"]]
        assert shown == [key for key in KEYS[asset] if key in shown]
        assert {"title", "url", "length", "platform", "outcome"} <= set(shown)


@pytest.mark.usefixtures("backlog")
def test_what_is_exported_counts_for_every_worker(live_pipeline: LivePipeline, backlog: Backlog) -> None:
    """Dagster puts `.env` over it in every process. The daemon's code server and the runs have what was exported."""
    assert backlog.good
    workers = live_pipeline.catalog.workers.living(now=datetime.now(UTC))
    assert [one.kind for one in daemons_of(workers)] == [WorkerKind.DAEMON]
    assert {one.settings for one in workers} == {("hybrid", 50)}
    placed = live_pipeline.catalog.media.placed_since(datetime.fromtimestamp(0, UTC))
    assert {(one.mode, one.percentage) for one in placed} == {("hybrid", 50)}


def test_a_killed_worker_loses_and_doubles_nothing(live_pipeline: LivePipeline) -> None:
    """A share whose run is killed in the middle of its work is claimed again, and done once."""
    odd_site, graphql = live_pipeline.odd_site, live_pipeline.graphql
    (share_id,) = live_pipeline.share(odd_site.silent("/held.mp4"))
    live_pipeline.wait_until(lambda: "/held.mp4" in odd_site.asked, what="the run asks for the video")
    (run,) = graphql.runs_of(share_id)
    pid = worker_pid(run)
    below = descendants_of(pid)
    assert below, "the download works in processes of its own"

    os.kill(pid, signal.SIGKILL)
    odd_site.file("/held.mp4", SHORT_SAMPLES[0].path.read_bytes())

    assert live_pipeline.wait_until_ended(share_id) == ["done"]
    report = live_pipeline.report(share_id)
    assert report["attempts"] == 2
    assert word_error_rate(SHORT_SAMPLES[0].text, report["transcript"]["text"]) <= MAX_WORD_ERROR_RATE
    succeeded = Counter((t["operation"], t["kind"]) for t in report["transfers"] if t["error_class"] is None)
    assert (succeeded["fetch", "video"], succeeded["put", "video"], succeeded["put", "audio"]) == (1, 1, 1)
    media = report["media"]
    assert stored_under(live_pipeline, media["url"]) == sorted(
        [media["url"], media["audio_url"], *media["transcript_files"].values()]
    )
    live_pipeline.wait_until(
        lambda: [run["status"] for run in graphql.runs_of(share_id)] == ["SUCCESS", "FAILURE"],
        what="Dagster tells of one run that was killed and one that went well",
    )
    for asset in ASSETS:
        assert len(graphql.materializations(asset, share_id)) == 1
        assert share_id not in graphql.partitions(asset)["failed"]
    assert [pid for pid in below if is_running(pid)] == []


def test_a_backfill_over_scattered_partitions_fetches_nothing(
    live_pipeline: LivePipeline, backlog: Backlog, backfills: Backfills
) -> None:
    """All three assets of scattered, long finished partitions materialize again from the bytes where they are."""
    first, _, third, _ = backlog.good
    backfill = ended_backfill(live_pipeline, backfills.scattered)

    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert backfill["assets"] == {asset: {"targeted": 2, "materialized": 2, "failed": 0} for asset in ASSETS}
    assert len(backfill["runs"]) == 2, "another partition lies between the two, so each has a run"
    assert fetches_of_good(live_pipeline) == backfills.fetches_before
    for share_id in (first, third):
        after = live_pipeline.report(share_id)
        assert (after["status"], after["media"]) == ("done", backfills.before[share_id]["media"])
        assert after["transcript"]["text"] == backfills.before[share_id]["transcript"]["text"]
        for asset in ASSETS:
            newest, *_ = live_pipeline.graphql.materializations(asset, share_id)
            assert newest["runId"] in {run["id"] for run in backfill["runs"]}


def test_a_backfill_of_one_transcript_touches_nothing_else(
    live_pipeline: LivePipeline, backlog: Backlog, backfills: Backfills
) -> None:
    """A backfill of one asset on one partition materializes that, and leaves the others as they were."""
    *_, share_id = backlog.good
    backfill = ended_backfill(live_pipeline, backfills.one_transcript)

    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert backfill["assets"] == {"transcript": {"targeted": 1, "materialized": 1, "failed": 0}}
    counts = materialization_counts(live_pipeline, [share_id])
    expected = Counter({(asset, share_id): backfills.counts_before[asset, share_id] for asset in ASSETS})
    assert counts == expected + Counter([("transcript", share_id)])


def test_a_backfill_names_its_failed_partition(
    live_pipeline: LivePipeline, backlog: Backlog, backfills: Backfills
) -> None:
    """A backfill over a good and a broken share materializes the good one and counts the broken one as failed."""
    _, good, _, _ = backlog.good
    backfill = ended_backfill(live_pipeline, backfills.with_broken)

    assert backfill["status"] == "COMPLETED_FAILED"
    assert backfill["assets"] == {asset: {"targeted": 2, "materialized": 1, "failed": 1} for asset in ASSETS}
    for asset in ASSETS:
        assert live_pipeline.graphql.partitions(asset)["failed"] == [backlog.broken]
        newest, *_ = live_pipeline.graphql.materializations(asset, good)
        assert newest["runId"] in {run["id"] for run in backfill["runs"]}
        assert live_pipeline.graphql.materializations(asset, backlog.broken) == []
    assert live_pipeline.statuses(good, backlog.broken) == ["done", "error"]


def test_the_secret_key_is_never_readable(live_pipeline: LivePipeline, backlog: Backlog) -> None:
    """Neither Dagster's home, with databases and logs, nor an answer of the webserver contains the S3 secret key."""
    graphql, secret = live_pipeline.graphql, live_pipeline.seaweed.secret_key
    graphql.ask(
        """{ instance { info } runsOrError { ... on Runs { results { runConfigYaml tags { key value }
               eventConnection { events { ... on MessageEvent { message } } } } } }
             workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { ... on RepositoryLocation {
               repositories { allTopLevelResourceDetails { name description configFields { name }
                 configuredValues { key value } } } } } } } } }"""
    )
    answered = "\0".join(graphql.answers)

    assert files_with(live_pipeline, backlog.broken), "what is written is looked at"
    assert backlog.broken in answered
    assert files_with(live_pipeline, secret) == []
    assert secret not in answered


def ended_backfill(pipeline: LivePipeline, backfill_id: str) -> dict[str, Any]:
    """Wait for a backfill's end, and return what the webserver reports of it."""

    def ended() -> dict[str, Any] | None:
        backfill = pipeline.graphql.backfill(backfill_id)
        return backfill if backfill["status"] in BACKFILL_ENDED else None

    return pipeline.wait_until(ended, what=f"the backfill {backfill_id} ends")


def fetches_of_good(pipeline: LivePipeline) -> Counter[str]:
    """Count the fetches from the sample site, without the broken file."""
    return Counter({sample.file: pipeline.site.fetches(sample) for sample in GOOD_SAMPLES})


def materialization_counts(pipeline: LivePipeline, share_ids: Iterable[str]) -> Counter[tuple[str, str]]:
    """Count the materializations of each share by asset: `{(asset, share id): count}`."""
    return Counter(
        {
            (asset, share_id): len(pipeline.graphql.materializations(asset, share_id))
            for asset in ASSETS
            for share_id in share_ids
        }
    )


def worker_pid(run: dict[str, Any]) -> int:
    """Read the worker's pid from a run's log."""
    matches = [re.fullmatch(r"Executing steps in process \(pid: (\d+)\)", message) for message in run["messages"]]
    (pid,) = {int(match[1]) for match in matches if match}
    return pid


def files_with(pipeline: LivePipeline, text: str) -> list[str]:
    """List the files of Dagster's home, and its log, that contain a text.

    Another process reads them, because closing a SQLite file here would drop the locks of this process's own
    connections.
    """
    command = ["grep", "-rlF", "-e", text, str(pipeline.dagster.home), str(pipeline.dagster.log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # SQLite's own files come and go while the pipeline runs.
    vanished = "No such file or directory"
    assert done.returncode in {0, 1} or all(vanished in line for line in done.stderr.splitlines()), done.stderr
    return done.stdout.splitlines()


def stored_under(pipeline: LivePipeline, url: str) -> list[str]:
    """List the URLs, in both backends, whose name begins as this one's does: with the hash of the link."""
    name = url.rpartition("/")[2].partition("_")[0]
    local = [str(path) for path in pipeline.media_dir.rglob(f"{name}*") if path.is_file()]
    server = pipeline.seaweed
    client = connect(
        Connection(
            region=server.region,
            endpoint=server.endpoint,
            access_key=server.access_key,
            secret_key=server.secret_key,
            use_path_style=True,
            max_attempts=3,
        )
    )
    objects = client.list_objects_v2(Bucket=server.bucket).get("Contents", [])
    remote = [f"s3://{server.bucket}/{item['Key']}" for item in objects if Path(item["Key"]).name.startswith(name)]
    return sorted([*local, *remote])
