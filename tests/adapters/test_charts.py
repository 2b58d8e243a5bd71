"""The rollout's charts as pictures: they are small, and they show the data."""

from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image  # noqa: TID253 - the test is of nothing else

from bookmarkai_assets.adapters.charts import MatplotlibPainter
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.metrics import Step, window_metrics
from bookmarkai_assets.core.rollout.windows import Window
from tests.support.storage_events import NOON, totals_of, transfer

CHARTS = ("transfers", "split")
MAX_BYTES = 20_000
"""The limit for both together: 288 of them are kept a day."""

RED, BLUE, ORANGE = (213, 94, 0), (0, 114, 178), (230, 159, 0)


def steps(*hours: list[StorageEvent], target: int = 25) -> list[Step]:
    """Return a step for each hour from noon on, with the transfers in it."""
    windows = [Window(NOON + timedelta(hours=n), NOON + timedelta(hours=n + 1)) for n in range(len(hours))]
    return [
        Step(window_metrics(totals_of(events, window), window), target)
        for window, events in zip(windows, hours, strict=True)
    ]


def busy_day() -> list[Step]:
    """Return 25 hours with uploads that get slower, a failure now and then, and downloads."""
    return steps(
        *(
            [
                transfer(at := NOON + timedelta(hours=hour), seconds=1 + hour / 3),
                transfer(at, seconds=2, error="throttled" if hour % 5 == 0 else None),
                transfer(at, backend="local"),
                transfer(at, "get", purpose="transcribe", kind="audio", seconds=0.7),
            ]
            for hour in range(25)
        )
    )


def picture(chart: str, shown: list[Step]) -> Image.Image:
    """Draw a chart and read it back."""
    return Image.open(BytesIO(getattr(MatplotlibPainter(), chart)(shown))).convert("RGB")


def pixels(image: Image.Image, colour: tuple[int, int, int]) -> int:
    """Count the pixels of roughly this colour."""
    counted = image.getcolors(maxcolors=256)
    assert counted is not None
    return sum(n for n, found in counted if all(abs(a - b) < 12 for a, b in zip(found, colour, strict=True)))  # type: ignore[arg-type, misc]  # of RGB it is a triple


def test_a_day_of_charts_is_small() -> None:
    """The two charts of a busy day take less than 20 kB, because they are kept with every materialization."""
    painter = MatplotlibPainter()
    assert len(painter.transfers(busy_day())) + len(painter.split(busy_day())) < MAX_BYTES


def test_a_chart_shows_errors_and_both_latencies() -> None:
    """Failures are red bars, uploads a blue line and downloads an orange one; without its data a colour is absent."""
    image = picture("transfers", busy_day())
    assert min(pixels(image, colour) for colour in (RED, BLUE, ORANGE)) > 100

    quiet = picture("transfers", steps([transfer(seconds=1)], [transfer(NOON + timedelta(hours=1), seconds=2)]))
    assert pixels(quiet, ORANGE) == 0
    assert pixels(quiet, BLUE) > 50
    assert pixels(quiet, RED) < pixels(image, RED) / 4, "a rate of 0 is a hair's line"


def test_the_split_rises_with_the_fraction_in_s3() -> None:
    """Four of four media in S3 make a bar about four times as tall as one of four."""
    one = steps([transfer(), *(transfer(backend="local") for _ in range(3))])
    four = steps([transfer() for _ in range(4)])
    assert pixels(picture("split", four), BLUE) > 3 * pixels(picture("split", one), BLUE)


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize(
    "shown",
    [[], steps([], []), steps([transfer(backend="local")]), steps([transfer(seconds=3)]), steps([transfer(error="x")])],
    ids=["no steps", "no transfers", "local only", "one transfer", "one failure"],
)
def test_little_or_nothing_is_drawn_as_well(chart: str, shown: list[Step]) -> None:
    """A day without steps, without transfers or with a single one is drawn without a warning."""
    image = picture(chart, shown)
    assert image.width == 770
    white = pixels(image, (255, 255, 255)) / (image.width * image.height)
    assert 0.4 < white < 0.995, "there are axes and a title at least, and no more than the data"
