"""The tags of a run that takes shares: the claim that it was launched for, and what the runs page shows of it."""

from collections.abc import Sequence
from contextlib import suppress

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import CatalogUnavailableError
from bookmarkai_assets.core.failures.in_words import outcomes_in_words
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.text import clean_line
from bookmarkai_assets.dagster_internals import hidden_tag

CLAIM_TAGS = (hidden_tag("bookmarkai_claim"), "bookmarkai/claim")
"""The names of the tag with a run's claim. The second is that of runs that an earlier version launched."""

SHARES_TAG = "bookmarkai/shares"
"""How many shares the run takes."""

PLATFORM_TAG = "bookmarkai/platform"
"""The platforms of its shares."""

TITLE_TAG = "bookmarkai/title"
"""The title of its only share's video, once that is known."""

OUTCOMES_TAG = "bookmarkai/outcomes"
"""How its shares have ended so far; of an only share the bare outcome, so that the runs page can be filtered by it."""

WORKER_TAG = "bookmarkai/worker"
"""The name of the cluster's worker that has the run."""

MAX_TITLE_CHARACTERS = 80


def launch_tags(claim_id: str, share_count: int) -> dict[str, str]:
    """Return the tags with which the sensor launches a run."""
    return {CLAIM_TAGS[0]: claim_id, SHARES_TAG: _shares_in_words(share_count)}


def claim_of(run: dg.DagsterRun) -> str | None:
    """Return the claim that a run was launched for; None if no claim was made for it."""
    return next((run.tags[tag] for tag in CLAIM_TAGS if tag in run.tags), None)


def tag_shares(context: dg.AssetExecutionContext, catalog: Catalog) -> None:
    """Tag a run with what is known of its shares: how many, their platforms, and the title of an only one.

    Without the catalog it has no such tags; what becomes of its shares is for its steps to say.
    """
    with suppress(CatalogUnavailableError):
        context.instance.add_run_tags(context.run.run_id, _tags_of_shares(catalog, context.partition_keys))


def tag_outcomes(
    context: dg.AssetExecutionContext, catalog: Catalog, outcomes: Sequence[Outcome], *, is_first_step: bool
) -> None:
    """Tag a run with the outcomes of those of its shares that have ended.

    At the end of its first step it also learns its only share's title, which is known once the video was fetched.
    """
    total = len(context.partition_keys)
    if is_first_step and total == 1:
        tag_shares(context, catalog)
    if outcomes:
        words = outcomes[0].value if total == 1 else outcomes_in_words(outcomes)
        context.instance.add_run_tags(context.run.run_id, {OUTCOMES_TAG: words})


def _tags_of_shares(catalog: Catalog, share_ids: Sequence[str]) -> dict[str, str]:
    shares = catalog.shares.read(share_ids)
    platforms = sorted({share.platform for share in shares})
    title = _title(catalog, share_ids[0]) if shares and len(share_ids) == 1 else None
    return {
        SHARES_TAG: _shares_in_words(len(share_ids)),
        **({PLATFORM_TAG: ", ".join(platforms)} if platforms else {}),
        **({TITLE_TAG: title} if title else {}),
    }


def _shares_in_words(count: int) -> str:
    return "1 share" if count == 1 else f"{count} shares"


def _title(catalog: Catalog, share_id: str) -> str | None:
    media_id = catalog.work.progress(share_id).media_id
    media = catalog.media.get(media_id) if media_id else None
    return clean_line(media.info.title, max_characters=MAX_TITLE_CHARACTERS) if media else None
