"""The operations as production combines them, without Dagster: ticks of the sensor, and runs in a queue.

The catalog, the claims, the downloader and the local store are real, and the speech engine is not. A run is a thread
here and a process in production, which makes no difference to who waits for whom.
"""

import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import dropwhile
from pathlib import Path
from typing import Any

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.downloads.ports import Downloader
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.operations.downloads.fetching import fetch_media
from bookmarkai_assets.operations.downloads.run_patience import run_patience
from bookmarkai_assets.operations.media.placing import place_media
from bookmarkai_assets.operations.shares.claiming import ClaimedRun, claim_due_shares, keep_queued_claims
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.operations.transcripts.transcribing import transcribe_share
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.fakes.speech import FakeSpeechEngine
from tests.support.deadlines import PLENTY_SECONDS

USER = "11111111-1111-4111-8111-111111111111"
RUNS_AT_A_TIME = 2
"""As dagster_home/dagster.yaml has it."""

_TICK_SECONDS = 0.1
_ENDED = frozenset({"done", "error"})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Line:
    """One installation in `directory`, whose site is `opened`. `settings` change the defaults.

    `runs` keeps the shares of each run, in the order of their claims.
    """

    directory: Path
    catalog: OpenCatalog
    downloader: Downloader
    opened: HostPort
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.media = self.directory / "media"
        self.rules = make_rules(
            load_settings(
                env_file=None,
                ytdlp_download_dir=self.media,
                egress_allowed_hosts=f"{self.opened.host}:{self.opened.port}",
                download_min_free_bytes=0,
                **{"retry_base_seconds": 0.01, "retry_max_seconds": 0.01, **self.settings},
            )
        )
        self._stores = Stores({Backend.LOCAL: LocalStore(self.media)})
        self._engine = FakeSpeechEngine()
        self._positions: dict[str, int] = {}
        self._queued: set[str] = set()
        self.runs: list[list[str]] = []

    def share(self, links: Sequence[str]) -> list[str]:
        """Share links, and return their ids in the same order."""
        added = add_shares(self.catalog.shares, links, user_id=USER, allowed_hosts=frozenset({self.opened}), now=_now())
        return [result.share.share_id for result in added if isinstance(result, AddedShare)]

    def work_off(self, share_ids: Sequence[str]) -> None:
        """Tick and run until every share has ended. Fail when one takes longer than `PLENTY_SECONDS`."""
        waiting, end = list(share_ids), time.monotonic() + PLENTY_SECONDS
        with ThreadPoolExecutor(RUNS_AT_A_TIME) as queue:
            runs: list[Future[None]] = []
            while waiting:
                assert time.monotonic() < end, f"{waiting[0]} has not ended in {PLENTY_SECONDS} seconds"
                runs += [queue.submit(self._run, claimed) for claimed in self._claim()]
                for run in [run for run in runs if run.done()]:
                    run.result()
                    runs.remove(run)
                time.sleep(_TICK_SECONDS)
                # The first is asked for until it has ended, then the next. Asking for all costs more than their work.
                left = list(dropwhile(self._has_ended, waiting))
                if left != waiting:
                    waiting, end = left, time.monotonic() + PLENTY_SECONDS

    def seconds_of(self, share_id: str) -> float:
        """Return the time from a share's admission to its end."""
        finished = self.catalog.work.progress(share_id).finished_at
        assert finished
        return (finished - self.catalog.shares.get(share_id).created_at).total_seconds()

    def outcome_of(self, share_id: str) -> str:
        """Return how a share ended."""
        return str(self.catalog.work.progress(share_id).outcome)

    def _has_ended(self, share_id: str) -> bool:
        return self.catalog.shares.get(share_id).status in _ENDED

    def _claim(self) -> list[ClaimedRun]:
        now, lease = _now(), self.rules.lease_seconds
        keep_queued_claims(
            self.catalog.work, now=now, lease_seconds=lease, live_claims=lambda ids: self._queued & set(ids)
        )
        runs = claim_due_shares(
            self.catalog,
            self.rules,
            new_claim_id=lambda: str(uuid.uuid4()),
            now=now,
            positions=lambda _share_ids: self._positions,
        )
        for run in runs:
            self._queued.add(run.claim_id)
            self.runs.append(run.share_ids)
            for share_id in run.share_ids:
                self._positions.setdefault(share_id, len(self._positions))
        return runs

    def _run(self, claimed: ClaimedRun) -> None:
        """Do what a run's three assets do, one after the other over the whole batch."""
        hold = Hold(
            self.catalog,
            self.rules,
            self._stores,
            owner=str(uuid.uuid4()),
            clock=_now,
            claim_id=claimed.claim_id,
            jitter=lambda: 0.5,
        )
        patience = run_patience(self.rules, shares=len(claimed.share_ids))
        with hold.renew_leases():
            fetched = run_step(
                hold,
                dict.fromkeys(claimed.share_ids),
                lambda leased, _: fetch_media(hold, leased, downloader=self.downloader, patience=patience),
                concurrency=self.rules.download_concurrency,
            )
            placed = run_step(
                hold,
                {
                    share_id: result if isinstance(result, Failure) else result.media
                    for share_id, result in fetched.items()
                },
                lambda leased, media: place_media(hold, leased, media),
            )
            run_step(
                hold,
                placed,
                lambda leased, media: transcribe_share(hold, leased, media, engine=self._engine),
            )
        hold.release()
        self._queued.discard(claimed.claim_id)
