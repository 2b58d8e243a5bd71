"""The demo from end to end: start servers, share links, watch the work, check the result, stop everything."""

import json
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import BookmarkAIError
from bookmarkai_assets.core.media.placement import Backend, StoragePolicy, place
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.demo.dagster_dev import DagsterDev
from bookmarkai_assets.demo.samples import GOOD_SAMPLES, Sample
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.demo.site import SHARED_TWICE, SampleLink, SampleSite
from bookmarkai_assets.demo.state import fresh_state, write_environment_file
from bookmarkai_assets.operations.shares.reports import ShareReport, ShareSummary, share_report, share_summary
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules

WORK_SECONDS = 300
"""Far more than the work takes. A demo that hangs should say so."""

_POLL_SECONDS = 0.5
_ENDED = frozenset({ShareStatus.DONE, ShareStatus.ERROR})
# The machine's own configuration must not reach the demo's processes.
_FOREIGN_PREFIXES = ("AWS_", "S3_", "DAGSTER_", *(name.upper() for name in Settings.model_fields))
_FOREIGN_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


class DemoFailedError(BookmarkAIError):
    """The demo did not do its work: a command failed, or shares did not end in time."""


@dataclass(frozen=True)
class DemoShare:
    """One shared link."""

    share_id: str
    link: SampleLink


@dataclass(frozen=True)
class WorkerRun:
    """A run on a cluster: which worker had it, and for how long, in seconds. `worker` is None if none took it."""

    run_id: str
    status: str
    worker: str | None
    seconds: float


@dataclass(frozen=True)
class DemoResult:
    """How each share ended, what is wrong with that, and the seconds from sharing to the end; on a cluster the runs."""

    shares: Sequence[DemoShare]
    reports: Sequence[ShareReport]
    problems: Sequence[str]
    seconds: float
    runs: Sequence[WorkerRun] = ()


class RunningDagster(Protocol):
    """What the demo needs of the Dagster that it has started."""

    environment: dict[str, str]

    @property
    def log(self) -> Path:
        """Where to look when something is wrong."""

    def check_alive(self) -> None:
        """Raise `BookmarkAIError` if a process has ended by itself."""


class DemoView(ABC):
    """Shows how the demo goes."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Show a line about what happens next."""

    @abstractmethod
    def progress(self, shares: Sequence[DemoShare], summaries: Sequence[ShareSummary]) -> None:
        """Show the state of every share. Called about twice a second."""

    @abstractmethod
    def finished(self, result: DemoResult, state: Path, url: str) -> None:
        """Show the result, while everything still runs. `state` is the demo's directory, `url` the UI's address."""


def run_demo(directory: Path, view: DemoView, *, port: int) -> DemoResult:
    """Run the demo in `directory`, with the UI on `port`. When this returns or raises, everything is stopped.

    Raises `BookmarkAIError` if a server does not start or the work does not end in time.
    """
    with ExitStack() as running:
        state = running.enter_context(fresh_state(directory))
        view.say("Starting a local S3 server (SeaweedFS) and a site with sample videos …")
        seaweed = SeaweedServer(state / "s3", bucket="bookmarkai-demo")
        # Before the start, because an interrupt may come just after it.
        running.callback(seaweed.stop)
        seaweed.start()
        site = running.enter_context(SampleSite())
        environment = {
            **demo_environment(state, seaweed, site),
            "CATALOG_URL": f"sqlite:///{state / 'dagster_home' / 'catalog.db'}",
        }
        view.say(f"Starting Dagster: its UI will be on http://127.0.0.1:{port} …")
        (state / "dagster_home").mkdir()
        dagster = DagsterDev(
            state / "dagster_home", {**own_environment(), **environment}, port=port, log=state / "dagster.log"
        )
        running.callback(dagster.stop)
        dagster.start()
        write_environment_file(state / "environment", {**environment, "DAGSTER_HOME": str(dagster.home)})
        result = share_and_watch(site, dagster, view)
        view.finished(result, state, dagster.url)
        return result


def share_and_watch(site: SampleSite, dagster: RunningDagster, view: DemoView) -> DemoResult:
    """Share the site's links, show the work until every share has ended, and judge the result.

    Raises `DemoFailedError` if that takes too long, and what `check_alive` raises.
    """
    settings = load_settings(env_file=None, **{name.lower(): value for name, value in dagster.environment.items()})
    with open_catalog(settings) as catalog:
        start = time.monotonic()
        shares = _share_links(site, dagster.environment, make_rules(settings).storage)
        view.say(f"{len(shares)} links shared with `bookmarkai shares add`; the new_shares sensor picks them up.")
        reports = _watch(catalog, shares, dagster, view)
        return DemoResult(shares, reports, problems_of(shares, reports, site.fetches), time.monotonic() - start)


def own_environment() -> dict[str, str]:
    """Return this process's environment without the machine's own configuration of a pipeline."""
    return {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith(_FOREIGN_PREFIXES) or name.lower() in _FOREIGN_PROXIES)
    }


def demo_environment(state: Path, seaweed: SeaweedServer, site: SampleSite) -> dict[str, str]:
    """Return the demo's settings, but for the catalog's address."""
    return {
        "STORAGE_MODE": "hybrid",
        "S3_SPLIT_PERCENTAGE": "50",
        **seaweed.variables,
        "YTDLP_DOWNLOAD_DIR": str(state / "media"),
        "YTDLP_ALLOWED_EXTRACTORS": "generic",
        "EGRESS_ALLOWED_HOSTS": site.host_and_port,
        "WHISPER_MODEL": "tiny.en",
        # The broken link is retried soon, so that one can watch how it ends.
        "RETRY_MAX_ATTEMPTS": "2",
        "RETRY_BASE_SECONDS": "1",
    }


def _share_links(site: SampleSite, environment: dict[str, str], policy: StoragePolicy) -> list[DemoShare]:
    """Share the site's links, and spare ones until both backends get some, because chance may choose only one."""
    shares = _add(site.links(), environment)
    for sample in (sample for sample in GOOD_SAMPLES if sample != SHARED_TWICE):
        # Only one of two shares of one video places it, and which one is not known yet. Only single shares count.
        samples = [share.link.sample for share in shares]
        single = [s for s in shares if not s.link.is_broken and samples.count(s.link.sample) == 1]
        if len({place(policy, share.share_id).backend for share in single}) > 1:
            break
        page = f"{site.url}/watch/{sample.path.stem}?spare=1"
        shares += _add([SampleLink(f"{sample.title} (spare)", page, replace(sample, title="spare"))], environment)
    return shares


def _add(links: Sequence[SampleLink], environment: dict[str, str]) -> list[DemoShare]:
    command = [sys.executable, "-m", "bookmarkai_assets.cli", "shares", "add", "--json", *(link.url for link in links)]
    done = subprocess.run(  # noqa: S603 - our own command line, as a user calls it
        command, env=environment, cwd=environment["DAGSTER_HOME"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DemoFailedError(
            f"expected `bookmarkai shares add` to succeed, found exit code {done.returncode}: {done.stderr}"
        )
    answers = json.loads(done.stdout)
    return [DemoShare(answer["id"], link) for answer, link in zip(answers, links, strict=True)]


def _watch(catalog: Catalog, shares: Sequence[DemoShare], dagster: RunningDagster, view: DemoView) -> list[ShareReport]:
    deadline = time.monotonic() + WORK_SECONDS
    while True:
        summaries = [share_summary(catalog, catalog.shares.get(share.share_id)) for share in shares]
        view.progress(shares, summaries)
        if all(summary.share.status in _ENDED for summary in summaries):
            return [share_report(catalog, share.share_id) for share in shares]
        dagster.check_alive()
        if time.monotonic() > deadline:
            waiting = [summary.share.url for summary in summaries if summary.share.status not in _ENDED]
            raise DemoFailedError(
                f"expected all shares to end within {WORK_SECONDS} s, found {len(waiting)} unfinished: {waiting}; "
                f"Dagster's log is {dagster.log}"
            )
        time.sleep(_POLL_SECONDS)


def problems_of(
    shares: Sequence[DemoShare], reports: Sequence[ShareReport], fetches: Callable[[Sample], int]
) -> list[str]:
    """List everything that is not as the demo promises. `fetches` counts how often a sample's file was fetched."""
    problems = []
    for share, report in zip(shares, reports, strict=True):
        label = share.link.label
        summary = report.summary
        if share.link.is_broken:
            if summary.share.status != ShareStatus.ERROR or not summary.progress.reason:
                problems.append(f"{label}: expected an error with a reason, found {summary.share.status}")
        elif not summary.is_done:
            problems.append(f"{label}: expected done, found {summary.outcome}: {summary.progress.reason}")
        elif not report.transcript or not report.transcript.text:
            problems.append(f"{label}: expected a transcript, found none")
    backends = {str(report.media.backend) for report in reports if report.summary.is_done and report.media}
    if backends != {Backend.LOCAL, Backend.S3}:
        problems.append(f"expected media in both backends, found {sorted(backends)}")
    problems += _find_repeated_fetches(shares, fetches)
    return problems


def _find_repeated_fetches(shares: Sequence[DemoShare], fetches: Callable[[Sample], int]) -> list[str]:
    problems = []
    for share in shares:
        twins = [other for other in shares if other.link.sample == share.link.sample]
        if len(twins) > 1 and twins[0] == share:
            count = fetches(share.link.sample)
            if count != 1:
                problems.append(f"{share.link.label}: shared twice, expected one fetch of the video, found {count}")
    return problems
