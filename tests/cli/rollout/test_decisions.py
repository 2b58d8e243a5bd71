"""`bookmarkai rollout promote, set, abort, rollback, resume`: what each changes, refuses and prints."""

import os
import pwd
from datetime import UTC, datetime

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.placement import StorageMode
from bookmarkai_assets.core.rollout.stages import Action, Stage
from bookmarkai_assets.operations.rollout.current_policy import current_policy
from tests.plugins.command_line import BookmarkAI
from tests.support.rollout_past import HYBRID, SAMPLE, add_verification, decide, rules, status, transfers
from tests.support.workers import worker


def test_a_rollout_begins_with_the_first_stage(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Before the first promotion there is no stage, and the next step says how to begin; then S3 takes 10%.

    The history names who decided.
    """
    before = status(bookmarkai)
    assert (before["stage"], before["split_percentage"], before["gate"]["verdict"]) == (None, 0, "hold")
    assert before["next_step"]["command"] == "bookmarkai rollout promote"

    ended = bookmarkai("rollout", "promote", "--by", "ana", "--reason", "week one")

    assert ended.code == 0
    assert "10% of new media go to S3" in ended.out
    after = status(bookmarkai)
    assert (after["stage"], after["split_percentage"], after["is_rolled_back"]) == ("10%", 10, False)
    assert 0 < after["min_stage_seconds_left"] <= 7 * 86_400
    [row] = hybrid_catalog.rollout.history()
    assert (row.action, row.stage, row.actor, row.reason) == (Action.PROMOTE, Stage(10), "ana", "week one")
    assert row.evidence["figures"]["uploads"] == 0
    assert current_policy(hybrid_catalog, rules()).s3_percentage == 10


def test_the_decider_is_the_login_name_by_default(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """By default the decider is the system's name for the process's user, whatever the environment claims."""
    bookmarkai("rollout", "promote")
    [row] = hybrid_catalog.rollout.history()
    assert row.actor == pwd.getpwuid(os.getuid()).pw_name


def test_a_user_without_a_name_is_a_number(
    hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user whose number has no name, as in a container, is recorded by that number."""
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
    assert bookmarkai("rollout", "promote").code == 0
    assert hybrid_catalog.rollout.history()[0].actor == "user 3999999999"


def test_the_gate_refuses_and_says_what_is_missing(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Refusing is exit code 1 with everything that is missing and how to override it, and nothing is recorded."""
    decide(hybrid_catalog, 10, days_ago=2)
    transfers(hybrid_catalog, good=20, downloads=SAMPLE)

    ended = bookmarkai("rollout", "promote")

    assert (ended.code, ended.out) == (1, "")
    for part in ("30 more good uploads", "storage verify", "5 days", "--force"):
        assert part in ended.err
    assert [row.stage for row in hybrid_catalog.rollout.history()] == [Stage(10)]
    missing = status(bookmarkai)["gate"]["missing"]
    assert all(part in ended.err for part in missing[:1])
    assert len(missing) == 3


def test_a_person_can_override_the_gate(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """With --force the next stage begins, and the gate's objections are printed and recorded."""
    decide(hybrid_catalog, 10, days_ago=2)

    ended = bookmarkai("rollout", "promote", "--force", "--reason", "few users this week")

    assert ended.code == 0
    row = hybrid_catalog.rollout.history()[-1]
    assert (row.stage, row.verdict) == (Stage(25), "hold")
    assert row.evidence["overruled"]
    for objection in row.evidence["overruled"]:
        assert f"Overruled: {objection}." in ended.out


def test_the_gate_promotes_once_everything_passes(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """After a week with enough samples and a verification the verdict is promote, and promoting needs no force."""
    decide(hybrid_catalog, 10)
    transfers(hybrid_catalog)
    add_verification(hybrid_catalog)

    found = status(bookmarkai)
    assert (found["gate"]["verdict"], found["gate"]["missing"]) == ("promote", [])
    assert found["next_step"]["command"] == "bookmarkai rollout promote"
    assert found["min_stage_seconds_left"] == 0

    assert bookmarkai("rollout", "promote").code == 0
    assert status(bookmarkai)["stage"] == "25%"


def test_a_rollback_is_one_command(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """After a rollback no worker stores anything in S3, and the message says what is in effect and how to undo it."""
    decide(hybrid_catalog, 50)
    assert current_policy(hybrid_catalog, rules()).s3_percentage == 50

    ended = bookmarkai("rollout", "rollback", "--reason", "the bucket is slow", "--by", "bob")

    assert ended.code == 0
    assert current_policy(hybrid_catalog, rules()).mode is StorageMode.LOCAL
    for part in ("local directory", "every worker", "ends within 10 seconds", "stay readable", "rollout resume"):
        assert part in ended.out
    found = status(bookmarkai)
    assert (found["stage"], found["split_percentage"], found["effective_mode"]) == ("50%", 0, "local")
    assert found["is_rolled_back"]
    assert (found["rolled_back"]["by"], found["rolled_back"]["reason"]) == ("bob", "the bucket is slow")
    assert found["next_step"]["command"] == "bookmarkai rollout resume"
    assert any(
        line.startswith("rolled back\tby bob") and line.endswith("the bucket is slow")
        for line in bookmarkai("rollout", "status").out.splitlines()
    )

    again = bookmarkai("rollout", "rollback", "--reason", "once more")
    assert (again.code, len(hybrid_catalog.rollout.history())) == (1, 2)

    assert bookmarkai("rollout", "resume").code == 0
    assert current_policy(hybrid_catalog, rules()).s3_percentage == 50
    assert status(bookmarkai)["rolled_back"] is None
    assert bookmarkai("rollout", "resume").code == 1


def test_a_rollback_does_not_wait_for_adding_up(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """A rollback is recorded with the figures that exist; events not added up yet are left for the next time."""
    decide(hybrid_catalog, 50)
    transfers(hybrid_catalog, good=3, downloads=0)
    assert bookmarkai("rollout", "rollback", "--reason", "now").code == 0
    assert hybrid_catalog.rollout.history()[-1].evidence["figures"]["uploads"] == 0
    assert bookmarkai("metrics", "--json").json["s3_uploads"] == 3


def test_a_rollback_says_the_same_whatever_the_commands_settings(
    hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback works from a shell without the workers' settings, which is local, and does not call itself idle."""
    decide(hybrid_catalog, 50)
    for name in HYBRID:
        monkeypatch.delenv(name)
    ended = bookmarkai("rollout", "rollback", "--reason", "now")
    assert ended.code == 0
    assert "Everything new goes to the local directory, in every worker" in ended.out
    assert "without effect" not in ended.out
    assert status(bookmarkai)["next_step"]["command"] == "bookmarkai rollout resume", "workers are held back by it"
    for name, value in HYBRID.items():
        monkeypatch.setenv(name, value)
    assert current_policy(hybrid_catalog, rules()).mode is StorageMode.LOCAL


@pytest.mark.parametrize(
    "arguments",
    [
        ["rollback"],
        ["rollback", "--reason", " "],
        ["abort"],
        ["set", "25"],
        ["set", "25", "--reason", ""],
        ["set", "--reason", "x"],
        ["set", "101", "--reason", "x"],
        ["set", "12.5", "--reason", "x"],
        ["set", "some", "--reason", "x"],
        ["promote", "--by", " "],
        ["history", "--limit", "0"],
    ],
)
def test_wrong_use_changes_nothing(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI, arguments: list[str]) -> None:
    """No reason, or a stage that does not exist, is exit code 2."""
    decide(hybrid_catalog, 10)
    assert bookmarkai("rollout", *arguments).code == 2
    assert len(hybrid_catalog.rollout.history()) == 1


def test_an_abort_goes_back_to_the_last_good_stage(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """An abort at 50% goes back to 25%, the status says so, and the next step asks for the reason first."""
    for stage, days in ((10, 30), (25, 20), (50, 8)):
        decide(hybrid_catalog, stage, days_ago=days)

    ended = bookmarkai("rollout", "abort", "--reason", "timeouts")

    assert ended.code == 0
    assert ended.out.startswith("Aborted, back to 25%")
    found = status(bookmarkai)
    assert (found["stage"], found["split_percentage"], found["is_aborted"]) == ("25%", 25, True)
    assert "why it was aborted" in found["next_step"]["why"]
    assert "by an abort" in bookmarkai("rollout", "status").out


def test_there_is_nothing_to_abort_before_the_beginning(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Without a stage an abort is exit code 1, and no row is written."""
    ended = bookmarkai("rollout", "abort", "--reason", "x")
    assert (ended.code, list(hybrid_catalog.rollout.history())) == (1, [])
    assert "rollback" in ended.err


def test_a_stage_can_be_named(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """A stage may be unplanned, or shadow, and its forecast is recorded for comparison with what happens."""
    transfers(hybrid_catalog)
    assert bookmarkai("rollout", "set", "33", "--reason", "a third").code == 0
    assert status(bookmarkai)["split_percentage"] == 33
    kept = hybrid_catalog.rollout.history()[-1].evidence["forecast"]
    assert kept["stage"] == "33%"
    assert kept["load"]["media_per_day"] > 0

    shadow = bookmarkai("rollout", "set", "shadow", "--reason", "compare first")
    assert "a copy of it to S3" in shadow.out
    found = status(bookmarkai)
    assert (found["stage"], found["is_shadow"], found["split_percentage"]) == ("shadow", True, 0)


def test_a_stage_set_while_rolled_back_waits_for_resume(hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """The rollout stays local, and both the message and the status say how the stage takes effect."""
    decide(hybrid_catalog, 50)
    bookmarkai("rollout", "rollback", "--reason", "slow")
    ended = bookmarkai("rollout", "set", "10", "--reason", "come back lower")
    assert ended.code == 0
    assert "still rolled back" in ended.out
    assert "to 10%: bookmarkai rollout resume" in ended.out
    found = status(bookmarkai)
    assert (found["stage"], found["split_percentage"]) == ("10%", 0)
    assert found["rolled_back"]["reason"] == "slow"
    assert bookmarkai("rollout", "promote").code == 1
    bookmarkai("rollout", "resume")
    assert status(bookmarkai)["split_percentage"] == 10


def test_a_decision_that_the_settings_override_says_so(
    hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With STORAGE_MODE=local a stage is recorded without effect here, and workers with other settings follow it."""
    monkeypatch.setenv("STORAGE_MODE", "local")
    ended = bookmarkai("rollout", "set", "25", "--reason", "x")
    assert ended.code == 0
    assert "without effect" in ended.out
    assert "a worker whose STORAGE_MODE is hybrid follows" in ended.out
    assert status(bookmarkai)["min_stage_seconds_left"] > 0, "that worker's stage has begun"
    assert len(hybrid_catalog.rollout.history()) == 1


def test_promoting_a_stage_that_counts_nowhere_is_refused(
    hybrid_catalog: OpenCatalog, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time would run while nothing is tried. It counts once a worker has the mode, whatever this shell has."""
    monkeypatch.setenv("STORAGE_MODE", "local")
    ended = bookmarkai("rollout", "promote")
    assert ended.code == 1
    assert "stages count in STORAGE_MODE=hybrid alone" in ended.err
    assert hybrid_catalog.rollout.history() == []

    hybrid_catalog.workers.announce(worker("run", now=datetime.now(UTC), seconds=600, storage_mode="hybrid"))
    assert bookmarkai("rollout", "promote").code == 0
