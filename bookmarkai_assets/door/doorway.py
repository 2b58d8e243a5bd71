"""What the routes are given: the settings, the open catalog, and what is made of them when first needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.door.tokens import StoredToken
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.core.uploads.ports import UploadBucket
from bookmarkai_assets.door.limits import Rates
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.dagster_ui import make_links_from_outside
from bookmarkai_assets.wiring.monitoring import make_metrics_page
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.storage import make_stores, make_uploads

if TYPE_CHECKING:
    from bookmarkai_assets.adapters.prometheus import MetricsPage


@dataclass(frozen=True)
class Doorway:
    """One for each process. Threads share it, as they share the catalog."""

    settings: Settings
    catalog: Catalog
    tokens: Sequence[StoredToken]
    rates: Rates
    clock: Callable[[], datetime]

    @cached_property
    def rules(self) -> PipelineRules:
        """The rules that the settings make."""
        return make_rules(self.settings)

    @cached_property
    def stores(self) -> Stores:
        """The configured stores. Loads their vendors."""
        return make_stores(self.settings)

    @cached_property
    def uploads(self) -> UploadBucket | None:
        """The bucket as the place where uploads arrive; None without one."""
        return make_uploads(self.settings)

    @cached_property
    def metrics_page(self) -> "MetricsPage":
        """The page of metrics, which keeps what it has read for some seconds."""
        return make_metrics_page(self.catalog, self.rules)

    @cached_property
    def ui(self) -> DagsterUI:
        """The links into Dagster's UI."""
        return make_links_from_outside(self.settings)


def doorway_of(request: Request) -> Doorway:
    """Return the doorway of this process."""
    return cast("Doorway", request.app.state.doorway)


Door = Annotated[Doorway, Depends(doorway_of)]
