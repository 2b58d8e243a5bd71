"""What a run hands on of a share whose video it has. How it comes about is in `fetching`."""

from dataclasses import dataclass

from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.sound import SoundTrack
from bookmarkai_assets.core.shares.share import Share


@dataclass(frozen=True)
class FetchedMedia:
    """A media whose bytes are there. `is_reused` when no download was needed.

    `sounds` are the sound tracks of a video that was downloaded, and `sound` is the one that its audio track holds.
    """

    share: Share
    media: Media
    is_reused: bool
    sounds: tuple[SoundTrack, ...] = ()
    sound: SoundTrack | None = None
