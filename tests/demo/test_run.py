"""The demo as a command: what it checks, and how it ends early. CI runs all of it."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.shares.share import Share, ShareProgress
from bookmarkai_assets.demo.run import DemoShare, problems_of
from bookmarkai_assets.demo.samples import BROKEN_SAMPLE, SHORT_SAMPLES
from bookmarkai_assets.demo.site import SampleLink
from bookmarkai_assets.operations.shares.reports import ShareReport, ShareSummary
from tests.support.catalog import PLACEMENT, USER, at, stored_media, transcript_of
from tests.support.deadlines import PLENTY_SECONDS
from tests.support.processes import wait_until

# Whatever starts the tests may ignore SIGINT, as a script does for a background job, and pass that on.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from bookmarkai_assets.cli.main import run
run()
"""


def processes_below(directory: Path) -> list[str]:
    """List the processes that have this directory in their arguments or as their Dagster home."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.environ().get("DAGSTER_HOME", "")]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if any(str(directory) in word for word in words) and process.status() != psutil.STATUS_ZOMBIE:
            found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "links shared"),
        (signal.SIGTERM, "Starting Dagster"),
        pytest.param(signal.SIGTERM, "links shared", marks=pytest.mark.soak),
    ],
)
def test_an_interrupted_demo_stops_everything_it_started(
    tmp_path: Path, tiny_en_model: Path, number: signal.Signals, moment: str
) -> None:
    """After Ctrl-C or SIGTERM during the work or before it, twice in a row, the code is 130 and no process is left."""
    assert tiny_en_model.is_dir()
    state = tmp_path / "state"
    demo = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "demo", "--directory", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    watchdog = threading.Timer(PLENTY_SECONDS, demo.kill)
    watchdog.start()
    try:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            # The interrupt may come after a line was written and before the buffer was cleared. Then the line comes
            # twice.
            if moment in line and said.count(moment) == 1:
                demo.send_signal(number)
                if moment == "links shared":
                    wait_until(lambda: "Shutting down" in (state / "dagster.log").read_text())
                demo.send_signal(number)
        assert demo.wait() == 130, said
        assert "Stopped." in said
    finally:
        watchdog.cancel()
        demo.kill()
        demo.communicate()
    wait_until(lambda: processes_below(state) == [])


ONE, TWO = SHORT_SAMPLES[:2]
SHARES = [
    DemoShare("1", SampleLink("one", "http://site/one", ONE)),
    DemoShare("2", SampleLink("two", "http://site/two", TWO)),
    DemoShare("3", SampleLink("two again", "http://site/two?utm_source=a", TWO)),
    DemoShare("4", SampleLink("broken", "http://site/broken", BROKEN_SAMPLE)),
]


def report(
    number: int,
    *,
    backend: Backend | None,
    text: str | None,
    status: str = "done",
    outcome: str = "done",
    reason: str | None = None,
) -> ShareReport:
    """Return the report on one share: its media's backend and its transcript's text, None where it has neither."""
    share = Share(str(number), USER, f"http://site/{number}", "generic", status, at(0))
    stored = stored_media("m", share.share_id)
    return ShareReport(
        ShareSummary(share, ShareProgress(1, outcome, reason, None, None, at(1))),
        media=replace(stored, placement=replace(PLACEMENT, backend=backend)) if backend else None,
        transcript=None if text is None else transcript_of(text),
        transfers=(),
        deletions=(),
    )


def reports(**changes: dict[str, Any]) -> list[ShareReport]:
    """Return the reports of a demo that went well, with changes by share id (`share_1=...`)."""
    good: list[dict[str, Any]] = [{"backend": b, "text": "words"} for b in (Backend.LOCAL, Backend.S3, Backend.S3)]
    bad = {"status": "error", "outcome": "corrupt", "reason": "cut short", "backend": None, "text": None}
    return [report(n, **expected | changes.get(f"share_{n}", {})) for n, expected in enumerate([*good, bad], 1)]


def test_a_demo_that_went_well_has_no_problems() -> None:
    """Good shares have transcripts, both backends are used, two shares took one fetch, the broken one has a reason."""
    assert problems_of(SHARES, reports(), lambda _: 1) == []


@pytest.mark.parametrize(
    ("changes", "fetches", "expected"),
    [
        (
            {"share_3": {"status": "error", "outcome": "gone", "reason": "404"}},
            1,
            "two again: expected done, found gone",
        ),
        ({"share_2": {"text": None}}, 1, "two: expected a transcript, found none"),
        ({"share_2": {"text": ""}}, 1, "two: expected a transcript, found none"),
        ({"share_1": {"backend": Backend.S3}}, 1, "expected media in both backends, found ['s3']"),
        ({"share_4": {"status": "done", "backend": Backend.S3}}, 1, "broken: expected an error with a reason"),
        ({"share_4": {"reason": None}}, 1, "broken: expected an error with a reason"),
        ({}, 2, "two: shared twice, expected one fetch of the video, found 2"),
        ({}, 0, "two: shared twice, expected one fetch of the video, found 0"),
    ],
)
def test_each_broken_promise_is_a_problem(changes: dict[str, dict[str, Any]], fetches: int, expected: str) -> None:
    """Anything that differs from what the demo promises makes it fail, and is named."""
    problems = problems_of(SHARES, reports(**changes), lambda _: fetches)
    assert len(problems) == 1
    assert problems[0].startswith(expected)
