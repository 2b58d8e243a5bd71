"""A run that transcribes one share for real, in a process of its own, for tests that kill it.

`python -m tests.support.transcribing_child DIRECTORY CATALOG_URL SHARE_ID`
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.operations.transcripts.transcribed_share import TranscribedShare
from bookmarkai_assets.operations.transcripts.transcribing import transcribe_share
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules


def engine() -> SpeechEngine:
    """Return this run's engine, which divides what is longer than nine seconds."""
    return FasterWhisperEngine(
        model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1, beam_size=1, chunk_seconds=6
    )


def transcribe(
    directory: Path, catalog: Catalog, share_id: str, *, owner: str, clock: Callable[[], datetime]
) -> TranscribedShare | Failure:
    """Transcribe a share whose media are below a directory, as one run does."""
    settings = load_settings(env_file=None, ytdlp_download_dir=directory, lease_seconds=60)
    hold = Hold(
        catalog,
        make_rules(settings),
        Stores({Backend.LOCAL: LocalStore(directory)}),
        owner,
        clock,
        jitter=lambda: 0.5,
    )
    media_id = catalog.work.progress(share_id).media_id
    media = catalog.media.get(media_id or "")
    assert media is not None
    with hold.renew_leases():
        return run_step(
            hold,
            {share_id: media},
            lambda leased, media: transcribe_share(hold, leased, media, engine=engine()),
        )[share_id]


def main() -> None:
    """Transcribe the share."""
    directory, catalog_url, share_id = sys.argv[1:]
    with open_catalog(load_settings(env_file=None, catalog_url=catalog_url)) as catalog:
        transcribe(Path(directory), catalog, share_id, owner="killed run", clock=lambda: datetime.now(UTC))


if __name__ == "__main__":
    main()
