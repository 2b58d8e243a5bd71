"""Ask the bucket for the uploads that are awaited: what its events do, slower, and what finds whatever they missed.

The catalog says which keys to ask for, and a HEAD of each says all that taking in needs. A listing would cost twelve
times as much for each request, and would show every object that is stored already and not swept yet.
"""

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import CatalogUnavailableError, StoreError
from bookmarkai_assets.core.uploads.ports import UploadedObjects
from bookmarkai_assets.core.uploads.upload import Upload
from bookmarkai_assets.operations.uploads.arrivals import take_in
from bookmarkai_assets.operations.uploads.notices import WORKERS

logger = logging.getLogger(__name__)

MAX_UPLOADS = 200
"""How many uploads one round asks for, which bounds its time and its cost. The next round goes on after them."""


BROKEN = "broken"
"""Counts uploads that make the code fail. The others go on, and the log has the traceback."""


@dataclass(frozen=True)
class AskedFor:
    """What one round found: uploads by `Arrival` or the word above.

    `after` is the id after which the next round goes on; empty at the end.
    """

    records: Counter[str] = field(default_factory=Counter)
    after: str = ""


def ask_for_awaited(
    catalog: Catalog, objects: UploadedObjects, *, after: str, now: datetime, limit: int = MAX_UPLOADS
) -> AskedFor:
    """Take in those of the next unfinished uploads whose object is there. Nothing is asked while none is unfinished.

    Raises `StoreError` and `CatalogUnavailableError`.
    """
    uploads = catalog.uploads.unfinished(created_before=now, after=after, limit=limit)
    if not uploads:
        return AskedFor()

    def ask(upload: Upload) -> str:
        try:
            return take_in(catalog, objects, upload.upload_id, now=now).arrival
        except (StoreError, CatalogUnavailableError):
            raise
        except Exception:  # one upload must not keep the round from those after it
            logger.exception("upload %s could not be taken in", upload.upload_id)
            return BROKEN

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="uploads") as pool:
        records = Counter(pool.map(ask, uploads))
    return AskedFor(records, uploads[-1].upload_id if len(uploads) == limit else "")
