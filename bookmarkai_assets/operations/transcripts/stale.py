"""Which transcripts are stale, as it is now, for people and programs that ask."""

from collections.abc import Sequence
from typing import Any

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.shares.partition_selections import partition_selection, selection_path
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.staleness import PresentRecipe, RecipeUse

TRANSCRIPT_ASSET = "transcript"


def present_recipe(engine: SpeechEngine) -> PresentRecipe:
    """Say what transcribes now; where the model is not on this machine, by its name and with the reason."""
    try:
        recipe = engine.recipe()
    except ConfigurationError as error:
        return PresentRecipe(engine.setup, None, weights_unknown=str(error))
    return PresentRecipe(recipe.setup, recipe)


def staleness_report(
    catalog: Catalog, present: PresentRecipe, partitions: Sequence[str] | None, *, limit: int
) -> dict[str, Any]:
    """Give the stale transcripts as plain values: counts by what made them, the newest `limit` of them, a selection.

    `partitions` are Dagster's keys in its order, None where it has not run. The selection has those whose media is
    stored: of the others, the asset `transcript` alone has nothing to transcribe.
    """
    uses = catalog.transcripts.recipes_in_use()
    stale = [use for use in uses if not present.made(use)]
    found = list(catalog.transcripts.made_by({use.recipe.fingerprint if use.recipe else None for use in stale}))
    selection = (
        None
        if partitions is None
        else partition_selection([one.share_id for one in found if one.has_media], partitions)
    )
    return {
        "set": _as_dict(present),
        "weights_unknown": present.weights_unknown,
        "transcripts": sum(use.count for use in uses),
        "stale": sum(use.count for use in stale),
        "without_media": sum(use.without_media for use in stale),
        "not_made_here": catalog.transcripts.count_of_others(),
        "made_by": [_use_as_dict(use, present) for use in stale],
        "shares": [
            {
                "id": one.share_id,
                "made_at": one.made_at.isoformat(timespec="seconds"),
                "recipe": one.recipe,
                "has_media": one.has_media,
            }
            for one in found[:limit]
        ],
        "partitions": selection,
        "path": selection_path(TRANSCRIPT_ASSET, selection) if selection else None,
    }


def _as_dict(present: PresentRecipe) -> dict[str, Any]:
    setup, recipe = present.setup, present.recipe
    return {
        "engine": setup.engine,
        "engine_version": setup.engine_version,
        "model": setup.model,
        "weights_sha256": recipe.weights_sha256 if recipe else None,
        "parameters": dict(setup.parameters),
        "recipe": recipe.fingerprint if recipe else None,
    }


def _use_as_dict(use: RecipeUse, present: PresentRecipe) -> dict[str, Any]:
    differences = present.differences(use)
    return {
        "engine": use.engine,
        "engine_version": use.recipe.engine_version if use.recipe else None,
        "model": use.model,
        "recipe": use.recipe.fingerprint if use.recipe else None,
        "count": use.count,
        "without_media": use.without_media,
        "differences": [{"name": one.name, "was": one.was, "now": one.now} for one in differences],
        "words": "; ".join(one.words for one in differences),
    }
