"""`bookmarkai transcripts doubtful`, and where else a person sees doubts and shares without speech."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import USER, put_transcript, transcript_of

LOOP = Doubt(DoubtKind.REPETITION_LOOP, Severity.ERROR, 12.0, 10.0, "6 times in a row: “and then”")
UNSURE = Doubt(DoubtKind.LOW_CONFIDENCE, Severity.WARN, 0.31, 0.5, "the language may not be cy")
SILENT = Doubt(DoubtKind.NO_SPEECH, Severity.WARN, 0.0, None, "nobody speaks")


@pytest.fixture
def catalog(bookmarkai: BookmarkAI, sqlite_url: str) -> Iterator[OpenCatalog]:
    """Return the catalog that the command opens."""
    assert bookmarkai is not None, "it has cleared the environment"
    with open_catalog(sqlite_url) as opened:
        yield opened


def add_transcribed(catalog: OpenCatalog, name: str, *doubts: Doubt, hours_ago: float = 1) -> str:
    """Record a share that was transcribed so many hours ago, without text if the doubt says so."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    share_id = catalog.shares.add(url=f"https://x.com/{name}", user_id=USER, platform="x", now=at).share.share_id
    catalog.work.begin(share_id, share_id, owner="run", claim_id=None, now=at, until=at + timedelta(hours=9))
    said = () if SILENT in doubts else ("and then",)
    put_transcript(catalog, share_id, replace(transcript_of(*said), doubts=doubts), now=at)
    outcome = Outcome.DONE if said else Outcome.NO_SPEECH
    catalog.work.finish(share_id, media_url="/v.mp4", owner="run", now=at, outcome=outcome)
    return share_id


def test_doubtful_transcripts_are_a_line_for_each_doubt(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """The newest is first, with the doubt in words, and a transcript without doubts is not listed."""
    both = add_transcribed(catalog, "both", LOOP, UNSURE, hours_ago=2)
    silent = add_transcribed(catalog, "silent", SILENT)
    add_transcribed(catalog, "good")
    lines = [line.split("\t") for line in bookmarkai("transcripts", "doubtful").out.splitlines()]
    assert lines == [
        ["id", "severity", "doubt", "found"],
        [silent, "warn", "no_speech", "nobody speaks"],
        [both, "error", "repetition_loop", LOOP.words],
        [both, "warn", "low_confidence", UNSURE.words],
    ]


def test_the_json_has_figures_and_limits(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """The JSON has at most as many as asked for, by kind, each with all its doubts and when it was made."""
    both = add_transcribed(catalog, "both", LOOP, UNSURE, hours_ago=2)
    add_transcribed(catalog, "unsure", UNSURE)
    [shown] = bookmarkai("transcripts", "doubtful", "--kind", "repetition_loop", "--json").json
    assert shown["id"] == both
    assert datetime.fromisoformat(shown["made_at"]) < datetime.now(UTC) - timedelta(hours=1)
    assert shown["doubts"][0] == {
        "kind": "repetition_loop",
        "severity": "error",
        "figure": 12.0,
        "limit": 10.0,
        "words": LOOP.words,
    }
    assert [doubt["kind"] for doubt in shown["doubts"]] == ["repetition_loop", "low_confidence"]
    assert len(bookmarkai("transcripts", "doubtful", "--limit", "1", "--json").json) == 1
    assert bookmarkai("transcripts", "doubtful", "--kind", "not_covered", "--json").json == []


def test_a_share_shows_its_doubts(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Doubts are words for people and values for programs."""
    share_id = add_transcribed(catalog, "both", LOOP, UNSURE)
    shown = bookmarkai("shares", "show", share_id).out
    assert f"doubt 1\terror: repetition_loop: {LOOP.words}" in shown
    assert f"doubt 2\twarn: low_confidence: {UNSURE.words}" in shown
    report = bookmarkai("shares", "show", share_id, "--json").json
    assert [doubt["limit"] for doubt in report["transcript"]["doubts"]] == [10.0, 0.5]


def test_shares_without_speech_are_found_and_are_no_failures(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """They are listed by their outcome, as done and without a next step, and a retry by that outcome is refused."""
    silent = add_transcribed(catalog, "silent", SILENT)
    add_transcribed(catalog, "good")
    [shown] = bookmarkai("shares", "list", "--outcome", "no_speech", "--json").json
    assert (shown["id"], shown["status"], shown["outcome"], shown["next_step"]) == (silent, "done", "no_speech", None)
    assert bookmarkai("shares", "debt", "--json").json["total"] == 0
    refused = bookmarkai("shares", "retry", "--outcome", "no_speech")
    assert refused.code == 2
    assert "expected an outcome that is a failure" in " ".join(refused.err.replace("│", " ").split())
