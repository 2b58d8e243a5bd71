"""The breakers of stores: whether a share may use a store now, and what a store's failure means for a share.

The rules are in `core/sites`. A store that fails for everybody is paused, and the shares that need it wait. Then one
share at a time tries it, until it works again.
"""

import hashlib
import os
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import PostponedError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import MediaStore
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.sites.breaker import NO_LIMITS, Site, waiting_reason
from bookmarkai_assets.core.sites.ports import NoSlot
from bookmarkai_assets.core.sites.stores import OF_ONE_OBJECT, OF_THE_STORE, PROBE_NAME, is_store, store_name
from bookmarkai_assets.operations.sites.turns import waiting_by_site
from bookmarkai_assets.operations.stores import Stores

PROBE_SECONDS = 8.0
"""How long a probe may take. A store that works takes a hundredth of it."""

_PROBE_BYTES = 1024


def require_store(catalog: Catalog, rules: PipelineRules, backend: Backend, media_id: str, *, now: datetime) -> bool:
    """Return whether the use of a store is a trial, whose success has to be recorded.

    Raises `PostponedError` if the store is paused, or others are trying it already.
    """
    name = store_name(backend)
    if _read_breaker(catalog, name, now=now).is_closed:
        return False
    slot = catalog.sites.take_slot(name, media_id, rules=rules.stores, now=now)
    if isinstance(slot, NoSlot):
        raise PostponedError(slot.reason, until=now, held_for=name)
    return True


def require_disk(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> None:
    """Check that the disk of the local media is mounted. Raises `StoreError`, of the local backend.

    A directory without any entry, where the catalog has media, is taken for a mount point without its disk. What is
    written there would fill another disk, and be hidden once the right one is back.
    """
    directory = rules.staging_dir.parent
    if _has_media(directory, rules.staging_dir.name):
        return
    count = catalog.media.stored_count(Backend.LOCAL, unexpired_at=now)
    # Another thread or process may have stored the first media since the look, and recorded it before the count.
    if count and not _has_media(directory, rules.staging_dir.name):
        error = StoreError(
            StoreErrorClass.UNAVAILABLE,
            f"expected the {count} media that the catalog records in {directory}, found nothing there; mount its disk. "
            "If they are lost for good, make a file of any name in that directory",
        )
        error.backend = Backend.LOCAL
        raise error


def _has_media(directory: Path, staging: str) -> bool:
    """Whether a directory can be read and has an entry besides staging."""
    try:
        with os.scandir(directory) as entries:
            return any(entry.name != staging for entry in entries)
    except OSError:
        return False


def record_trial(catalog: Catalog, backend: Backend, media_id: str, *, now: datetime) -> None:
    """Record that a store on trial has worked."""
    catalog.sites.record_success(store_name(backend), media_id, now=now)


def postponement_for(
    catalog: Catalog,
    rules: PipelineRules,
    stores: Stores,
    error: StoreError,
    *,
    media_id: str,
    clock: Callable[[], datetime],
) -> PostponedError | None:
    """Return what to raise for a share whose store fails for everybody; None if the failure is the share's own.

    A probe tells the two apart: a small object is put, read back and removed. A store that fails is paused. A share
    that waits is due at once, so that it goes on as soon as the store works, or the policy sends it elsewhere.
    """
    if error.backend is None or error.error_class in OF_ONE_OBJECT:
        return None
    backend, name = Backend(error.backend), store_name(error.backend)
    found = _read_breaker(catalog, name, now=clock())
    if not found.is_paused(clock()):
        failure = (
            error if error.error_class in OF_THE_STORE else _find_failure(catalog, rules, stores, backend, clock())
        )
        if failure is None:
            if not found.is_closed:
                record_trial(catalog, backend, media_id, now=clock())
            return None
        found = _read_breaker(catalog, name, now=clock())  # somebody else may have found out meanwhile
        if not found.is_paused(clock()):
            reason = f"{failure.error_class}: {failure}"
            found = catalog.sites.record_refusal(name, media_id, reason=reason, rules=rules.stores, now=clock())
    return PostponedError(waiting_reason(found, NO_LIMITS, now=clock()), until=clock(), held_for=name)


def _find_failure(
    catalog: Catalog, rules: PipelineRules, stores: Stores, backend: Backend, now: datetime
) -> StoreError | None:
    if backend is Backend.LOCAL:
        try:
            require_disk(catalog, rules, now=now)
        except StoreError as error:
            return error
    return probe_store(stores[backend], rules)


def probe_store(store: MediaStore, rules: PipelineRules, *, seconds: float = PROBE_SECONDS) -> StoreError | None:
    """Put a small object, read it back and remove it. Return the error if the store fails; None if it works."""
    data = os.urandom(_PROBE_BYTES)
    expected = Digest(len(data), hashlib.sha256(data).hexdigest())
    end = time.monotonic() + seconds

    def give_up_in_time(_size_bytes: int) -> None:
        if time.monotonic() >= end:
            raise StoreError(StoreErrorClass.TIMEOUT, f"expected a probe to take less than {seconds:g} s, found no end")

    try:
        with tempfile.TemporaryDirectory(prefix="store-probe-") as directory:
            source, copy = Path(directory, "probe"), Path(directory, "copy")
            source.write_bytes(data)
            key = f"{rules.video_prefix}{PROBE_NAME}{uuid.uuid4().hex}"  # where clean-up looks
            url = store.url_of(key)
            try:
                store.put(
                    source,
                    key,
                    expected=expected,
                    content_type="application/octet-stream",
                    tags={},
                    may_replace=True,
                    may_consume=False,
                    on_bytes=give_up_in_time,
                )
                store.get(url, copy, expected=expected, on_bytes=give_up_in_time)
                with suppress(StoreError):  # whoever may not delete may store all the same
                    store.delete(url)
            except StoreError as error:
                return error
    except OSError as error:
        # The machine's own temporary directory is the problem, so that nothing is known of the store.
        return StoreError(StoreErrorClass.OTHER, f"expected to make a probe, found: {error}")
    return None


def paused_stores(catalog: Catalog, *, now: datetime) -> dict[str, Site]:
    """Return the breakers of stores that are not closed, by name."""
    loads = catalog.sites.loads(now=now)
    return {name: load.site for name, load in loads.items() if is_store(name) and not load.site.is_closed}


@dataclass(frozen=True)
class PausedStore:
    """A store whose breaker is not closed, and how many shares wait for it."""

    breaker: Site
    waiting: int
    at: datetime

    @property
    def words(self) -> str:
        """What is wrong, in words."""
        shares = "1 share waits" if self.waiting == 1 else f"{self.waiting} shares wait"
        why = waiting_reason(self.breaker, NO_LIMITS, now=self.at)
        reason = "" if self.breaker.is_paused(self.at) else f" ({self.breaker.reason})"
        return f"{why}{reason}; {shares}"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: times in ISO 8601."""
        breaker = self.breaker
        return {
            "store": breaker.name,
            "reason": breaker.reason,
            "opened_at": breaker.opened_at.isoformat() if breaker.opened_at else None,
            "resumes_at": breaker.resumes_at.isoformat() if breaker.resumes_at else None,
            "waiting": self.waiting,
        }


def read_paused_stores(catalog: Catalog, *, now: datetime) -> list[PausedStore]:
    """Report on each store whose breaker is not closed, ordered by name. One query while there is none."""
    paused = paused_stores(catalog, now=now)
    if not paused:
        return []
    waiting = waiting_by_site(catalog)
    return [PausedStore(breaker, waiting.get(name, 0), now) for name, breaker in sorted(paused.items())]


def _read_breaker(catalog: Catalog, name: str, *, now: datetime) -> Site:
    load = catalog.sites.loads(now=now).get(name)
    return load.site if load is not None else Site(name)
