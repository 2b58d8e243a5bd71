"""Transcripts counted, listed and reused by recipe, over SQLite and PostgreSQL."""

from dataclasses import replace
from itertools import chain, combinations
from uuid import uuid4

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.transcripts.staleness import RecipeUse, TranscriptCounts
from bookmarkai_assets.core.transcripts.transcript import Recipe
from tests.support.catalog import (
    add_share,
    at,
    begin,
    execute,
    finish,
    put_transcript,
    store,
    stored_media,
    transcript_of,
)
from tests.support.transcripts import RECIPE

OTHER = replace(RECIPE, parameters={"beam_size": 1, "task": "transcribe"})
MOVED = replace(RECIPE, model="/models/tiny.en")
"""The same weights under another name, which is the same recipe."""


def add_transcribed(
    catalog: OpenCatalog,
    said: str,
    recipe: Recipe | None = RECIPE,
    *,
    media_id: str | None = None,
    seconds: float = 1,
    language: str = "en",
    probability: float = 0.98,
) -> str:
    """Record a share that a recipe transcribed at that moment, without text if `said` is empty."""
    share_id = add_share(catalog)
    media_id = media_id or share_id
    begin(catalog, share_id, media_id, f"run-{share_id}", 100 * seconds)
    transcript = replace(
        transcript_of(*filter(None, [said])), recipe=recipe, language=language, language_probability=probability
    )
    if recipe is not None:
        transcript = replace(transcript, engine=recipe.engine, model=recipe.model)
    put_transcript(catalog, share_id, transcript, now=at(seconds))
    finish(catalog, share_id, f"run-{share_id}", 100 * seconds)
    return share_id


def reusable(catalog: OpenCatalog, *, recipe: Recipe = RECIPE, language: str | None = "en") -> str | None:
    """Return the text that a share of the media m would reuse."""
    transcript = catalog.transcripts.find_for_media("m", recipe=recipe.fingerprint, language=language)
    return None if transcript is None else transcript.text


def test_a_recipes_transcript_is_reusable_for_other_shares_of_the_video(each_catalog: OpenCatalog) -> None:
    """A transcript of another recipe or video is not reused; one with the same weights under another model name is."""
    add_transcribed(each_catalog, "hello", media_id="m")
    assert reusable(each_catalog) == reusable(each_catalog, recipe=MOVED) == "hello"
    assert reusable(each_catalog, recipe=OTHER) is None
    add_transcribed(each_catalog, "elsewhere", OTHER)
    add_transcribed(each_catalog, "from before", None, media_id="m")
    assert reusable(each_catalog, recipe=OTHER) is None


def test_the_latest_transcript_of_a_recipe_is_reusable(each_catalog: OpenCatalog) -> None:
    """Of several transcripts of one video, the one written last is reused."""
    for seconds, said in ((1, "oldest"), (5, "newest"), (3, "older")):
        add_transcribed(each_catalog, said, media_id="m", seconds=seconds)
    add_transcribed(each_catalog, "by another recipe", OTHER, media_id="m", seconds=9)
    assert reusable(each_catalog) == "newest"


def test_a_share_with_another_hinted_language_reuses_nothing(each_catalog: OpenCatalog) -> None:
    """An engine given de writes other words than one given en; without a hint it takes the likeliest language."""
    add_transcribed(each_catalog, "hello", media_id="m", language="en", probability=0.9)
    add_transcribed(each_catalog, "hallo", media_id="m", language="de", probability=0.1, seconds=2)
    assert reusable(each_catalog, language="de") == "hallo"
    assert reusable(each_catalog, language="en") == "hello"
    assert reusable(each_catalog, language="fr") is None
    assert reusable(each_catalog, language=None) == "hello"


def test_a_hinted_language_takes_over_nothing_that_is_partly_in_another(each_catalog: OpenCatalog) -> None:
    """An engine that is told de would hear German throughout; one that is told nothing would hear the same again."""
    share_id = add_transcribed(each_catalog, "Guten Tag and hello", media_id="m", language="de")
    said = transcript_of("Guten Tag", "and hello")
    german, english = said.segments
    mixed = (replace(german, language="de"), replace(english, language="en"))
    found_first = each_catalog.transcripts.get(share_id)
    assert found_first is not None
    put_transcript(each_catalog, share_id, replace(found_first, segments=mixed), now=at(2))
    assert reusable(each_catalog, language="de") is None
    assert reusable(each_catalog, language=None) == "Guten Tag and hello"
    add_transcribed(each_catalog, "Guten Tag", media_id="m", language="de", seconds=0.5)
    assert reusable(each_catalog, language="de") == "Guten Tag"


def test_where_nobody_speaks_the_language_does_not_matter(each_catalog: OpenCatalog) -> None:
    """A transcript without text is reused whatever the hint was."""
    add_transcribed(each_catalog, "", media_id="m", language="unknown", probability=0.0)
    assert [reusable(each_catalog, language=language) for language in ("en", "de", None)] == ["", "", ""]


def test_transcripts_are_counted_by_recipe(each_catalog: OpenCatalog) -> None:
    """The most frequent recipe comes first, each with how many have no stored media; those without one are apart."""
    assert each_catalog.transcripts.recipes_in_use() == []
    first = add_transcribed(each_catalog, "one")
    store(each_catalog, stored_media(first, first))
    for said in ("two", "three"):
        add_transcribed(each_catalog, said, OTHER)
    add_transcribed(each_catalog, "four", OTHER)
    add_transcribed(each_catalog, "old", None)
    add_transcribed(each_catalog, "older", None)

    assert each_catalog.transcripts.recipes_in_use() == [
        RecipeUse(OTHER.engine, OTHER.model, OTHER, count=3, without_media=3),
        RecipeUse("faster-whisper", "tiny.en", None, count=2, without_media=2),
        RecipeUse(RECIPE.engine, RECIPE.model, RECIPE, count=1, without_media=0),
    ]
    assert each_catalog.transcripts.count_made() == TranscriptCounts(made_here=6, others=0)


def test_recipes_can_be_left_out_of_the_count(each_catalog: OpenCatalog) -> None:
    """Those that are named are not looked at, however many; those without a recipe are always counted."""
    uses = {
        recipe.fingerprint if recipe else None: add_transcribed(each_catalog, "words", recipe)
        for recipe in (RECIPE, OTHER, replace(OTHER, engine_version="0"), replace(OTHER, engine_version="1"), None)
    }
    recipes = sorted(fingerprint for fingerprint in uses if fingerprint is not None)
    for left_out in chain.from_iterable(combinations(recipes, size) for size in range(len(recipes) + 1)):
        counted = {use.fingerprint for use in each_catalog.transcripts.recipes_in_use(but=left_out)}
        assert counted == set(uses) - set(left_out)
    assert [use.count for use in each_catalog.transcripts.recipes_in_use(but=["no such recipe"])] == [1] * 5


def test_each_recipe_is_returned_once(each_catalog: OpenCatalog) -> None:
    """However many transcripts it has made; what was made without a recipe has none."""
    assert each_catalog.transcripts.recipes() == []
    for recipe in (OTHER, RECIPE, OTHER, None, RECIPE):
        add_transcribed(each_catalog, "words", recipe)
    assert each_catalog.transcripts.recipes() == sorted([RECIPE, OTHER], key=lambda recipe: recipe.fingerprint)


def test_transcripts_are_listed_by_recipe(each_catalog: OpenCatalog) -> None:
    """The newest come first, by fingerprint or without a recipe, each with whether its media is stored."""
    one = add_transcribed(each_catalog, "one", seconds=1)
    store(each_catalog, stored_media(one, one))
    two = add_transcribed(each_catalog, "two", OTHER, seconds=2)
    old = add_transcribed(each_catalog, "old", None, seconds=3)

    def listed(*recipes: str | None) -> list[tuple[str, bool]]:
        return [(share.share_id, share.has_media) for share in each_catalog.transcripts.made_by(recipes)]

    assert listed(RECIPE.fingerprint) == [(one, True)]
    assert listed(RECIPE.fingerprint, OTHER.fingerprint) == [(two, False), (one, True)]
    assert listed(None, RECIPE.fingerprint) == [(old, False), (one, True)]
    assert listed() == listed("no such recipe") == []
    [shown] = each_catalog.transcripts.made_by([OTHER.fingerprint])
    assert (shown.made_at, shown.recipe) == (at(2), OTHER.fingerprint)


def test_deleted_transcripts_are_not_counted(each_catalog: OpenCatalog) -> None:
    """A transcript that was deleted, or whose share was, is not stale."""
    for table in ("shares WHERE id", "transcripts WHERE share_id"):
        share_id = add_transcribed(each_catalog, "gone")
        execute(each_catalog, f"DELETE FROM {table} = :id", id=share_id)  # noqa: S608 - names from the test
    assert each_catalog.transcripts.recipes_in_use() == []
    assert each_catalog.transcripts.count_made() == TranscriptCounts(made_here=0, others=0)
    assert list(each_catalog.transcripts.made_by([RECIPE.fingerprint])) == []


def test_transcripts_of_others_are_counted_by_share(each_catalog: OpenCatalog) -> None:
    """The gateway may have written two for a share, which count once; those made here are left out."""
    add_transcribed(each_catalog, "ours")
    assert each_catalog.transcripts.count_made() == TranscriptCounts(made_here=1, others=0)
    share_id = add_share(each_catalog)
    for _ in range(2):
        execute(
            each_catalog,
            "INSERT INTO transcripts (id, share_id, full_text) VALUES (:id, :share, 'Old words')",
            id=str(uuid4()),
            share=share_id,
        )
    assert each_catalog.transcripts.count_made() == TranscriptCounts(made_here=1, others=1)
    assert sum(use.count for use in each_catalog.transcripts.recipes_in_use()) == 1
