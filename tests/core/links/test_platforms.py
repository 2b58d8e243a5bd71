"""Platforms: which one a recorded link belongs to, under one name each."""

import pytest

from bookmarkai_assets.core.links.platforms import FACTS, Platform, platform_of_host, platform_of_link, unify_platform


@pytest.mark.parametrize(
    ("url", "platform"),
    [
        ("https://twitter.com/a/status/1", Platform.X),
        ("HTTPS://Mobile.X.com/a", Platform.X),
        ("https://youtu.be/a", Platform.YOUTUBE),
        ("https://notx.com/a", Platform.GENERIC),
        ("http://[", Platform.GENERIC),
        ("", Platform.GENERIC),
        (" https://redd.it/a", Platform.REDDIT),
    ],
)
def test_the_link_names_the_platform(url: str, platform: Platform) -> None:
    """Twitter and X are one platform; anything that is no link, and every other host, is generic."""
    assert platform_of_link(url) is platform
    assert unify_platform(platform) is platform


def test_no_domain_is_inside_another_platforms() -> None:
    """Whichever entry is looked at first, a host has one platform."""
    for platform, facts in FACTS.items():
        assert {platform_of_host(f"www.{domain}") for domain in facts.domains} == {platform}
