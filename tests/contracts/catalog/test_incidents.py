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
    """While one of its key is open, another is the same one: the first stays as it was."""
    assert each_catalog.incidents.open(incident(seconds=1))
    assert not each_catalog.incidents.open(incident(seconds=2))
    assert each_catalog.incidents.open(incident("budget", seconds=3))

    assert each_catalog.incidents.list() == [incident("budget", seconds=3), incident(seconds=1)]


def test_of_many_who_see_it_at_once_one_opens_it(each_catalog: OpenCatalog) -> None:
    """Two sensors and a person see the same thing: it is told once."""
    opened = together([partial(each_catalog.incidents.open, incident())] * 5)

    assert sorted(opened) == [False] * 4 + [True]
    assert len(each_catalog.incidents.list()) == 1


def test_what_is_over_can_begin_again(each_catalog: OpenCatalog) -> None:
    """Closing ends the open one and keeps it; after it the same key is a new incident."""
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
    """Also when it is over by then; oldest first, and another of the same key is marked by itself."""
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


def test_text_that_no_database_can_hold_is_kept_as_far_as_it_can(each_catalog: OpenCatalog) -> None:
    """An alert is told whatever the failure that it quotes consists of."""
    hostile = replace(incident("run \x00 failed"), summary="a\x00b", details={"error": "\udc80"})
    assert each_catalog.incidents.open(hostile)
    assert not each_catalog.incidents.open(hostile)

    [kept] = each_catalog.incidents.undelivered()
    each_catalog.incidents.mark_delivered(kept, now=at(1))

    assert (kept.summary, kept.details) == ("a\ufffdb", {"error": "\ufffd"})
    assert each_catalog.incidents.undelivered() == []
    assert each_catalog.incidents.close(hostile.key, now=at(2))


def test_a_cursor_keeps_the_last_position_of_its_name(each_catalog: OpenCatalog) -> None:
    """Names do not mix; a name that nothing was kept under has none."""
    assert each_catalog.cursors.get("alerts") is None

    each_catalog.cursors.set("alerts", "1")
    each_catalog.cursors.set("cloudwatch", '{"position": 2}')
    each_catalog.cursors.set("alerts", "3")

    assert each_catalog.cursors.get("alerts") == "3"
    assert each_catalog.cursors.get("cloudwatch") == '{"position": 2}'
