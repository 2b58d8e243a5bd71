"""Read why TikTok does not show a post. yt-dlp's extractor keeps only a status number and drops the message.

Runs in a download's own process. The number 10204 alone means a deleted post, a private one, one that is not shown in
this country or one that is not shown to this address. Only the message tells which.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.text import clean_line

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

IE_KEY = "TikTok"
# The page's `statusMsg`, as people have collected it. Several are joined by `&`. The first match decides.
_OUTCOME_PATTERNS = (
    (Outcome.GONE, re.compile(r"delete|audit_not_pass|(doesn't|not) exist")),
    (Outcome.DOWNLOAD_FAILED, re.compile(r"reviewing")),
    (Outcome.PRIVATE, re.compile(r"self_see|friend_see|part_see|privacy|secret")),
    (Outcome.GEO_RESTRICTED, re.compile(r"cross_border|geo_f")),
    (Outcome.LOGIN_NEEDED, re.compile(r"content_classification|login")),
)
_READER = "_get_universal_data"  # of yt-dlp's extractor: returns the data in a page for the page's own scripts
_PHOTO_LINK = re.compile(r"https?://(www\.)?tiktok\.com/@[^/]*/photo/\d+")
_MAX_MESSAGE_CHARACTERS = 100


class PostPage:
    """The message of the last page of a post. Empty until one is read, and if yt-dlp reads pages in another way."""

    def __init__(self) -> None:
        self._message = ""
        self._is_photo_post = False

    def listen(self, ydl: "YoutubeDL") -> None:
        """Record the message of each page that the extractor reads from now on. The extractor must be allowed."""
        extractor = ydl.get_info_extractor(IE_KEY)
        read = getattr(extractor, _READER, None)
        if read is None:  # a later yt-dlp: its own message must be enough
            return

        def read_and_note(webpage: str, display_id: str) -> Any:  # noqa: ANN401 - as in yt-dlp
            data = read(webpage, display_id)
            self._note(data)
            return data

        setattr(extractor, _READER, read_and_note)

    def failure(self, failure: Failure) -> Failure:
        """Return the failure that the site's message means, or the given one if the message is unknown."""
        if self._is_photo_post:
            return photo_post()
        outcome = next(
            (outcome for outcome, pattern in _OUTCOME_PATTERNS if pattern.search(self._message.lower())), None
        )
        return Failure(outcome, f"the site says: {self._message}") if outcome else failure

    @property
    def is_photo_post(self) -> bool:
        """Whether the post shows pictures. Its sound alone could be taken for a video."""
        return self._is_photo_post

    def _note(self, data: object) -> None:
        detail = _entry(data, "webapp.video-detail")
        message = _entry(detail, "statusMsg")
        self._message = clean_line(message, max_characters=_MAX_MESSAGE_CHARACTERS) if isinstance(message, str) else ""
        self._is_photo_post = bool(_entry(_entry(_entry(detail, "itemInfo"), "itemStruct"), "imagePost"))


def photo_post() -> Failure:
    """Return the failure of a post that has pictures and no video."""
    return Failure(Outcome.PHOTO_POST, "the link leads to a post of pictures, which has no video")


def is_music(listed_format: Mapping[str, Any]) -> bool:
    """Whether this is the music that a post goes with, and no sound of its video.

    The site has no picture and sound apart. What it lists without a picture is another recording, often a song that
    only a part of the video has.
    """
    return listed_format.get("vcodec") == "none"


def is_photo_link(url: str) -> bool:
    """Whether this is TikTok's link to a post of pictures, for which yt-dlp has no extractor."""
    return _PHOTO_LINK.match(url) is not None


def _entry(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
