"""The shadow stage: a second copy of what is stored locally goes to S3, is read back and compared; nobody is served it.

A failure is the rollout's to know, through `storage_events`, and not the share's.
"""

import logging
import tempfile
from pathlib import Path

from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.storage_events import Purpose
from bookmarkai_assets.operations.media.stores import Stores, store_of_backend
from bookmarkai_assets.operations.media.transfers import MediaTransfers
from bookmarkai_assets.operations.rollout.current_policy import PlacementOverruledError, PolicyWatch, current_policy
from bookmarkai_assets.operations.shares.share_work import ShareWork

logger = logging.getLogger(__name__)


def put_shadow(media: Media, *, work: ShareWork, stores: Stores) -> None:
    """Put a locally stored media to S3 as well, read it back whole and compare; the run holds its lease.

    The recorded place stays local. Every transfer is recorded, with the purpose `shadow`; one that fails is logged. A
    copy that is under way when the shadow stage ends goes no further.
    """
    watch = PolicyWatch(lambda: current_policy(work.catalog, work.rules), lambda policy: policy.is_shadow)
    try:
        store = store_of_backend(stores, Backend.S3)
        transfers = MediaTransfers(work.catalog, work.clock, media.share_id, media, Purpose.SHADOW)
        for kind, blob in media.blobs.items():
            copy = transfers.put(kind, Path(blob.url), store, may_consume=False, on_bytes=watch)
            work.rules.staging_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=work.rules.staging_dir, prefix="shadow-") as directory:
                transfers.get(kind, copy.url, store, Path(directory) / Path(blob.url).name, on_bytes=watch)
    except PlacementOverruledError:
        logger.info("the shadow copy of %s is not wanted any more: the rollout went on or back", media.video.url)
    except StoreError as error:
        logger.warning("the shadow copy of %s failed, its local file serves: %s", media.video.url, error)
