"""What strangers wrote is in every column and file name that can hold it, and no command prints what it hides."""

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import update

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.catalog.columns import ForeignText
from bookmarkai_assets.adapters.catalog.tables.base import metadata
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import add_share, at, begin, execute, fail, finish, put_transcript, store, stored_media
from tests.support.rollout_past import add_verification, decide, transfers
from tests.support.storage_events import transfer
from tests.support.transcripts import segment, transcript

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0001-\U000e007f]"
)
"""Control codes but for tab and line feed, what reorders or joins, line separators, surrogates and tag characters."""

HOSTILE = "mark\x1b[31m\x9b31m\x85\u061c\u202egnp.\u2066\u2028\u2029\u200b\ufeff\U000e0041\x00\ud800 [bold]end[/bold]"
NEAR_SIGHTED = re.compile("[\u061c\u200b-\u200f\u2060-\u2064\U000e0001-\U000e007f]")
"""What joins or orders a neighbour alone. Speech keeps it, because Arabic, Persian and emoji need it."""


COMMANDS = (
    "shares list",
    "shares list --json",
    "shares show ID",
    "shares show ID --json",
    "shares find mark",
    "shares find mark --json",
    "shares debt",
    "shares debt --json",
    "shares retry --failed",
    "transcripts show ID",
    "transcripts show ID --json",
    "transcripts export ID --format txt",
    "transcripts export ID --format srt",
    "transcripts export ID --format vtt",
    "transcripts export ID --format json",
    "transcripts show GATEWAY",
    "transcripts show GATEWAY --json",
    "transcripts export GATEWAY --format vtt",
    "transcripts export GATEWAY --format json",
    "transcripts search Hello",
    "transcripts search Hello --json",
    "transcripts doubtful",
    "transcripts stale",
    "transcripts stale --json",
    "storage verify",
    "storage verify --json",
    "storage rebuild-catalog",
    "storage cleanup --dry-run",
    "storage move --to local --all --dry-run",
    "rollout status",
    "rollout status --json",
    "rollout history",
    "rollout history --json",
    "rollout plan",
    "platforms list",
    "platforms list --json",
    "metrics",
    "metrics --json",
    "work",
    "config",
)


@pytest.fixture
def shares(
    bookmarkai: BookmarkAI, sqlite_catalog: OpenCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Fill the catalog, and return the ids of a share that is done and of one that the gateway transcribed."""
    assert bookmarkai is not None, "it has cleared the environment"
    catalog, directory = sqlite_catalog, tmp_path / "media"
    monkeypatch.setenv("YTDLP_DOWNLOAD_DIR", str(directory))
    directory.mkdir()
    failed, done, from_the_gateway = add_share(catalog), add_share(catalog), add_share(catalog)
    begin(catalog, failed, "f", "run f")
    fail(catalog, failed, "run f")
    store(catalog, stored_media("m", done, url=str(directory / "gone.mp4")))
    begin(catalog, done, "m", "run m")
    put_transcript(catalog, done, transcript(segment(0.0, 1.5, f" Hello {HOSTILE}")), now=at(1))
    finish(catalog, done, "run m")
    execute(
        catalog,
        "INSERT INTO transcripts (id, share_id, full_text, segments, created_at, updated_at)"
        " VALUES (:id, :share, :text, :segments, :at, :at)",
        id=str(uuid4()),
        share=from_the_gateway,
        text=HOSTILE.replace("\x00", "").replace("\ud800", ""),
        segments=json.dumps([{"start": 0, "end": 1, "text": HOSTILE}]),
        at="2026-01-31 12:00:00.000000",
    )
    decide(catalog, 10)
    transfers(catalog, good=1, errors=["access_denied"])
    catalog.events.record(transfer())
    add_verification(catalog, missing=1)
    with catalog.database.writing() as connection:
        for table in metadata.sorted_tables:
            foreign = {c.name: HOSTILE for c in table.columns if isinstance(c.type, ForeignText)}
            if foreign and table.name not in {"incidents", "tombstones"}:
                connection.execute(update(table).values(foreign))
    return {"ID": done, "GATEWAY": from_the_gateway}


def test_no_command_prints_what_a_stranger_hides(
    bookmarkai: BookmarkAI, shares: dict[str, str], subtests: pytest.Subtests
) -> None:
    """Neither its tables nor its JSON nor its errors contain control codes, marks that reorder, or line separators."""
    for words in COMMANDS:
        with subtests.test(words):
            ended = bookmarkai(*(shares.get(word, word) for word in words.split()))

            printed = ended.out + ended.err
            if words.startswith("transcripts") and "json" not in words:
                printed = NEAR_SIGHTED.sub("", printed)
            assert ended.code in {0, 1}, ended.err
            assert HIDDEN.search(printed) is None
            if "json" in words:
                json.loads(ended.out)
