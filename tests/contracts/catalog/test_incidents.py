"""The contracts of `IncidentTable` and `Cursors`, over SQLite and PostgreSQL."""

from dataclasses import replace
from functools import partial

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.alerts.incidents import Incident
from tests.support.catalog import at, together


def incident(key: str = "access_denied", *, seconds: float = 0) -> Incident:
    """Return an incident seen at that moment."""
    return Incident(
        key=key,
        kind="access_denied",
        summary="the bucket refuses puts 🙁",
        next_step="bookmarkai storage check",
        details={"count": 3, "shares": ["a"], "since": None},
        opened_at=at(seconds),
    )


def test_an_incident_is_opened_once(each_catalog: OpenCatalog) -> None:
    """While an incident is open, opening one with the same key returns it unchanged."""
    assert each_catalog.incidents.open(incident(seconds=1))
    assert not each_catalog.incidents.open(incident(seconds=2))
    assert each_catalog.incidents.open(incident("budget", seconds=3))

    assert each_catalog.incidents.list() == [incident("budget", seconds=3), incident(seconds=1)]


def test_of_many_at_once_one_opens_an_incident(each_catalog: OpenCatalog) -> None:
    """When two sensors and a person see the same condition, it is reported once."""
    opened = together([partial(each_catalog.incidents.open, incident())] * 5)

    assert sorted(opened) == [False] * 4 + [True]
    assert len(each_catalog.incidents.list()) == 1


def test_a_closed_incident_can_begin_again(each_catalog: OpenCatalog) -> None:
    """Closing ends the open incident and keeps it, and the same key is a new incident afterwards."""
    assert not each_catalog.incidents.close("access_denied", now=at(1))
    each_catalog.incidents.open(incident(seconds=1))
    assert each_catalog.incidents.close("access_denied", now=at(2))
    assert not each_catalog.incidents.close("access_denied", now=at(3))
    assert each_catalog.incidents.open(incident(seconds=4))

    closed = replace(incident(seconds=1), closed_at=at(2))
    assert each_catalog.incidents.list() == [incident(seconds=4), closed]
    assert each_catalog.incidents.list(is_open=True) == [incident(seconds=4)]
    assert each_catalog.incidents.list(is_open=False) == [closed]
    assert each_catalog.incidents.list(limit=1) == [incident(seconds=4)]


def test_an_incident_is_undelivered_until_it_is_marked(each_catalog: OpenCatalog) -> None:
    """An incident is undelivered until then, even when it is over; oldest first, and each is marked by itself."""
    each_catalog.incidents.open(incident(seconds=1))
    each_catalog.incidents.close("access_denied", now=at(2))
    each_catalog.incidents.open(incident(seconds=3))
    each_catalog.incidents.open(incident("budget", seconds=0))
    first = replace(incident(seconds=1), closed_at=at(2))
    assert each_catalog.incidents.undelivered() == [incident("budget"), first, incident(seconds=3)]

    each_catalog.incidents.mark_delivered(first, now=at(5))
    each_catalog.incidents.mark_delivered(first, now=at(6))

    assert each_catalog.incidents.undelivered() == [incident("budget"), incident(seconds=3)]
    assert replace(first, delivered_at=at(5)) in each_catalog.incidents.list()


def test_text_that_no_database_can_store_is_kept_as_far_as_possible(each_catalog: OpenCatalog) -> None:
    """An alert is recorded whatever the failure that it quotes contains."""
    hostile = replace(incident("run \x00 failed"), summary="a\x00b", details={"error": "\udc80"})
    assert each_catalog.incidents.open(hostile)
    assert not each_catalog.incidents.open(hostile)

    [kept] = each_catalog.incidents.undelivered()
    each_catalog.incidents.mark_delivered(kept, now=at(1))

    assert (kept.summary, kept.details) == ("a\ufffdb", {"error": "\ufffd"})
    assert each_catalog.incidents.undelivered() == []
    assert each_catalog.incidents.close(hostile.key, now=at(2))


def test_a_cursor_keeps_the_last_position_of_its_name(each_catalog: OpenCatalog) -> None:
    """Names do not mix, and a name under which nothing was stored has no position."""
    assert each_catalog.cursors.get("alerts") is None

    each_catalog.cursors.set("alerts", "1")
    each_catalog.cursors.set("cloudwatch", '{"position": 2}')
    each_catalog.cursors.set("alerts", "3")

    assert each_catalog.cursors.get("alerts") == "3"
    assert each_catalog.cursors.get("cloudwatch") == '{"position": 2}'
