"""The rollout's charts as analysts see them: pictures that Dagster shows where they stand, drawn from the figures."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import unquote

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.metrics import Target, WindowMetrics, window_metrics
from bookmarkai_assets.core.rollout.windows import Window
from bookmarkai_assets.metadata.charts import SHOWN_CHARACTERS, failures_chart, latency_chart, split_chart
from tests.support.storage_events import NOON, totals_of, transfer

HOUR = timedelta(hours=1)


def hours(*of_hours: Sequence[StorageEvent]) -> list[WindowMetrics]:
    """Return the figures of each hour from noon on, with the transfers in it."""
    windows = [Window(NOON + n * HOUR, NOON + (n + 1) * HOUR) for n in range(len(of_hours))]
    return [window_metrics(totals_of(events, window), window) for window, events in zip(windows, of_hours, strict=True)]


def target(percentage: int, after: timedelta = timedelta(0)) -> Target:
    """Return a target from some time after noon on."""
    return Target(NOON + after, percentage)


def picture(chart: dg.MetadataValue) -> ET.Element:
    """Return the SVG within a chart's markdown."""
    assert isinstance(chart, dg.MarkdownMetadataValue)
    found = re.fullmatch(r"!\[[^\]]+\]\(<data:image/svg\+xml,([^<>\n]*)>\)", str(chart.value))
    assert found is not None, chart.value
    return ET.fromstring(unquote(found[1]))  # noqa: S314 - our own


def drawn(chart: dg.MetadataValue, colour: str) -> str:
    """Return the path that is drawn in a colour; empty if there is none."""
    paths = picture(chart).iter("{http://www.w3.org/2000/svg}path")
    return next((path.attrib["d"] for path in paths if path.attrib["stroke"] == colour), "")


def words(chart: dg.MetadataValue) -> set[str]:
    """Return the texts in a picture."""
    return {text.text or "" for text in picture(chart).iter("{http://www.w3.org/2000/svg}text")}


def bar_heights(path: str) -> list[int]:
    """Return the heights of bars, each of which is `M{middle} {bottom}V{top}`."""
    return [int(bottom) - int(top) for bottom, top in re.findall(r"M\d+ (\d+)V(\d+)", path)]


def test_the_split_has_a_bar_for_each_hour_with_new_media() -> None:
    """A bar's height is S3's share: all, a quarter, a hairline for none; an hour without new media has no bar."""
    local = transfer(backend="local")
    of_hours = [[transfer()], [], [transfer(NOON + 2 * HOUR), *[transfer(NOON + 2 * HOUR, backend="local")] * 3]]
    chart = split_chart(hours(*of_hours, [transfer(NOON + 3 * HOUR, backend="local")]), [target(25)])
    full, quarter, none = bar_heights(drawn(chart, "steelblue"))
    assert (full, quarter, none) == (60, 15, 1)
    assert {"100%", "0%", "S3 took", "target", "12:00", "16:00"} <= words(chart)
    assert bar_heights(drawn(split_chart(hours([local]), [target(0)]), "steelblue")) == [1]


def test_the_target_changes_at_its_decision() -> None:
    """The line is at each target's height from the minute on at which it was decided, also within one hour."""
    targets = [target(0), target(10, HOUR / 4), target(50, HOUR / 2), target(100, HOUR)]
    line = drawn(split_chart(hours([transfer()], [transfer(NOON + HOUR)]), targets), "gray")
    assert line == "M0 72H3V66H6V42H12V12H29"


def test_a_target_decided_after_the_last_hour_is_seen() -> None:
    """A decision of the present minutes, which no hour has yet, ends the line at its height."""
    line = drawn(split_chart(hours([transfer()]), [target(0), target(100, HOUR + HOUR / 12)]), "gray")
    assert line == "M0 72H12V12H17"


def test_failures_are_red_bars_on_an_axis_of_five_percent_at_least() -> None:
    """One failure of a hundred is a fifth of the height, one of two is all of it."""
    few = [transfer(error="timeout"), *[transfer()] * 99]
    assert bar_heights(drawn(failures_chart(hours(few)), "tomato")) == [12]
    half = failures_chart(hours([transfer(error="timeout"), transfer()]))
    assert bar_heights(drawn(half, "tomato")) == [60]
    assert {"50%", "failed"} <= words(half)


def test_a_line_goes_from_hour_to_hour() -> None:
    """Of two hours, the slower one is higher, and the line ends at the second hour's place."""
    chart = latency_chart(hours([transfer(seconds=4)], [transfer(NOON + HOUR, seconds=2)]))
    found = re.fullmatch(r"M4 (\d+)h4L(\d+) (\d+)", drawn(chart, "steelblue"))
    assert found is not None
    first, middle, second = map(int, found.groups())
    assert first < second, "an SVG's heights count from the top"
    assert middle == 18


def test_latency_has_a_line_each_for_uploads_and_downloads() -> None:
    """The slowest hour reaches the top, which is labelled; a line is interrupted where nothing was transferred."""
    read = transfer(NOON, "get", purpose="transcribe", kind="audio", seconds=1)
    chart = latency_chart(hours([transfer(seconds=4), read], [], [transfer(NOON + 2 * HOUR, seconds=2)]))
    assert len(re.findall("M", drawn(chart, "steelblue"))) == 2
    assert drawn(chart, "steelblue").startswith("M4 12")
    assert drawn(chart, "darkorange") == "M4 57h4"
    assert {"upload p95", "download p95", "0 s"} <= words(chart)
    assert drawn(latency_chart(hours([transfer()])), "darkorange") == ""


def test_without_data_there_is_a_line_of_text() -> None:
    """Nothing is drawn of a day without transfers, and the entry says so."""
    for chart in (failures_chart(hours([], [])), latency_chart([]), split_chart([], [])):
        assert isinstance(chart, dg.TextMetadataValue)
        assert "no transfers" in (chart.text or "")


@given(
    st.lists(st.tuples(st.floats(0.001, 9000), st.integers(0, 3), st.booleans()), min_size=25, max_size=25),
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 25)), max_size=12),
)
def test_a_full_day_is_shown_without_a_click(
    of_hours: list[tuple[float, int, bool]], decided: list[tuple[int, float]]
) -> None:
    """Whatever 25 hours bring, with a dozen decisions among them, each chart is short enough for Dagster's page."""
    steps = hours(
        *(
            [
                transfer(NOON + n * HOUR, seconds=seconds),
                *[transfer(NOON + n * HOUR, backend="local")] * local,
                transfer(NOON + n * HOUR, "get", purpose="transcribe", kind="audio", seconds=seconds / 3),
                transfer(NOON + n * HOUR, error="timeout" if is_bad else None),
            ]
            for n, (seconds, local, is_bad) in enumerate(of_hours)
        )
    )
    targets = [
        target(0),
        *(target(percentage, after * HOUR) for percentage, after in sorted(decided, key=lambda d: d[1])),
    ]
    for chart in (split_chart(steps, targets), failures_chart(steps), latency_chart(steps)):
        picture(chart)
        assert len(str(chart.value)) <= SHOWN_CHARACTERS
