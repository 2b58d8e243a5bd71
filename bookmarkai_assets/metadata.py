"""What an analyst reads beside each partition: the keys, what they mean, and how they are filled."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.core.doubts import in_words
from bookmarkai_assets.core.media import Media
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares import Share
from bookmarkai_assets.operations.clean_up_report import CleanUpReport
from bookmarkai_assets.operations.fetching import FetchedMedia
from bookmarkai_assets.operations.transcribing import TranscribedShare
from bookmarkai_assets.operations.verifying import Finding, VerificationReport

MAX_ROWS = 200
"""Of a table in metadata."""

MAX_SELECTION_CHARACTERS = 8000
"""Of the partitions of one line of the debt: some 200 keys that are no neighbours."""

KEYS: dict[str, dict[str, str]] = {
    "raw_video": {
        "outcome": "done; a partition that failed has an observation with its outcome, reason and next step",
        "url": "the shared link",
        "platform": "the site it belongs to: tiktok, youtube, …, generic",
        "title": "what the site calls the video, cleaned and capped",
        "author": "who published it, as the site says",
        "extractor": "the part of yt-dlp that read the page",
        "media_id": "one id per video: shares of the same video have the same",
        "duration_seconds": "length of the video in seconds",
        "size_bytes": "size of the video file in bytes",
        "sha256": "SHA-256 of the video file, hex",
        "content_type": "media type of the video file",
        "has_audio": "whether there is a sound track to transcribe",
        "download_seconds": "seconds that fetching and checking took",
        "is_reused": "true when the bytes were at hand and nothing was fetched",
    },
    "stored_media": {
        "outcome": "done; a partition that failed has an observation with its outcome, reason and next step",
        "url": "the shared link",
        "platform": "the site it belongs to",
        "title": "what the site calls the video",
        "storage_url": "where the video is: a path, or s3://bucket/key",
        "audio_url": "where its audio track is",
        "backend": "local or s3",
        "placement": "why it was placed there, in words",
        "storage_mode": "the storage mode that decided",
        "s3_percentage": "the percentage that decided",
        "bucket": "the share's bucket, 0 to 99; S3 takes those below the percentage",
        "rollout_decision": "the rollout's decision that the placement followed; empty when it was the settings alone",
        "size_bytes": "size of the video in bytes",
        "audio_size_bytes": "size of the audio track in bytes",
        "sha256": "SHA-256 of the video, hex",
        "upload_seconds": "seconds that putting, or moving, and verifying took",
        "expires_at": "when the bucket's lifecycle rule may delete it; empty where no rule does",
    },
    "transcript": {
        "outcome": "done, or no_speech when nobody speaks; a failed partition has an observation with its outcome, "
        "reason and next step",
        "url": "the shared link",
        "platform": "the site it belongs to",
        "title": "what the site calls the video",
        "language": "language of the speech, as Whisper names it",
        "language_probability": "how sure the engine is of the language, 0 to 1",
        "words": "number of words",
        "doubts": "number of doubts about the text; 0 is a transcript that no rule doubts",
        "doubtful": "the doubts in words; empty without any",
        "preview": "the first words",
        "duration_seconds": "length of the sound in seconds",
        "transcription_seconds": "seconds that the engine took, waits for sounds decoded together with it included",
        "engine": "the speech engine",
        "model": "the model's name or path",
        "files": "where it is as files (json, txt, srt, vtt), beside the video",
        "recipe": "stands for what made it: engine, version, weights and parameters",
        "is_reused": "true when another share of the same video had been transcribed by the same recipe before",
    },
    "local_cleanup": {
        "removed": "files, staging directories and uploads that were removed",
        "removed_bytes": "the space that came free in bytes",
        "removed_why": "removals by reason: in_s3, past_retention, expired, lifecycle, abandoned",
        "kept": "media, and files that no media claims, that stayed",
        "kept_why": "what stayed, by reason",
        "failed": "what could not be looked at or removed",
        "removals": "the removals one by one, the first 200",
        "failures": "the failures one by one, the first 200",
        "to_look_at": "what was kept for a reason that a person should look at, the first 200",
    },
    "retry_debt": {
        "total": "shares that failed and stand",
        "transient": "of these, what another attempt may heal",
        "terminal": "of these, what heals only once its cause is gone",
        "waiting": "of these, what is tried again by itself",
        "oldest_hours": "how long the oldest failure has stood, in hours",
        "put_off": "shares that wait for their site, or for room on the disk: no failures",
        "failures": "by outcome, platform and age, the most first, with the command that retries them",
        "partitions": "the same lines with their partitions, as a selection: keys, and [first...last] for neighbours",
    },
    "storage_verification": {
        "verdict": "whether anything is missing or different",
        "same": "videos, audio tracks and transcripts' files at their recorded place, as recorded",
        "missing": "on record, not there",
        "different": "there, with other bytes",
        "orphaned": "there, not on record",
        "expired": "removed by rule; their transcripts stay",
        "in_both_places": "second copies that a move left: clean-up removes local ones, the bucket's rule the others",
        "unverified": "could not be checked",
        "same_bytes": "bytes of what is as recorded",
        "findings": "all but the same, one by one, the worst first; 200 at most",
    },
}
"""`{asset: {metadata key: meaning}}`, shown in each asset's description."""


def described(asset: str, purpose: str) -> str:
    """Write an asset's description: what it is, then each metadata key and its meaning."""
    return f"{purpose}\n\n{key_table(KEYS[asset])}"


def key_table(meanings: Mapping[str, str]) -> str:
    """Write metadata keys and their meanings as a table in markdown."""
    return _markdown_table(["metadata", "meaning"], [(f"`{key}`", meaning) for key, meaning in meanings.items()])


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def of_raw_video(fetched: FetchedMedia) -> RunMetadata:
    """Describe a partition of raw_video."""
    media = fetched.media
    return {
        **_of_share(fetched.share, media),
        "author": media.info.author,
        "extractor": media.info.extractor,
        "media_id": media.media_id,
        "duration_seconds": media.info.duration_seconds,
        "size_bytes": media.video.digest.size_bytes,
        "sha256": media.video.digest.sha256,
        "content_type": media.video.content_type,
        "has_audio": media.audio is not None,
        "download_seconds": round(media.download_seconds, 3),
        "is_reused": fetched.is_reused,
    }


def of_stored_media(share: Share, media: Media) -> RunMetadata:
    """Describe a partition of stored_media. Raises `ValueError` for a media that has no placement yet."""
    if media.placement is None:
        raise ValueError(f"expected a stored media, found {media.state} for {media.media_id}")
    return {
        **_of_share(share, media),
        "storage_url": dg.MetadataValue.path(media.video.url),
        "audio_url": dg.MetadataValue.path(media.audio.url) if media.audio else None,
        "backend": media.placement.backend.value,
        "placement": media.placement.reason,
        "storage_mode": media.placement.mode.value,
        "s3_percentage": media.placement.percentage,
        "bucket": media.placement.bucket,
        "rollout_decision": media.placement.decision_id,
        "size_bytes": media.video.digest.size_bytes,
        "audio_size_bytes": media.audio.digest.size_bytes if media.audio else None,
        "sha256": media.video.digest.sha256,
        "upload_seconds": None if media.upload_seconds is None else round(media.upload_seconds, 3),
        "expires_at": media.expires_at.isoformat() if media.expires_at else None,
    }


def of_transcript(transcribed: TranscribedShare) -> RunMetadata:
    """Describe a partition of transcript."""
    transcript = transcribed.transcript
    return {
        **_of_share(transcribed.share, transcribed.media),
        "outcome": transcribed.outcome.value,
        "language": transcript.language,
        "language_probability": round(transcript.language_probability, 3),
        "words": transcript.word_count,
        "doubts": len(transcript.doubts),
        "doubtful": in_words(transcript.doubts),
        "preview": transcript.preview,
        "duration_seconds": round(transcript.duration_seconds, 3),
        "transcription_seconds": round(transcript.transcribe_seconds, 3),
        "engine": transcript.engine,
        "model": transcript.model,
        "files": dg.MetadataValue.json({kind: blob.url for kind, blob in transcribed.media.transcript_files.items()}),
        "recipe": transcript.recipe.fingerprint if transcript.recipe else None,
        "is_reused": transcribed.is_reused,
    }


def of_local_cleanup(report: CleanUpReport) -> RunMetadata:
    """Describe what a clean-up removed and kept, and why."""
    return {
        "removed": len(report.removed),
        "removed_bytes": report.removed_bytes,
        "removed_why": dg.MetadataValue.json(report.removed_by_reason()),
        "kept": sum(report.kept.values()) - len(report.failed),
        "kept_why": dg.MetadataValue.json(dict(report.kept)),
        "failed": len(report.failed),
        "removals": table(
            ["reason", "name", "size_bytes"], [(c.removed, c.name, c.size_bytes) for c in report.removed]
        ),
        "failures": table(["name", "detail"], [(c.name, c.detail) for c in report.failed]),
        "to_look_at": table(["reason", "share_id", "name"], [(c.kept, c.share_id, c.name) for c in report.to_look_at]),
    }


def of_debt(report: Mapping[str, Any]) -> RunMetadata:
    """Describe the failures that stand, given as `operations.retry_debt.debt_report` does."""
    at = datetime.fromisoformat(report["at"])
    ages = [(at - datetime.fromisoformat(line["oldest"])).total_seconds() for line in report["failures"]]
    rows = [
        (line["outcome"], line["platform"], line["age"], line["count"], line["remedy"], f"`{line['command']}`")
        for line in report["failures"]
    ] + [
        ("postponed", held["site"] or "", "", held["count"], "put off, not failed", f"`{held['command']}`")
        for held in report["held"]
    ]
    return {
        **{name: report[name] for name in ("total", "transient", "terminal", "waiting")},
        "oldest_hours": round(max(ages, default=0) / 3600, 1),
        "put_off": report["put_off"],
        "failures": dg.MetadataValue.md(
            _markdown_table(["outcome", "platform", "age", "shares", "heals", "what to do"], rows)
            if rows
            else "No share has failed, and none is put off."
        ),
        "partitions": dg.MetadataValue.json(
            {
                f"{line['outcome']} {line['platform']} {line['age']}": _capped(
                    line["partitions"] or "", "bookmarkai shares debt --partitions"
                )
                for line in report["failures"][:MAX_ROWS]
            }
        ),
    }


def of_staleness(report: Mapping[str, Any]) -> RunMetadata:
    """Describe the stale transcripts, given as `operations.stale_transcripts.staleness_report` does."""
    columns = ("count", "engine", "engine_version", "model", "recipe", "words")
    made_by = [[line[column] for column in columns] for line in report["made_by"]]
    selection = report["partitions"] or ""
    return {
        "stale": report["stale"],
        "transcripts": report["transcripts"],
        "without_media": report["without_media"],
        "not_made_here": report["not_made_here"],
        "set": dg.MetadataValue.json(report["set"]),
        **({"weights_unknown": report["weights_unknown"]} if report["weights_unknown"] else {}),
        "made_by": table(["transcripts", "engine", "version", "model", "recipe", "what differs"], made_by),
        "newest": table(
            ["share_id", "made_at", "recipe", "has_media"],
            [(one["id"], one["made_at"], one["recipe"], one["has_media"]) for one in report["shares"]],
        ),
        "partitions": _capped(selection, "bookmarkai transcripts stale --partitions"),
        **({"backfill": dg.MetadataValue.url(report["path"])} if report["path"] else {}),
    }


def _capped(selection: str, command: str) -> str:
    """Cut a selection between two keys, at what an event easily holds; `command` has the rest."""
    if len(selection) <= MAX_SELECTION_CHARACTERS:
        return selection
    return f"{selection[:MAX_SELECTION_CHARACTERS].rpartition(', ')[0]}, … (`{command}`)"


def of_storage_verification(report: VerificationReport) -> RunMetadata:
    """Describe what a verification found."""
    counts = {finding.value: report.counts[finding] for finding in Finding}
    rows = [
        (line.finding.value, line.share_id, line.kind, line.url, line.size_bytes, line.detail)
        for line in report.worst_first
    ]
    return {
        "verdict": report.verdict,
        **counts,
        "same_bytes": report.size_bytes[Finding.SAME],
        "findings": table(["finding", "share_id", "kind", "url", "size_bytes", "detail"], rows),
    }


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dg.MetadataValue:
    """Show the first rows as Dagster shows tables, and as many as its event log takes easily."""
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({name: "" if cell is None else str(cell) for name, cell in zip(columns, row, strict=True)})
            for row in rows[:MAX_ROWS]
        ],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in columns]),
    )


def _of_share(share: Share, media: Media) -> RunMetadata:
    return {
        "outcome": Outcome.DONE.value,
        "url": dg.MetadataValue.url(share.url),
        "platform": share.platform,
        "title": media.info.title,
    }
