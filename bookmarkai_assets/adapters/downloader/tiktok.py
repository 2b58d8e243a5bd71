"""What TikTok says of a post that it does not show: yt-dlp's extractor keeps a number of it and drops the words.

Runs in a download's own process. The number 10204 alone stands for a deleted post, a private one, one that is not shown
in this country and one that is not shown to this address; the words beside it tell which.
"""

import re
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.text import clean_line

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

IE_KEY = "TikTok"
# The page's `statusMsg`, as people have collected it; several are joined by `&`. The first that is found decides.
_SAID = (
    (Outcome.GONE, re.compile(r"delete|audit_not_pass|(doesn't|not) exist")),
    (Outcome.DOWNLOAD_FAILED, re.compile(r"reviewing")),
    (Outcome.PRIVATE, re.compile(r"self_see|friend_see|part_see|privacy|secret")),
    (Outcome.GEO_RESTRICTED, re.compile(r"cross_border|geo_f")),
    (Outcome.LOGIN_NEEDED, re.compile(r"content_classification|login")),
)
_READER = "_get_universal_data"  # of yt-dlp's extractor: gives what a page carries for its own scripts
_PHOTO_LINK = re.compile(r"https?://(www\.)?tiktok\.com/@[^/]*/photo/\d+")
_MAX_WORDS_CHARACTERS = 100


class PostPage:
    """What the last page of a post said. Empty until one was read, and where yt-dlp reads pages in another way."""

    def __init__(self) -> None:
        self._words = ""
        self._is_photo_post = False

    def listen(self, ydl: "YoutubeDL") -> None:
        """Look at each page that the extractor reads from now on. The extractor must be one that is allowed."""
        extractor = ydl.get_info_extractor(IE_KEY)
        read = getattr(extractor, _READER, None)
        if read is None:  # a later yt-dlp: what it says itself must do
            return

        def read_and_note(webpage: str, display_id: str) -> Any:  # noqa: ANN401 - as yt-dlp's own
            data = read(webpage, display_id)
            self._note(data)
            return data

        setattr(extractor, _READER, read_and_note)

    def failure(self, failure: Failure) -> Failure:
        """Say a failure in the site's words, where it has said any that are known."""
        if self._is_photo_post:
            return photo_post()
        outcome = next((outcome for outcome, pattern in _SAID if pattern.search(self._words.lower())), None)
        return Failure(outcome, f"the site says: {self._words}") if outcome else failure

    @property
    def is_photo_post(self) -> bool:
        """Whether the post shows pictures: its sound alone would pass for a video."""
        return self._is_photo_post

    def _note(self, data: object) -> None:
        detail = _entry(data, "webapp.video-detail")
        words = _entry(detail, "statusMsg")
        self._words = clean_line(words, max_characters=_MAX_WORDS_CHARACTERS) if isinstance(words, str) else ""
        self._is_photo_post = bool(_entry(_entry(_entry(detail, "itemInfo"), "itemStruct"), "imagePost"))


def photo_post() -> Failure:
    """Say that a post has pictures and no video."""
    return Failure(Outcome.PHOTO_POST, "the link leads to a post of pictures, which has no video")


def is_photo_link(url: str) -> bool:
    """Tell whether a link is one of TikTok's to a post of pictures, which yt-dlp has no extractor for."""
    return _PHOTO_LINK.match(url) is not None


def _entry(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
