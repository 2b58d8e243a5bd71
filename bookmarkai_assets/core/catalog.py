"""The catalog: one database, with a port for each part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bookmarkai_assets.core.alerts.incidents import IncidentTable
    from bookmarkai_assets.core.failures.ports import FailureTable
    from bookmarkai_assets.core.links.ports import LinkNames
    from bookmarkai_assets.core.media.ports import EventLog, MediaLedger, TombstoneTable
    from bookmarkai_assets.core.media.transfers import TransferTable
    from bookmarkai_assets.core.rollout.ports import Cursors, EventTotals, RolloutLedger
    from bookmarkai_assets.core.search.ports import TranscriptSearch
    from bookmarkai_assets.core.shares.leases import LeaseLedger
    from bookmarkai_assets.core.shares.ports import ShareTable, WorkLedger
    from bookmarkai_assets.core.sites.ports import SiteLedger
    from bookmarkai_assets.core.transcripts.ports import ChunkTable, TranscriptTable
    from bookmarkai_assets.core.uploads.ports import UploadLedger
    from bookmarkai_assets.core.workers.ports import WorkerTable


@dataclass(frozen=True)
class Catalog:
    """The catalog's ports together."""

    shares: ShareTable
    work: WorkLedger
    leases: LeaseLedger
    media: MediaLedger
    transcripts: TranscriptTable
    chunks: ChunkTable
    events: EventLog
    transfers: TransferTable
    totals: EventTotals
    tombstones: TombstoneTable
    rollout: RolloutLedger
    incidents: IncidentTable
    cursors: Cursors
    sites: SiteLedger
    links: LinkNames
    failures: FailureTable
    search: TranscriptSearch
    workers: WorkerTable
    uploads: UploadLedger
