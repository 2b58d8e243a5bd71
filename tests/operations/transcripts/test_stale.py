"""The stale transcripts as programs read them: one complete example."""

from dataclasses import replace

from bookmarkai_assets.core.shares.dagster_ui import BackfillLink
from bookmarkai_assets.core.transcripts.staleness import CurrentRecipe, MadeTranscript, RecipeUse
from bookmarkai_assets.operations.transcripts.stale import StalenessReport
from tests.support.catalog import at
from tests.support.json_forms import assert_same_json
from tests.support.transcripts import RECIPE

OLD = replace(RECIPE, engine_version="1.1.0", weights_sha256="cd" * 32, parameters={"beam_size": 1})
REPORT = StalenessReport(
    present=CurrentRecipe(RECIPE.setup, RECIPE),
    transcripts=9,
    not_made_here=4,
    made_by=(
        RecipeUse(OLD.engine, OLD.model, OLD, count=2, without_media=1),
        RecipeUse("faster-whisper", "base.en", None, count=1, without_media=0),
    ),
    newest=(MadeTranscript("a", at(0.25), OLD.fingerprint, has_media=True), MadeTranscript("b", at(-9), None, False)),
    partitions="[a...b]",
    backfills=(BackfillLink("http://ui/assets/transcript?view=partitions&default_range=a", 1),),
)


def test_the_stale_transcripts_as_json() -> None:
    """Names, order and formats are what `transcripts stale --json` has promised."""
    assert_same_json(
        REPORT.as_dict(),
        {
            "set": {
                "engine": "faster-whisper",
                "engine_version": "1.2.1",
                "model": "tiny.en",
                "weights_sha256": "ab" * 32,
                "parameters": {"beam_size": 5, "task": "transcribe"},
                "recipe": RECIPE.fingerprint,
            },
            "weights_unknown": None,
            "transcripts": 9,
            "stale": 3,
            "without_media": 1,
            "not_made_here": 4,
            "made_by": [
                {
                    "engine": "faster-whisper",
                    "engine_version": "1.1.0",
                    "model": "tiny.en",
                    "recipe": OLD.fingerprint,
                    "count": 2,
                    "without_media": 1,
                    "differences": [
                        {"name": "engine_version", "was": "1.1.0", "now": "1.2.1"},
                        {"name": "weights", "was": "cd" * 6, "now": "ab" * 6},
                        {"name": "beam_size", "was": "1", "now": "5"},
                        {"name": "task", "was": None, "now": "transcribe"},
                    ],
                    "words": "engine_version 1.1.0, now 1.2.1; weights cdcdcdcdcdcd, now abababababab; "
                    "beam_size 1, now 5; task unset, now transcribe",
                },
                {
                    "engine": "faster-whisper",
                    "engine_version": None,
                    "model": "base.en",
                    "recipe": None,
                    "count": 1,
                    "without_media": 0,
                    "differences": [
                        {"name": "model", "was": "base.en", "now": "tiny.en"},
                        {"name": "recipe", "was": None, "now": RECIPE.fingerprint},
                    ],
                    "words": "model base.en, now tiny.en; made before recipes were kept",
                },
            ],
            "shares": [
                {"id": "a", "made_at": "2026-01-31T12:00:00+00:00", "recipe": OLD.fingerprint, "has_media": True},
                {"id": "b", "made_at": "2026-01-31T11:59:51+00:00", "recipe": None, "has_media": False},
            ],
            "partitions": "[a...b]",
            "path": "/assets/transcript?view=partitions&default_range=%5Ba...b%5D",
            "backfills": [{"url": "http://ui/assets/transcript?view=partitions&default_range=a", "partitions": 1}],
        },
    )


def test_without_the_weights_the_model_is_shown_by_name() -> None:
    """A model that is not on this machine has no recipe, and the reason is beside it."""
    away = replace(REPORT, present=CurrentRecipe(RECIPE.setup, None, weights_unknown="no model.bin")).as_dict()
    assert away["weights_unknown"] == "no model.bin"
    assert (away["set"]["model"], away["set"]["weights_sha256"], away["set"]["recipe"]) == ("tiny.en", None, None)


def test_an_empty_or_unknown_selection_has_no_url() -> None:
    """An empty text means that none can be selected, and None that Dagster has not run."""
    for selection in ("", None):
        nothing = replace(REPORT, partitions=selection).as_dict()
        assert (nothing["partitions"], nothing["path"]) == (selection, None)
