"""When a share takes over the transcript of another share of its video, instead of having the sound heard again."""

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare


def reusable_transcript(hold: Hold, leased: LeasedShare, *, engine: SpeechEngine) -> Transcript | None:
    """Find what another share of the video got by the recipe that is set now, and would get for this share as well.

    So also for a share whose own transcript is stale: of two of one video in a backfill, the second takes over what the
    first has just got. A share whose own one is of that recipe gets none: that it be made anew is a person's wish.
    Raises `ConfigurationError` where the model cannot be had.
    """
    share_id, transcripts = leased.share.share_id, hold.catalog.transcripts
    recipe = _fingerprint_of(engine)
    own = transcripts.get(share_id)
    if own is not None and own.recipe is not None and own.recipe.fingerprint == recipe:
        return None
    is_set = hold.rules.language is not None
    language = hold.rules.language if is_set else hold.catalog.shares.hinted_language(share_id)
    found = transcripts.find_for_media(leased.media_id, recipe=recipe, language=language)
    if found is None and not is_set and language is not None and not engine.supports(language):
        # A hint that the model does not know is left out, so the language is detected.
        found = transcripts.find_for_media(leased.media_id, recipe=recipe, language=None)
    return found


def _fingerprint_of(engine: SpeechEngine) -> str:
    """Name the recipe that is set, without loading the model unless it has to be fetched first."""
    try:
        return engine.recipe().fingerprint
    except ConfigurationError:
        return engine.prepare().fingerprint
