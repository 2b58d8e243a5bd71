"""Which video a short link leads to, by what its site said. The downloader asks the site."""

from bookmarkai_assets.core.links.canonical_urls import has_video_id, is_short
from bookmarkai_assets.core.links.urls import AdmittedLink, admit


def video_behind(short_url: str, page_url: str) -> str | None:
    """Return the canonical URL of the video that a short link led to; None if the page names no video.

    `short_url` is canonical. `page_url` is untrusted: it comes from a site, or from a process that has read one. The
    result has the id of a video on the short link's own platform. Someone who can redirect a site's links therefore
    cannot put one site's video under another site's name.
    """
    page = admit(page_url)
    if not isinstance(page, AdmittedLink) or not is_short(short_url) or not has_video_id(page.canonical_url):
        return None
    short = admit(short_url)
    is_same_site = isinstance(short, AdmittedLink) and short.platform is page.platform
    return page.canonical_url if is_same_site else None
