"""The failures' page: what stands, the command for it, and the backfill that takes exactly these shares."""

import re
from urllib.parse import parse_qs, urlsplit

from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.catalog import GONE, at
from tests.support.door_pages import DAGSTER, House
from tests.support.share_partitions import make_partitions

BLOCKED = Failure(Outcome.BLOCKED, "the site turned us away")


def test_without_failures_the_page_says_so(house: House) -> None:
    """Nothing stands, and there is no table."""
    house.add_video()
    text = house.client().get("/failures").text
    assert "No share has failed." in text
    assert "<table" not in text


def test_each_line_has_its_command_and_leads_to_its_shares(house: House) -> None:
    """The outcome leads to these shares in the library, and the command is the one of `shares debt`."""
    failed = house.add_failure(BLOCKED, url="https://www.tiktok.com/@a/video/7123456789012345678")
    house.add_failure(GONE)
    client = house.client()
    text = client.get("/failures").text
    assert "bookmarkai shares retry --outcome blocked --platform tiktok" in text
    assert "bookmarkai shares retry --outcome gone --platform generic" in text
    assert "may heal by a retry" in text
    (path,) = re.findall(r'href="(/\?platform=tiktok[^"]*)"', text)
    shares = re.findall(r'<h3><a href="/shares/([^"]+)"', client.get(path.replace("&amp;", "&")).text)
    assert shares == [failed]


def test_a_backfill_takes_the_shares_of_its_line(house: House) -> None:
    """Its link is to Dagster's page with these partitions filled in. Shares without a partition have none."""
    failed = house.add_failure(BLOCKED)
    house.add_failure(GONE)
    other = house.add_video()
    assert house.settings.dagster_home is not None
    make_partitions(house.settings.dagster_home, other, failed)
    text = house.client().get("/failures").text
    (link,) = re.findall(rf'href="({DAGSTER}/asset-groups[^"]*)">Backfill of 1<', text)
    assert parse_qs(urlsplit(link.replace("&amp;", "&")).query)["default_range"] == [failed]
    assert "none has a partition" in text


def test_shares_that_wait_for_their_site_have_not_failed(house: House) -> None:
    """They are shown apart, with the command that says why they wait."""
    share = house.add_share(url="https://www.tiktok.com/@a/video/7123456789012345678")
    house.catalog.work.wait_for_site(share, "m", held_for="tiktok", reason="paused", now=at(0))
    text = house.client().get("/failures").text
    assert "No share has failed." in text
    assert "bookmarkai platforms list" in text
