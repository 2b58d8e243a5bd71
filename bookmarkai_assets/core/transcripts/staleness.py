"""Which transcripts are stale, because another recipe than the current one made them, and what differs.

`ports.TranscriptTable` finds them in the catalog, and a backfill makes them again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bookmarkai_assets.core.transcripts.transcript import Recipe, Setup

WEIGHTS_CHARACTERS = 12
"""The shown part of a hash: enough to tell two files apart."""

RECIPE = "recipe"
"""The name of the difference between no recorded recipe and a recipe."""


@dataclass(frozen=True)
class RecipeUse:
    """How many of the existing transcripts a recipe made. `recipe` is None for those from before recipes were recorded.

    `without_media` of them cannot be made again, because their media is no longer stored.
    """

    engine: str
    model: str
    recipe: Recipe | None
    count: int
    without_media: int

    @property
    def engine_version(self) -> str | None:
        """The version of the engine; None without a recipe."""
        return self.recipe.engine_version if self.recipe else None

    @property
    def fingerprint(self) -> str | None:
        """The recipe in 16 hex digits; None without one."""
        return self.recipe.fingerprint if self.recipe else None


@dataclass(frozen=True)
class TranscriptCounts:
    """How many shares have a transcript that was made here, and how many have one that was not."""

    made_here: int
    others: int


@dataclass(frozen=True)
class MadeTranscript:
    """A share's transcript, when it was made, by which recipe (its fingerprint), and whether its media is stored."""

    share_id: str
    made_at: datetime
    recipe: str | None
    has_media: bool


@dataclass(frozen=True)
class Difference:
    """One element of a recipe that differs, as it was and as it is now; None if there was or is no such element."""

    name: str
    was: str | None
    now: str | None

    @property
    def words(self) -> str:
        """The difference in words."""
        if self.name == RECIPE:
            return "made before recipes were kept"
        return f"{self.name} {self.was or 'unset'}, now {self.now or 'unset'}"


@dataclass(frozen=True)
class CurrentRecipe:
    """What transcribes now. `recipe` is None if the model is not on this machine, and `weights_unknown` says why."""

    setup: Setup
    recipe: Recipe | None
    weights_unknown: str | None = None

    def would_make(self, use: RecipeUse) -> bool:
        """Whether the same recipe would make these transcripts now. Without weights the model's name decides."""
        return use.recipe is not None and self.is_same(use.recipe)

    def is_same(self, recipe: Recipe) -> bool:
        """Whether this recipe would make the same transcripts. Without weights the model's name decides."""
        if self.recipe is None:
            return recipe.setup == self.setup
        return recipe.fingerprint == self.recipe.fingerprint

    def differences(self, use: RecipeUse) -> Sequence[Difference]:
        """Return what differs. A model's name counts only if its weights differ or are not known."""
        return tuple(self._differences(use))

    def differences_in_words(self, use: RecipeUse) -> str:
        """Return the differences in words, in one line."""
        return "; ".join(one.words for one in self.differences(use))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: the setup by name, the recipe by its fingerprint, None for what is not known."""
        return {
            "engine": self.setup.engine,
            "engine_version": self.setup.engine_version,
            "model": self.setup.model,
            "weights_sha256": self.recipe.weights_sha256 if self.recipe else None,
            "parameters": dict(self.setup.parameters),
            "recipe": self.recipe.fingerprint if self.recipe else None,
        }

    def _differences(self, use: RecipeUse) -> Iterator[Difference]:
        now, was = self.setup, use.recipe
        if use.engine != now.engine:
            yield Difference("engine", use.engine, now.engine)
        elif was is not None and was.engine_version != now.engine_version:
            yield Difference("engine_version", was.engine_version, now.engine_version)
        weights_was = was.weights_sha256 if was is not None else None
        weights_now = self.recipe.weights_sha256 if self.recipe is not None else None
        if None in {weights_was, weights_now} or weights_was != weights_now:
            if use.model != now.model:
                yield Difference("model", use.model, now.model)
            elif weights_was and weights_now:
                yield Difference("weights", weights_was[:WEIGHTS_CHARACTERS], weights_now[:WEIGHTS_CHARACTERS])
        if was is None:
            yield Difference(RECIPE, None, self.recipe.fingerprint if self.recipe is not None else None)
            return
        for name in sorted({*was.parameters, *now.parameters}):
            if was.parameters.get(name) != now.parameters.get(name):
                yield Difference(name, _shown(was.parameters.get(name)), _shown(now.parameters.get(name)))


def _shown(value: object) -> str | None:
    return None if value is None else str(value)
