"""What the checks of the asset `transcript` say about a run's shares, and how shares without speech end."""

from dataclasses import replace

import dagster as dg
import pytest

from bookmarkai_assets.core.transcripts.doubts import DoubtKind
from tests.fakes.downloader import INFO
from tests.fakes.speech import silence_bytes, speech_bytes
from tests.plugins.pipeline import Pipeline, link

LOOPED = "Well. " + "and then " * 12


def rows_of(check: dg.AssetCheckEvaluation) -> list[dict[str, object]]:
    """Return the rows of the table in which a check names partitions; without one it names none."""
    if "partitions" not in check.metadata:
        return []
    table = check.metadata["partitions"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def counts_of(check: dg.AssetCheckEvaluation) -> tuple[object, object]:
    """Return how many transcripts a check covered, and how many have doubts."""
    return check.metadata["looked_at"].value, check.metadata["doubted"].value


def test_a_plain_transcript_passes_every_check(pipeline: Pipeline) -> None:
    """Each kind of doubt has one result, none of which names a partition."""
    [share] = pipeline.share("pasta")
    [run] = pipeline.tick_and_run()
    checks = pipeline.checks(run)
    assert {kind.value for kind in DoubtKind} <= checks.keys()
    assert all(check.passed for check in checks.values())
    assert [rows_of(checks[kind]) for kind in DoubtKind] == [[]] * len(DoubtKind)
    shown = pipeline.metadata("transcript", share)
    assert (shown["outcome"], shown["doubts"]) == ("done", 0)
    assert "doubtful" not in shown


def test_a_doubtful_transcript_of_a_batch_is_named(pipeline: Pipeline) -> None:
    """Its check fails as an error with its partition and the reason; the others pass, and run and shares end well."""
    good, bad = pipeline.share("good", "bad")
    pipeline.downloader.serve(link("bad"), audio=speech_bytes(LOOPED), info=replace(INFO, duration_seconds=60))
    [run] = pipeline.tick_and_run()
    checks = pipeline.checks(run)
    assert run.success
    failed = {name for name, check in checks.items() if not check.passed}
    assert failed == {DoubtKind.REPETITION_LOOP}
    check = checks[DoubtKind.REPETITION_LOOP]
    assert check.description == "looked at 2: 1 doubted"
    assert (check.severity, check.blocking, counts_of(check)) == (dg.AssetCheckSeverity.ERROR, False, (2, 1))
    [row] = rows_of(check)
    assert (row["share_id"], row["severity"]) == (bad, "error")
    assert row["words"] == pipeline.report(bad)["transcript"]["doubts"][0]["words"]
    assert [pipeline.report(share)["status"] for share in (good, bad)] == ["done", "done"]
    shown = pipeline.metadata("transcript", bad)
    assert (shown["outcome"], shown["doubts"]) == ("done", 1)
    assert shown["doubtful"].startswith("repetition_loop: 12 times in a row")
    assert pipeline.materialized("transcript") == {good, bad}


def test_sound_that_outlasts_its_video_fails_its_check(pipeline: Pipeline) -> None:
    """The transcript's times cannot be the player's, so its check is red."""
    pipeline.downloader.serve(link("long"), audio=speech_bytes("one word after another " * 9))
    pipeline.share_links(link("long"))
    [run] = pipeline.tick_and_run()
    check = pipeline.checks(run)[DoubtKind.OUTLASTS_VIDEO]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "the video 3.0 s" in str(rows_of(check)[0]["words"])


@pytest.mark.parametrize("audio", [silence_bytes(), speech_bytes("Subtitles by the Amara.org community")])
def test_a_video_without_speech_ends_well(pipeline: Pipeline, audio: bytes) -> None:
    """Whether the engine finds nothing or invents text, the share is done with an empty transcript, for good."""
    pipeline.downloader.serve(link("quiet"), audio=audio)
    [share] = pipeline.share_links(link("quiet"))
    [run] = pipeline.tick_and_run()
    report = pipeline.report(share)
    assert run.success
    assert (report["status"], report["outcome"], report["next_step"]) == ("done", "no_speech", None)
    assert (report["transcript"]["text"], report["transcript"]["segments"]) == ("", [])
    assert [doubt["kind"] for doubt in report["transcript"]["doubts"]] == ["no_speech"]
    shown = pipeline.metadata("transcript", share)
    assert (shown["outcome"], shown["words"], shown["doubts"]) == ("no_speech", 0, 1)
    check = pipeline.checks(run)[DoubtKind.NO_SPEECH]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert pipeline.tick_and_run() == []


def test_another_share_of_a_video_without_speech_ends_the_same(pipeline: Pipeline) -> None:
    """The empty transcript is reused with its doubt, and the sound is transcribed once."""
    pipeline.downloader.serve(link("quiet"), audio=speech_bytes("Amara.org"))
    shares = pipeline.share_links(link("quiet?utm_source=a"), link("quiet?utm_source=b"))
    while pipeline.tick_and_run():
        pass
    reports = [pipeline.report(share) for share in shares]
    assert [report["outcome"] for report in reports] == ["no_speech", "no_speech"]
    assert reports[0]["transcript"]["doubts"] == reports[1]["transcript"]["doubts"] != []
    assert len(pipeline.speech.calls) == 1


def test_failed_shares_are_not_checked(pipeline: Pipeline) -> None:
    """A check covers only the transcripts that the run has made."""
    pipeline.share("good")
    pipeline.share_links(link("not-there"))
    [run] = pipeline.tick_and_run()
    assert not run.success
    assert counts_of(pipeline.checks(run)[DoubtKind.NO_SPEECH]) == (1, 0)
