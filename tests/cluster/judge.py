"""Judges a cluster that has come to rest, by plain SQL, the disk and S3 alone: nothing lost, nothing twice."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import create_engine, text

from bookmarkai_assets.demo.cluster.run import SHARE_JOB
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.cluster.live_cluster import LiveCluster

ASSETS = ("raw_video", "stored_media", "transcript")
_UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")

_NOT_AT_ONCE = text(
    "SELECT share_id, outcome, attempts, crashes FROM share_work "
    "WHERE CAST(share_id AS text) = ANY(:ids) AND (attempts <> 1 OR crashes <> 0 OR outcome <> 'done')"
)
_REPEATED_TRANSFERS = text(
    "SELECT share_id, operation, kind, purpose, count(*) AS times FROM storage_events "
    "WHERE CAST(share_id AS text) = ANY(:ids) AND error_class IS NULL "
    "GROUP BY share_id, operation, kind, purpose HAVING count(*) > 1"
)
_FAILED_TRANSFERS = text(
    "SELECT share_id, operation, kind, error_class, error FROM storage_events "
    "WHERE CAST(share_id AS text) = ANY(:ids) AND error_class IS NOT NULL"
)
_MATERIALIZATIONS = text(
    "SELECT partition AS share_id, asset_key::json ->> -1 AS asset, count(*) AS times FROM event_logs "
    "WHERE dagster_event_type = 'ASSET_MATERIALIZATION' AND partition = ANY(:ids) GROUP BY partition, asset"
)
_RUNS_WITHOUT_SUCCESS = text("SELECT run_id, status FROM runs WHERE pipeline_name = :job AND status <> 'SUCCESS'")


def faults(live: LiveCluster, share_ids: Sequence[str]) -> list[str]:
    """List everything that is not as it must be once the shares have ended."""
    return [*_faults_of_shares(live, share_ids), *_faults_of_runs(live)]


def unfinished_runs(live: LiveCluster) -> list[str]:
    """Return the runs of shares that have not ended, with their status. Those of schedules come at any moment."""
    engine = create_engine(live.postgres.url_of("dagster"))
    with engine.connect() as connection:
        query = text("SELECT run_id, status FROM runs WHERE pipeline_name = :job")
        rows = connection.execute(query, {"job": SHARE_JOB}).all()
    engine.dispose()
    return [f"{run_id} {status}" for run_id, status in rows if status in _UNFINISHED]


def repetitions(live: LiveCluster, share_ids: Sequence[str]) -> list[str]:
    """List what was not done exactly once and at the first try: attempts, transfers, materializations.

    Where something is killed, a second attempt is as it must be. Where everything ends in order, nobody needs one.
    """
    shares = {"ids": list(share_ids)}
    engine = create_engine(live.postgres.url_of("bookmarkai"))
    with engine.connect() as connection:
        found = [
            f"{row.share_id} is {row.outcome} after {row.attempts} attempts and {row.crashes} crashes"
            for row in connection.execute(_NOT_AT_ONCE, shares)
        ]
        found += [f"transferred {row.times} times: {row}" for row in connection.execute(_REPEATED_TRANSFERS, shares)]
        found += [f"a transfer failed: {row}" for row in connection.execute(_FAILED_TRANSFERS, shares)]
    engine.dispose()
    engine = create_engine(live.postgres.url_of("dagster"))
    with engine.connect() as connection:
        rows = connection.execute(_MATERIALIZATIONS, shares).all()
        runs = connection.execute(_RUNS_WITHOUT_SUCCESS, {"job": SHARE_JOB}).all()
    engine.dispose()
    times = {(row.share_id, row.asset): row.times for row in rows}
    for share_id in share_ids:
        for asset in ASSETS:
            count = times.get((share_id, asset), 0)
            if count != 1:
                found.append(f"{asset} of {share_id} was materialized {count} times")
    return [*found, *(f"run {row.run_id} is {row.status}" for row in runs)]


def _faults_of_runs(live: LiveCluster) -> Iterator[str]:
    for run in unfinished_runs(live):
        yield f"a run is left: {run}"


def _faults_of_shares(live: LiveCluster, share_ids: Sequence[str]) -> Iterator[str]:
    engine = create_engine(live.postgres.url_of("bookmarkai"))
    with engine.connect() as connection:
        for share_id in share_ids:
            share = {"id": share_id}
            status = connection.execute(text("SELECT status FROM shares WHERE id = :id"), share).scalar_one()
            if status != "done":
                yield f"{share_id} is {status}"
                continue
            transcripts = connection.execute(
                text("SELECT count(*) FROM transcripts WHERE share_id = :id AND full_text <> ''"), share
            ).scalar_one()
            if transcripts != 1:
                yield f"{share_id} has {transcripts} transcripts"
            parts = connection.execute(
                text(
                    "SELECT video_url, sha256, audio_url, audio_sha256, media.state AS state "
                    "FROM media JOIN share_work USING (media_id) WHERE share_work.share_id = :id"
                ),
                share,
            ).one()
            if parts.state != "stored":
                yield f"the media of {share_id} is {parts.state}"
            for url, sha256 in ((parts.video_url, parts.sha256), (parts.audio_url, parts.audio_sha256)):
                if _sha256_at(live.seaweed, url) != sha256:
                    yield f"{url} of {share_id} is not what was recorded"
        left = connection.execute(
            text("SELECT count(*) FROM leases JOIN share_work USING (media_id) WHERE leases.expires_at > now()")
        ).scalar_one()
        if left:
            yield f"{left} leases are held although nothing works"
        known = {
            url
            for row in connection.execute(text("SELECT video_url, audio_url FROM media"))
            for url in row
            if url is not None
        } | {row.url for row in connection.execute(text("SELECT url FROM transcript_files"))}
    engine.dispose()
    doubled = _videos_at_both_places(live, known)
    if doubled:
        yield f"in both places: {doubled}"


def _sha256_at(seaweed: SeaweedServer, url: str) -> str | None:
    if not url.startswith("s3://"):
        path = Path(url)
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    parts = urlsplit(url)
    body = client_of(seaweed).get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
    return hashlib.sha256(body).hexdigest()


def _videos_at_both_places(live: LiveCluster, known: set[str]) -> set[str]:
    """Return the names of videos that are on the disk and in S3. In these tests nothing is moved."""
    listed = client_of(live.seaweed).get_paginator("list_objects_v2").paginate(Bucket=live.seaweed.bucket)
    remote = {
        Path(one["Key"]).name for page in listed for one in page.get("Contents", []) if one["Key"].endswith(".mp4")
    }
    local = {path.name for path in live.media.rglob("*.mp4") if ".staging" not in path.parts}
    return {name for name in remote & local if any(url.endswith(name) for url in known)}


def client_of(seaweed: SeaweedServer) -> Any:
    """Return a plain client of the S3 server."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=seaweed.endpoint,
        region_name=seaweed.region,
        aws_access_key_id=seaweed.access_key,
        aws_secret_access_key=seaweed.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
