"""Reads the storage policy in force, again for every placement, and watches it during an upload."""

import logging
import time
from collections.abc import Callable

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import CatalogUnavailableError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.placement import StoragePolicy
from bookmarkai_assets.core.rollout.policy import EffectivePolicy, is_open_to_decisions, resolve_policy
from bookmarkai_assets.core.rules import PipelineRules

logger = logging.getLogger(__name__)

CHECK_EVERY_SECONDS = 1.0
"""How often an upload checks the policy, which is one indexed read."""


def read_effective_policy(catalog: Catalog, rules: PipelineRules) -> EffectivePolicy:
    """Return the policy in force and why. Costs one indexed read, or none where no decision could change the policy."""
    standing = catalog.rollout.standing() if is_open_to_decisions(rules.storage) else None
    return resolve_policy(rules.storage, standing)


def current_policy(catalog: Catalog, rules: PipelineRules) -> StoragePolicy:
    """Return the policy that the next placement follows. A decision counts from the moment it is on record."""
    return read_effective_policy(catalog, rules).policy


class PlacementOverruledError(StoreError):
    """The policy in force no longer sends to S3 what is being uploaded. `policy` is that policy."""

    def __init__(self, policy: StoragePolicy) -> None:
        super().__init__(StoreErrorClass.INTERRUPTED, "the rollout does not want this in S3 any more")
        self.policy = policy


class PolicyWatch:
    """A progress callback that ends an upload with `PlacementOverruledError` once the policy no longer wants it.

    A store calls it while bytes move and while it waits. Several threads may share one. While the catalog does not
    answer, the upload goes on, because that is no failure of the store.
    """

    def __init__(self, policy_now: Callable[[], StoragePolicy], is_wanted: Callable[[StoragePolicy], bool]) -> None:
        self._policy_now = policy_now
        self._is_wanted = is_wanted
        self._checked_at = time.monotonic()
        self._overruled_by: StoragePolicy | None = None

    def __call__(self, _size_bytes: int) -> None:
        """Check the policy if the last check is long enough ago. Raises `PlacementOverruledError`, and then always."""
        if self._overruled_by is not None:
            raise PlacementOverruledError(self._overruled_by)
        if time.monotonic() - self._checked_at < CHECK_EVERY_SECONDS:
            return
        self._checked_at = time.monotonic()
        try:
            policy = self._policy_now()
        except CatalogUnavailableError as error:
            logger.warning("could not see whether the rollout was rolled back, the upload goes on: %s", error)
            return
        if not self._is_wanted(policy):
            self._overruled_by = policy
            raise PlacementOverruledError(policy)
