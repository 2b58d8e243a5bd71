"""What a run hands on of a share that it has transcribed. How it comes about is in `transcribing`."""

from dataclasses import dataclass

from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.core.transcripts.transcript import Transcript


@dataclass(frozen=True)
class TranscribedShare:
    """A finished share. `is_reused` if it got the transcript of another share of the same video."""

    share: Share
    media: Media
    transcript: Transcript
    is_reused: bool

    @property
    def outcome(self) -> Outcome:
        """How the share ended. A transcript without segments means that nobody speaks in the video."""
        return Outcome.DONE if self.transcript.segments else Outcome.NO_SPEECH
