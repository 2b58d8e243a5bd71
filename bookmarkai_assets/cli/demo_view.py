"""The demo on a terminal: its progress, and its results."""

import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from rich.live import Live
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from bookmarkai_assets.cli.output import clean, err, out, print_json
from bookmarkai_assets.demo.run import DemoResult, DemoShare, DemoView, WorkerRun
from bookmarkai_assets.operations.shares.reports import ShareReport, ShareSummary

UI_PORT = 3000
_STYLES = {"done": "green", "error": "red", "pending": "dim"}


class TerminalView(DemoView):
    """Shows the demo as a live table on a terminal, and as one line per change elsewhere."""

    def __init__(self, *, keep_ui: bool, as_json: bool) -> None:
        self._keep_ui, self._as_json = keep_ui, as_json
        self._console = err if as_json else out
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._seen: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @override
    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    @override
    def progress(self, shares: Sequence[DemoShare], summaries: Sequence[ShareSummary]) -> None:
        if self._console.is_terminal:
            self._live.update(_progress_table(shares, summaries), refresh=True)
            return
        for share, summary in zip(shares, summaries, strict=True):
            outcome = f" ({summary.outcome})" if summary.outcome else ""
            state = f"{summary.share.status}{outcome}"
            if self._seen.get(share.share_id) != state:
                self._seen[share.share_id] = state
                self._console.print(clean(f"  {share.link.label}: {state}"), soft_wrap=True)

    @override
    def finished(self, result: DemoResult, state: Path, url: str) -> None:
        self._live.stop()
        if self._as_json:
            print_json([report.as_dict() for report in result.reports])
        else:
            out.print(_result_table(result))
            if result.runs:
                out.print()
                out.print(_run_table(result.runs))
        self.say(f"\n{len(result.shares)} shares in {result.seconds:.0f} s.")
        if self._keep_ui:
            with suppress(KeyboardInterrupt):  # the normal way to leave: the exit code is about the demo
                self.say(f"Dagster's UI is on [bold]{url}[/bold]. Ctrl-C ends the demo.")
                threading.Event().wait()
            return
        if result.runs:  # its databases are gone with it
            self.say(
                "To look at this in Dagster's UI, run it again and leave that up:  [bold]make cluster KEEP=1[/bold]"
            )
            return
        self.say(
            "To look at this in Dagster's UI, run it again and leave that up:  [bold]bookmarkai demo --keep-ui[/bold]\n"
            f"or serve the state just made:  [bold]. {state}/environment; {sys.executable} -m dagster_webserver "
            f"-m bookmarkai_assets.definitions -p {UI_PORT}[/bold]"
        )


def _progress_table(shares: Sequence[DemoShare], summaries: Sequence[ShareSummary]) -> Table:
    table = Table("share", "status", "attempts", "outcome", box=None, header_style="bold", pad_edge=False)
    for share, summary in zip(shares, summaries, strict=True):
        table.add_row(
            clean(share.link.label, 60),
            Text(summary.share.status, style=_STYLES.get(summary.share.status, "yellow")),
            str(summary.progress.attempts),
            clean(summary.outcome),
        )
    return table


def _result_table(result: DemoResult) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    table.add_column("share", no_wrap=True, ratio=3)
    for column in ("outcome", "stored", "size", "lang"):
        table.add_column(column, no_wrap=True, justify="right" if column == "size" else "left")
    table.add_column("first words", no_wrap=True, ratio=4)
    table.add_column("seconds", no_wrap=True, justify="right")
    for share, report in zip(result.shares, result.reports, strict=True):
        summary, transcript = report.summary, report.transcript
        media = report.media if summary.is_done else None
        table.add_row(
            clean(share.link.label, 40),
            Text(summary.outcome or summary.share.status, style="green" if summary.is_done else "red"),
            (media.backend if media else None) or "-",
            f"{media.video.digest.size_bytes / 1000:.0f} kB" if media else "-",
            transcript.language if transcript else "-",
            clean(transcript.text if transcript else summary.progress.reason, 60),
            f"{_work_seconds(report):.1f}",
        )
    return table


def _run_table(runs: Sequence[WorkerRun]) -> Table:
    table = Table("run", "worker", "status", box=None, header_style="bold", pad_edge=False)
    table.add_column("seconds", justify="right")
    for run in runs:
        table.add_row(run.run_id[:8], run.worker or "-", run.status, f"{run.seconds:.1f}")
    return table


def _work_seconds(report: ShareReport) -> float:
    """Return the seconds that the share's transfers and its transcription took in all."""
    transcribing = report.transcript.transcribe_seconds if report.transcript else 0.0
    return sum(event.seconds for event in report.transfers) + transcribing
