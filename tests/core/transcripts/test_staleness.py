"""Which recipe counts as the current one, and how another one differs."""

from dataclasses import replace

import pytest

from bookmarkai_assets.core.transcripts.staleness import CurrentRecipe, RecipeUse
from bookmarkai_assets.core.transcripts.transcript import Recipe
from tests.support.transcripts import RECIPE

PRESENT = CurrentRecipe(RECIPE.setup, RECIPE)
WITHOUT_WEIGHTS = CurrentRecipe(RECIPE.setup, None, weights_unknown="no such model here")


def use_of(recipe: Recipe | None) -> RecipeUse:
    """Return the use of a recipe, or of none with the configured engine and model."""
    made_with = recipe or RECIPE
    return RecipeUse(made_with.engine, made_with.model, recipe, count=1, without_media=0)


def words(present: CurrentRecipe, recipe: Recipe | None) -> list[str]:
    """Return the differences in words."""
    return [difference.words for difference in present.differences(use_of(recipe))]


def test_the_current_recipe_has_its_own_fingerprint() -> None:
    """The fingerprint decides, also under another name of the model when the weights are the same."""
    for recipe in (RECIPE, replace(RECIPE, model="/models/tiny.en")):
        assert PRESENT.would_make(use_of(recipe))
        assert words(PRESENT, recipe) == []


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (replace(RECIPE, engine_version="1.1.0"), ["engine_version 1.1.0, now 1.2.1"]),
        (replace(RECIPE, model="base", weights_sha256="cd" * 32), ["model base, now tiny.en"]),
        (replace(RECIPE, weights_sha256="cd" * 32), ["weights cdcdcdcdcdcd, now abababababab"]),
        (
            replace(RECIPE, engine="openai-whisper", weights_sha256="cd" * 32),
            ["engine openai-whisper, now faster-whisper", "weights cdcdcdcdcdcd, now abababababab"],
        ),
        (
            replace(RECIPE, parameters={"beam_size": 1, "task": "transcribe", "temperature": 0.0}),
            ["beam_size 1, now 5", "temperature 0.0, now unset"],
        ),
        (replace(RECIPE, parameters={"task": "transcribe"}), ["beam_size unset, now 5"]),
        (None, ["made before recipes were kept"]),
    ],
)
def test_a_transcript_of_another_recipe_is_stale_with_a_reason(recipe: Recipe | None, expected: list[str]) -> None:
    """Each difference is named with both values, and an unrecorded recipe counts as another one."""
    assert not PRESENT.would_make(use_of(recipe))
    assert words(PRESENT, recipe) == expected


def test_without_weights_the_models_name_decides() -> None:
    """Where the model is not on this machine, a changed file behind the same name cannot be noticed."""
    assert WITHOUT_WEIGHTS.would_make(use_of(replace(RECIPE, weights_sha256="cd" * 32)))
    other = replace(RECIPE, model="base")
    assert not WITHOUT_WEIGHTS.would_make(use_of(other))
    assert words(WITHOUT_WEIGHTS, other) == ["model base, now tiny.en"]
    assert not WITHOUT_WEIGHTS.would_make(use_of(None))
    assert words(WITHOUT_WEIGHTS, None) == ["made before recipes were kept"]
