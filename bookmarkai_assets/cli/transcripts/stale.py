"""`bookmarkai transcripts stale`: list what was transcribed with another model or other settings than today's."""

from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, out, print_json, print_table
from bookmarkai_assets.cli.partitions import print_pages
from bookmarkai_assets.core.transcripts.staleness import CurrentRecipe
from bookmarkai_assets.operations.transcripts.stale import StalenessReport, current_recipe, staleness_report
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog, share_partitions
from bookmarkai_assets.wiring.dagster_ui import make_links_from_outside
from bookmarkai_assets.wiring.speech import make_speech_engine

MAX_SELECTION_CHARACTERS = 400
"""The longest selection that is shown without --partitions: some ten keys or ranges."""


def stale(
    *,
    limit: Annotated[int, typer.Option(min=0, help="List at most this many, newest first")] = 20,
    partitions: Annotated[
        bool, typer.Option("--partitions", help="Print the whole selection of partitions, however long")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, including the partitions")] = False,
) -> None:
    """List the transcripts that were made by another engine, version, model or parameter than the configured ones.

    First come the counts, with what differs, then the newest transcripts, then their partitions as a selection for
    Dagster's UI. A backfill of `transcript` over these makes just them again. What the gateway has transcribed is
    counted and left alone.

    Example: bookmarkai transcripts stale
    """
    settings = load_settings()
    present = current_recipe(make_speech_engine(settings))
    ui = make_links_from_outside(settings)
    with open_catalog(settings) as catalog:
        report = staleness_report(catalog, present, lambda: share_partitions(settings), limit=limit, ui=ui)
    if as_json:
        print_json(report.as_dict())
        return
    _say(_describe_setup(present))
    if present.weights_unknown:
        _say(f"Compared by the model's name, because its weights are not known here: {present.weights_unknown}")
    if report.stale:
        _print_stale(report, is_whole=partitions)
    elif report.transcripts:
        _say(f"No transcript is stale: all {report.transcripts:,} were made like that.")
    else:
        _say("No transcript was made here yet.")
    if report.not_made_here:
        _say(f"{report.not_made_here:,} more were not made here: nothing is known of what made them.")


def _print_stale(report: StalenessReport, *, is_whole: bool) -> None:
    _say(f"{report.stale:,} of {report.transcripts:,} transcripts are stale.")
    print_table(
        ["transcripts", "engine", "version", "model", "recipe", "what differs"],
        [
            (
                use.count,
                use.engine,
                use.engine_version or "",
                use.model,
                use.fingerprint or "",
                clean(report.present.differences_in_words(use), 1000),
            )
            for use in report.made_by
        ],
    )
    if report.newest:
        print_table(
            ["id", "made", "recipe", "media"],
            [
                (
                    one.share_id,
                    f"{one.made_at:%Y-%m-%d %H:%M}",
                    one.recipe or "",
                    "stored" if one.has_media else "gone",
                )
                for one in report.newest
            ],
        )
    if report.without_media:
        _say(
            f"{report.without_media:,} of them have no media any more: they keep their transcript unless "
            "raw_video and stored_media are materialized too, which fetches them again."
        )
    _print_selection(report, is_whole=is_whole)


def _print_selection(report: StalenessReport, *, is_whole: bool) -> None:
    selection = report.partitions
    if selection is None:
        _say("Their partitions are not known, because Dagster has not run in DAGSTER_HOME.")
    elif not selection:
        _say("None of them can be selected for a backfill: no partition, or no media.")
    elif is_whole or len(selection) <= MAX_SELECTION_CHARACTERS:
        _say(f"To make them again, materialize the asset transcript for: {selection}")
        print_pages(report.backfills)
    else:
        _say(
            f"Their partitions are a selection of {len(selection):,} characters: bookmarkai transcripts stale "
            "--partitions shows it whole."
        )


def _describe_setup(present: CurrentRecipe) -> str:
    setup = present.setup
    recipe = f", recipe {present.recipe.fingerprint}" if present.recipe else ""
    return f"Set: {setup.engine} {setup.engine_version}, model {setup.model}{recipe}."


def _say(text: str) -> None:
    # Printed whole, however long, because what it names is there to be copied.
    out.print(clean(text, len(text)), soft_wrap=True)
