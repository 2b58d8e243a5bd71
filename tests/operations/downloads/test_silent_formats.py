"""When a format comes without its sound, the site's next shares avoid it for a time."""

import pytest

from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily
from bookmarkai_assets.operations.shares.intake import add_shares
from tests.fakes.speech import speech_bytes
from tests.plugins.vault import USER, Vault

H265 = FormatFamily(Codec.H265, Delivery.FILE)
TIKTOK, YOUTUBE, PAGE = "https://www.tiktok.com/@_/video/", "https://www.youtube.com/watch?v=", "https://example.com/"
NOTHING: frozenset[FormatFamily] = frozenset()


def fetch(vault: Vault, link: str) -> Media:
    """Share a link to a video that is also listed in H.265 without sound, fetch it, and return its record."""
    vault.downloader.serve(link, audio=speech_bytes("This is pasta"), silent_formats=frozenset({H265}))
    [added] = add_shares(vault.catalog.shares, [link], user_id=USER, allowed_hosts=frozenset(), now=vault.clock())
    assert isinstance(added, AddedShare)
    media = vault.run(added.share.share_id, "fetch")["fetch"]
    assert isinstance(media, Media), media
    return media


def avoided(vault: Vault) -> list[frozenset[FormatFamily]]:
    """Return the formats that each download avoided."""
    return [call.silent_formats for call in vault.downloader.calls]


def test_the_next_share_of_the_site_avoids_it(vault: Vault) -> None:
    """Only the first share fetches the silent format. The catalog warns the second, in whatever run and process."""
    first, second = fetch(vault, f"{TIKTOK}7300000000000000001"), fetch(vault, f"{TIKTOK}7300000000000000002")
    assert avoided(vault) == [NOTHING, {H265}]
    assert first.audio
    assert second.audio
    assert list(vault.catalog.sites.silent_formats(now=vault.clock())) == ["tiktok"]


@pytest.mark.parametrize("other", [f"{YOUTUBE}aaaaaaaaaaa", f"{PAGE}a"])
def test_another_site_finds_out_for_itself(vault: Vault, other: str) -> None:
    """One site's formats say nothing about another's."""
    fetch(vault, f"{TIKTOK}7300000000000000001")
    fetch(vault, other)
    assert avoided(vault) == [NOTHING, NOTHING]


def test_after_its_time_it_is_tried_again(vault: Vault) -> None:
    """A site may repair its formats. After 30 days one share tries again, and the later ones are warned again."""
    fetch(vault, f"{TIKTOK}7300000000000000001")
    vault.let_pass(days=29)
    fetch(vault, f"{TIKTOK}7300000000000000002")
    vault.let_pass(days=2)
    fetch(vault, f"{TIKTOK}7300000000000000003")
    fetch(vault, f"{TIKTOK}7300000000000000004")
    assert avoided(vault) == [NOTHING, {H265}, NOTHING, {H265}]


def test_a_video_whose_first_format_has_sound_records_nothing(vault: Vault) -> None:
    """Only a format without its promised sound is recorded."""
    share = vault.share("plain")
    assert isinstance(vault.run(share, "fetch")["fetch"], Media)
    assert vault.catalog.sites.silent_formats(now=vault.clock()) == {}


def test_a_short_link_counts_for_its_platform(vault: Vault) -> None:
    """What a short link leads to is fetched as a video of the platform."""
    name, short = f"{TIKTOK}7300000000000000009", "https://vm.tiktok.com/ZMaaa/"
    vault.downloader.lead(short, name)
    vault.downloader.serve(name, silent_formats=frozenset({H265}))
    [added] = add_shares(vault.catalog.shares, [short], user_id=USER, allowed_hosts=frozenset(), now=vault.clock())
    assert isinstance(added, AddedShare)
    vault.run(added.share.share_id, "fetch")
    fetch(vault, f"{TIKTOK}7300000000000000001")
    assert avoided(vault) == [NOTHING, NOTHING, {H265}]
