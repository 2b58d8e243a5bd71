"""When a share reuses the transcript of another share of its video, instead of having the sound transcribed again."""

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import LeasedShare


def reusable_transcript(hold: Hold, leased: LeasedShare, *, engine: SpeechEngine) -> Transcript | None:
    """Return another share's transcript that transcribing this share now would only repeat; None if there is none.

    It has to be made by the current recipe. A share whose own transcript is stale reuses one too: in a backfill of two
    shares of a video, the second reuses what the first has just got. A share whose own transcript is current gets None,
    because only a person asks for such a transcript to be made again. Raises `ConfigurationError` if the model is not
    available.
    """
    share_id, transcripts = leased.share.share_id, hold.catalog.transcripts
    recipe = _fingerprint_of(engine)
    own = transcripts.get(share_id)
    if own is not None and own.recipe is not None and own.recipe.fingerprint == recipe:
        return None
    is_language_set = hold.rules.language is not None
    language = hold.rules.language if is_language_set else hold.catalog.shares.hinted_language(share_id)
    found = transcripts.find_for_media(leased.media_id, recipe=recipe, language=language)
    if found is None and not is_language_set and language is not None and not engine.supports(language):
        # The engine does not get a hint that the model does not know. It detects the language then.
        found = transcripts.find_for_media(leased.media_id, recipe=recipe, language=None)
    return found


def _fingerprint_of(engine: SpeechEngine) -> str:
    """Return the current recipe's fingerprint. The model is loaded only if it has to be downloaded first."""
    try:
        return engine.recipe().fingerprint
    except ConfigurationError:
        return engine.prepare().fingerprint
