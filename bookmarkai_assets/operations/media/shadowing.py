"""The shadow stage: put a copy of locally stored media to S3, read it back and compare. The copy serves nobody.

A failure counts for the rollout, which reads it in `storage_events`. The share does not fail.
"""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path

from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.core.sites.stores import store_name
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.rollout.current_policy import PlacementOverruledError, PolicyWatch, current_policy
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.store_turns import paused_stores

logger = logging.getLogger(__name__)


def put_shadow(hold: Hold, media: Media, remote: Backend) -> None:
    """Put a locally stored media to a remote backend as well, read it back whole and compare.

    The caller holds the lease. The recorded location stays local. Every transfer is recorded with the purpose `shadow`.
    A failed one is logged. A copy that is under way when the shadow stage ends is abandoned. None is made while the
    remote backend is paused.
    """
    if store_name(remote) in paused_stores(hold.catalog, now=hold.clock()):
        logger.info("no shadow copy of %s is made: %s is paused", media.video.url, store_name(remote))
        return
    watch = PolicyWatch(lambda: current_policy(hold.catalog, hold.rules), lambda policy: policy.is_shadow)
    try:
        store = hold.stores[remote]
        transfers = MediaTransfers(hold, media, media.share_id, Purpose.SHADOW)
        for part in media.parts.values():
            copy = transfers.put(part, Path(part.url), store, may_consume=False, on_bytes=watch)
            hold.rules.staging_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=hold.rules.staging_dir, prefix="shadow-") as directory:
                fetched = Path(directory) / Path(part.url).name
                transfers.get(replace(part, url=copy.url), fetched, on_bytes=watch)
    except PlacementOverruledError:
        logger.info("the shadow copy of %s is no longer wanted: the rollout went on or back", media.video.url)
    except StoreError as error:
        logger.warning("the shadow copy of %s failed, its local file serves: %s", media.video.url, error)
