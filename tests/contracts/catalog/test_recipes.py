"""What made the transcripts that stand: counted, listed and taken over by recipe, over SQLite and PostgreSQL."""

from dataclasses import replace
from uuid import uuid4

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.transcripts.staleness import RecipeUse
from bookmarkai_assets.core.transcripts.transcript import Recipe
from tests.support.catalog import add_share, at, begin, execute, finish, store, stored_media, transcript_of
from tests.support.transcripts import RECIPE

OTHER = replace(RECIPE, parameters={"beam_size": 1, "task": "transcribe"})
MOVED = replace(RECIPE, model="/models/tiny.en")
"""The same weights by another name: the same recipe."""


def made(
    catalog: OpenCatalog,
    said: str,
    recipe: Recipe | None = RECIPE,
    *,
    media_id: str | None = None,
    seconds: float = 1,
    language: str = "en",
    probability: float = 0.98,
) -> str:
    """Record a share that a recipe transcribed at that moment; without a word when nothing was `said`."""
    share_id = add_share(catalog)
    media_id = media_id or share_id
    begin(catalog, share_id, media_id, f"run-{share_id}", 100 * seconds)
    transcript = replace(
        transcript_of(*filter(None, [said])), recipe=recipe, language=language, language_probability=probability
    )
    if recipe is not None:
        transcript = replace(transcript, engine=recipe.engine, model=recipe.model)
    catalog.transcripts.put(share_id, transcript, now=at(seconds))
    finish(catalog, share_id, f"run-{share_id}", 100 * seconds)
    return share_id


def found(catalog: OpenCatalog, *, recipe: Recipe = RECIPE, language: str | None = "en") -> str | None:
    """Return the text that a share of the media m would take over."""
    transcript = catalog.transcripts.find_for_media("m", recipe=recipe.fingerprint, language=language)
    return None if transcript is None else transcript.text


def test_what_a_recipe_made_is_found_for_other_shares_of_the_video(each_catalog: OpenCatalog) -> None:
    """Another recipe or video is another matter; a model by another name, with the same weights, is not."""
    made(each_catalog, "hello", media_id="m")
    assert found(each_catalog) == found(each_catalog, recipe=MOVED) == "hello"
    assert found(each_catalog, recipe=OTHER) is None
    made(each_catalog, "elsewhere", OTHER)
    made(each_catalog, "from before", None, media_id="m")
    assert found(each_catalog, recipe=OTHER) is None


def test_the_latest_that_a_recipe_made_is_found(each_catalog: OpenCatalog) -> None:
    """Of several shares' transcripts of one video, the one written last is taken over."""
    for seconds, said in ((1, "oldest"), (5, "newest"), (3, "older")):
        made(each_catalog, said, media_id="m", seconds=seconds)
    made(each_catalog, "by another recipe", OTHER, media_id="m", seconds=9)
    assert found(each_catalog) == "newest"


def test_a_share_with_another_hinted_language_takes_nothing_over(each_catalog: OpenCatalog) -> None:
    """An engine that is told de writes other words than one that is told en; told nothing, it goes by the likeliest."""
    made(each_catalog, "hello", media_id="m", language="en", probability=0.9)
    made(each_catalog, "hallo", media_id="m", language="de", probability=0.1, seconds=2)
    assert found(each_catalog, language="de") == "hallo"
    assert found(each_catalog, language="en") == "hello"
    assert found(each_catalog, language="fr") is None
    assert found(each_catalog, language=None) == "hello"


def test_where_nobody_speaks_the_language_does_not_matter(each_catalog: OpenCatalog) -> None:
    """A transcript without words is taken over whatever was hinted at."""
    made(each_catalog, "", media_id="m", language="unknown", probability=0.0)
    assert [found(each_catalog, language=language) for language in ("en", "de", None)] == ["", "", ""]


def test_transcripts_are_counted_by_what_made_them(each_catalog: OpenCatalog) -> None:
    """The most first, each with how many have no stored media; what is from before recipes were kept is apart."""
    assert each_catalog.transcripts.recipes_in_use() == []
    first = made(each_catalog, "one")
    store(each_catalog, stored_media(first, first))
    for said in ("two", "three"):
        made(each_catalog, said, OTHER)
    made(each_catalog, "four", OTHER)
    made(each_catalog, "old", None)
    made(each_catalog, "older", None)

    assert each_catalog.transcripts.recipes_in_use() == [
        RecipeUse(OTHER.engine, OTHER.model, OTHER, count=3, without_media=3),
        RecipeUse("faster-whisper", "tiny.en", None, count=2, without_media=2),
        RecipeUse(RECIPE.engine, RECIPE.model, RECIPE, count=1, without_media=0),
    ]


def test_transcripts_are_listed_by_what_made_them(each_catalog: OpenCatalog) -> None:
    """The newest first, by fingerprint, or those of which no recipe is on record; with whether media is stored."""
    one = made(each_catalog, "one", seconds=1)
    store(each_catalog, stored_media(one, one))
    two = made(each_catalog, "two", OTHER, seconds=2)
    old = made(each_catalog, "old", None, seconds=3)

    def listed(*recipes: str | None) -> list[tuple[str, bool]]:
        return [(share.share_id, share.has_media) for share in each_catalog.transcripts.made_by(recipes)]

    assert listed(RECIPE.fingerprint) == [(one, True)]
    assert listed(RECIPE.fingerprint, OTHER.fingerprint) == [(two, False), (one, True)]
    assert listed(None, RECIPE.fingerprint) == [(old, False), (one, True)]
    assert listed() == listed("no such recipe") == []
    [shown] = each_catalog.transcripts.made_by([OTHER.fingerprint])
    assert (shown.made_at, shown.recipe) == (at(2), OTHER.fingerprint)


def test_what_the_gateway_deleted_counts_no_more(each_catalog: OpenCatalog) -> None:
    """Neither a transcript whose share is gone nor one that was taken away from its share is stale."""
    for table in ("shares WHERE id", "transcripts WHERE share_id"):
        share_id = made(each_catalog, "gone")
        execute(each_catalog, f"DELETE FROM {table} = :id", id=share_id)  # noqa: S608 - names from the test
    assert each_catalog.transcripts.recipes_in_use() == []
    assert list(each_catalog.transcripts.made_by([RECIPE.fingerprint])) == []


def test_transcripts_of_others_are_counted_by_share(each_catalog: OpenCatalog) -> None:
    """The gateway may have written one twice; those made here are not among them."""
    made(each_catalog, "ours")
    assert each_catalog.transcripts.count_of_others() == 0
    share_id = add_share(each_catalog)
    for _ in range(2):
        execute(
            each_catalog,
            "INSERT INTO transcripts (id, share_id, full_text) VALUES (:id, :share, 'Old words')",
            id=str(uuid4()),
            share=share_id,
        )
    assert each_catalog.transcripts.count_of_others() == 1
    assert sum(use.count for use in each_catalog.transcripts.recipes_in_use()) == 1
