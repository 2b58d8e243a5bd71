"""Which video a short link stands for, as far as its site has said it. Asking the site is the downloader's matter."""

from bookmarkai_assets.core.links.canonical_urls import is_of_known_video, is_short
from bookmarkai_assets.core.links.urls import AdmittedLink, admit


def video_behind(short_url: str, page_url: str) -> str | None:
    """Name the video of a short link by the page that its site led to; None where that page says nothing of the kind.

    `short_url` is canonical, `page_url` anything that a site or a process that has read one may say. The name is a
    canonical URL that is no short link's, of a video whose form is known, on the platform of the short link itself:
    whoever can make a site lead elsewhere cannot put one site's video under another's name.
    """
    page = admit(page_url)
    if not isinstance(page, AdmittedLink) or not is_short(short_url) or not is_of_known_video(page.canonical_url):
        return None
    short = admit(short_url)
    is_same_site = isinstance(short, AdmittedLink) and short.platform is page.platform
    return page.canonical_url if is_same_site else None
