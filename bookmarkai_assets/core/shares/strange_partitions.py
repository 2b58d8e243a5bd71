"""Partitions that are no share: somebody typed them into Dagster's UI, or the gateway has deleted their share."""

from collections.abc import Sequence

from bookmarkai_assets.core.text import clean_line

HOW_TO_REMOVE = (
    "delete them in Dagster's UI: at the asset raw_video, in the menu beside Materialize, choose Delete partitions"
)

MAX_NAMED = 5
MAX_KEY_CHARACTERS = 60


def name_strangers(keys: Sequence[str]) -> str:
    """Return the first of these partitions in words, and how many more there are."""
    named = ", ".join(clean_line(key, max_characters=MAX_KEY_CHARACTERS) for key in keys[:MAX_NAMED])
    return f"{named} and {len(keys) - MAX_NAMED:,} more" if len(keys) > MAX_NAMED else named


def strangers_in_words(keys: Sequence[str]) -> str:
    """Return what these partitions are, and the way to remove them."""
    count = "1 partition is no share" if len(keys) == 1 else f"{len(keys):,} partitions are no shares"
    return f"{count}: {name_strangers(keys)}. To remove them, {HOW_TO_REMOVE}."
