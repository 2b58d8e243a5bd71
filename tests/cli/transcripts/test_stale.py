"""`bookmarkai transcripts stale`: transcripts of another recipe, counted by recipe and selected for a backfill."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.transcripts.transcript import Recipe
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.speech import make_speech_engine
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import USER, execute, put_transcript, stored_media, transcript_of


@pytest.fixture
def weights(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Configure a model that has all its files, and return the path of its weights."""
    assert bookmarkai is not None, "it has cleared the environment"
    model = tmp_path / "model"
    model.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (model / name).write_text(name)
    monkeypatch.setenv("WHISPER_MODEL", str(model))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "unused"))
    return model / "model.bin"


@pytest.fixture
def catalog(bookmarkai: BookmarkAI, sqlite_url: str) -> Iterator[OpenCatalog]:
    """Return the catalog that the command opens."""
    assert bookmarkai is not None, "it has cleared the environment"
    with open_catalog(sqlite_url) as opened:
        yield opened


def current_recipe() -> Recipe:
    """Return the recipe that the current settings make."""
    return make_speech_engine(load_settings(env_file=None)).recipe()


def add_transcribed(
    catalog: OpenCatalog, recipe: Recipe | None, *, hours_ago: float = 1, has_media: bool = True
) -> str:
    """Record a share that a recipe transcribed so many hours ago."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    url = f"https://example.com/{uuid4()}"
    share_id = catalog.shares.add(url=url, user_id=USER, platform="generic", now=at).share.share_id
    catalog.work.begin(share_id, share_id, owner="run", claim_id=None, now=at, until=at + timedelta(hours=9))
    if has_media:
        catalog.media.record_stored(stored_media(share_id, share_id), owner="run", now=at)
    transcript = transcript_of("words", model=recipe.model if recipe else "tiny.en")
    put_transcript(catalog, share_id, replace(transcript, recipe=recipe), now=at)
    catalog.work.finish(share_id, media_url="/v.mp4", owner="run", now=at)
    return share_id


def test_nothing_stale_is_said_in_words(bookmarkai: BookmarkAI, catalog: OpenCatalog, weights: Path) -> None:
    """With no transcript, or none stale, the command succeeds with a sentence, and the first line has the recipe."""
    assert weights.is_file()
    ended = bookmarkai("transcripts", "stale")
    assert ended.code == 0
    set_to, nothing = ended.out.splitlines()
    assert set_to.startswith("Set: faster-whisper ")
    assert f"recipe {current_recipe().fingerprint}" in set_to
    assert nothing == "No transcript was made here yet."
    add_transcribed(catalog, current_recipe())
    assert bookmarkai("transcripts", "stale").out.splitlines()[1:] == [
        "No transcript is stale: all 1 were made like that."
    ]
    report = bookmarkai("transcripts", "stale", "--json").json
    assert (report["transcripts"], report["stale"], report["made_by"], report["shares"]) == (1, 0, [], [])


def test_stale_transcripts_are_counted_listed_and_selected(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Stale ones are counted by recipe with what differs, listed newest first, and selected if they have media."""
    before = current_recipe()
    one, two = add_transcribed(catalog, before, hours_ago=3), add_transcribed(catalog, before, hours_ago=2)
    old = add_transcribed(catalog, None, hours_ago=5)
    gone = add_transcribed(catalog, before, hours_ago=4, has_media=False)
    weights.write_text("another model")
    fresh = add_transcribed(catalog, current_recipe())
    execute(
        catalog,
        "INSERT INTO transcripts (id, share_id, full_text) VALUES (:id, :share, 'the gateway')",
        id=str(uuid4()),
        share=str(uuid4()),
    )
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("shares", [gone, one, two, fresh, old])

    report = bookmarkai("transcripts", "stale", "--json", "--limit", "2").json
    counts = ("transcripts", "stale", "without_media", "not_made_here")
    assert [report[count] for count in counts] == [5, 4, 1, 1]
    assert report["set"]["recipe"] == current_recipe().fingerprint
    assert report["weights_unknown"] is None
    assert [(line["count"], line["without_media"], line["recipe"]) for line in report["made_by"]] == [
        (3, 1, before.fingerprint),
        (1, 0, None),
    ]
    [difference] = report["made_by"][0]["differences"]
    assert difference["name"] == "weights"
    assert current_recipe().weights_sha256.startswith(difference["now"])
    assert [share["id"] for share in report["shares"]] == [two, one]
    assert report["partitions"] == f"[{one}...{two}], {old}"
    assert report["path"].startswith("/assets/transcript?view=partitions&default_range=")
    [page] = report["backfills"]
    assert page == {"url": f"http://127.0.0.1:3000{report['path']}", "partitions": 3}

    shown = bookmarkai("transcripts", "stale").out
    assert "4 of 5 transcripts are stale." in shown
    assert f"\t{before.fingerprint}\tweights " in shown
    assert "made before recipes were kept" in shown
    assert f"{gone}\t" in shown
    assert fresh not in shown
    assert "1 of them have no media any more" in shown
    assert f"for: [{one}...{two}], {old}" in shown
    assert f"Backfill, 3 partitions: {page['url']}" in shown
    assert "1 more were not made here" in shown


def test_a_long_selection_is_shown_on_demand(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A long selection is replaced by its length and how to print it."""
    shares = [add_transcribed(catalog, current_recipe()) for _ in range(12)]
    weights.write_text("another model")
    unknown = bookmarkai("transcripts", "stale").out
    assert "not known, because Dagster has not run in DAGSTER_HOME" in unknown
    assert bookmarkai("transcripts", "stale", "--json").json["partitions"] is None
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("shares", [key for share in shares for key in (share, f"between-{share}")])
    assert "a selection of 454 characters" in bookmarkai("transcripts", "stale", "--limit", "0").out
    whole = bookmarkai("transcripts", "stale", "--partitions", "--limit", "0").out
    assert all(share in whole for share in shares)


def test_without_the_model_its_name_is_compared(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the weights are unknown, the model's name is compared instead, and the output says so and why."""
    before = current_recipe()
    add_transcribed(catalog, before)
    weights.unlink()
    ended = bookmarkai("transcripts", "stale")
    assert ended.code == 0
    assert "Compared by the model's name, because its weights are not known here: WHISPER_MODEL: expected" in ended.out
    assert "No transcript is stale" in ended.out
    monkeypatch.setenv("WHISPER_BEAM_SIZE", "1")
    report = bookmarkai("transcripts", "stale", "--json").json
    assert (report["stale"], report["set"]["recipe"]) == (1, None)
    assert report["made_by"][0]["words"] == "beam_size 5, now 1"
