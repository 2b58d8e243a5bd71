"""Report which transcripts are stale now, for people and programs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.shares.dagster_ui import TRANSCRIPT, BackfillLink, DagsterUI
from bookmarkai_assets.core.shares.partition_selections import partition_selection, selection_path
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.staleness import CurrentRecipe, MadeTranscript, RecipeUse


@dataclass(frozen=True)
class StalenessReport:
    """The stale transcripts: the recipes that made them (`made_by`), and the newest of them (`newest`).

    `transcripts` counts all that were made here, `not_made_here` the others. `partitions` selects the stale ones whose
    media is stored, because without media the asset `transcript` by itself has nothing to transcribe. It is empty when
    none can be selected, and None if some could be but Dagster has not run. `backfills` are the pages that have them
    filled in.
    """

    present: CurrentRecipe
    transcripts: int
    not_made_here: int
    made_by: tuple[RecipeUse, ...]
    newest: tuple[MadeTranscript, ...]
    partitions: str | None
    backfills: tuple[BackfillLink, ...] = ()

    @property
    def stale(self) -> int:
        """How many transcripts are stale."""
        return sum(use.count for use in self.made_by)

    @property
    def without_media(self) -> int:
        """How many stale transcripts cannot be made again, because their media is no longer stored."""
        return sum(use.without_media for use in self.made_by)

    @property
    def path(self) -> str | None:
        """The path in Dagster's UI of a backfill with these filled in; None with no shares or too many."""
        return selection_path(TRANSCRIPT, self.partitions) if self.partitions else None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: times in ISO 8601 to the second, recipes by their fingerprint."""
        return {
            "set": self.present.as_dict(),
            "weights_unknown": self.present.weights_unknown,
            "transcripts": self.transcripts,
            "stale": self.stale,
            "without_media": self.without_media,
            "not_made_here": self.not_made_here,
            "made_by": [self._use(use) for use in self.made_by],
            "shares": [
                {
                    "id": one.share_id,
                    "made_at": one.made_at.isoformat(timespec="seconds"),
                    "recipe": one.recipe,
                    "has_media": one.has_media,
                }
                for one in self.newest
            ],
            "partitions": self.partitions,
            "path": self.path,
            "backfills": [{"url": page.url, "partitions": page.count} for page in self.backfills],
        }

    def _use(self, use: RecipeUse) -> dict[str, Any]:
        return {
            "engine": use.engine,
            "engine_version": use.engine_version,
            "model": use.model,
            "recipe": use.fingerprint,
            "count": use.count,
            "without_media": use.without_media,
            "differences": [
                {"name": one.name, "was": one.was, "now": one.now} for one in self.present.differences(use)
            ],
            "words": self.present.differences_in_words(use),
        }


def current_recipe(engine: SpeechEngine) -> CurrentRecipe:
    """Return the current recipe. If the model is not on this machine, it has the model's name and the reason."""
    try:
        recipe = engine.recipe()
    except ConfigurationError as error:
        return CurrentRecipe(engine.setup, None, weights_unknown=str(error))
    return CurrentRecipe(recipe.setup, recipe)


def staleness_report(
    catalog: Catalog,
    present: CurrentRecipe,
    read_partitions: Callable[[], Sequence[str] | None],
    *,
    limit: int,
    ui: DagsterUI,
) -> StalenessReport:
    """Find the stale transcripts and list the newest `limit` of them.

    `read_partitions` returns Dagster's keys in its order, None where it has not run. It is called only if there is
    something to select, because it may have to load Dagster. `ui` makes the links to backfills.
    """
    # The transcripts of the current recipe are nearly all, so they are only counted.
    current = {recipe.fingerprint for recipe in catalog.transcripts.recipes() if present.is_same(recipe)}
    stale = tuple(use for use in catalog.transcripts.recipes_in_use(but=current) if not present.would_make(use))
    counts = catalog.transcripts.count_made()
    found = tuple(catalog.transcripts.made_by({use.fingerprint for use in stale}))
    selectable = [one.share_id for one in found if one.has_media]
    partitions = read_partitions() if selectable else ()
    return StalenessReport(
        present=present,
        transcripts=counts.made_here,
        not_made_here=counts.others,
        made_by=stale,
        newest=found[:limit],
        partitions=None if partitions is None else partition_selection(selectable, partitions),
        backfills=tuple(ui.backfills(selectable, partitions or (), assets=[TRANSCRIPT])),
    )
