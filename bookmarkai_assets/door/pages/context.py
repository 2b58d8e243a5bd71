"""What the pages are given: the catalog and the rest of what operations need, and the tokens that open them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.door.tokens import Caller, StoredToken
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.operations.stores import Stores


@dataclass(frozen=True)
class PageContext:
    """What the pages read and call.

    `open_to` is who every reader is taken for while no token is set; None when tokens are needed. `tokens` are those
    that are valid now. `session_key` signs the cookies of readers who signed in. `partitions` are Dagster's keys, None
    if it has never run.
    """

    catalog: Catalog
    rules: PipelineRules
    stores: Stores
    ui: DagsterUI
    partitions: Callable[[], Sequence[str] | None]
    open_to: Caller | None
    tokens: Callable[[], Sequence[StoredToken]]
    session_key: bytes
    clock: Callable[[], datetime]
