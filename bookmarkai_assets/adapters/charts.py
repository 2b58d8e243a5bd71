"""Draw the rollout's charts with matplotlib's objects, so that no global state changes and no screen is needed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from bookmarkai_assets.core.rollout.charts import ChartPainter
from bookmarkai_assets.core.rollout.metrics import Step, WindowMetrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 110
_WIDTH_INCHES = 7.0
_COLOURS_KEPT = 24
"""Per picture. With a palette it takes a third of the bytes, and every materialization stores it."""

# Okabe and Ito's palette, which people with any colour vision can distinguish.
_BLUE, _ORANGE, _RED, _INK, _GREY = "#0072B2", "#E69F00", "#D55E00", "#333333", "#8A8A8A"
_STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "font.family": "DejaVu Sans",
    "text.color": _INK,
    "axes.edgecolor": "#BBBBBB",
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E8E8E8",
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}

_Metric = Callable[[WindowMetrics], float | None]


class MatplotlibPainter(ChartPainter):
    """Draws with matplotlib, which is loaded for the first picture."""

    @override
    def transfers(self, steps: Sequence[Step]) -> bytes:
        with _figure(height_inches=3.4) as figure:
            errors, seconds = figure.subplots(2, 1, sharex=True, height_ratios=[2, 3])
            _title(errors, "S3 over the last day, by the hour: failures and latency")
            _bars(errors, steps, lambda m: m.error_rate, colour=_RED)
            _percent_axis(errors, "failed, %", least=5.0)
            _line(seconds, steps, lambda m: m.upload.p95, label="upload p95", colour=_BLUE)
            _line(seconds, steps, lambda m: m.upload.mean, label="upload mean", colour=_BLUE, is_faint=True)
            _line(seconds, steps, lambda m: m.download.p95, label="download p95", colour=_ORANGE)
            seconds.set_ylabel("time taken, s")
            seconds.set_ylim(0, seconds.get_ylim()[1] * 1.05)
            _finish(seconds, steps, _has_data(steps, lambda m: m.error_rate), "no transfers to or from S3")
            return _encode_png(figure)

    @override
    def split(self, steps: Sequence[Step]) -> bytes:
        with _figure(height_inches=2.3) as figure:
            axes = figure.subplots()
            _title(axes, "New media that S3 took, against the target, by the hour")
            _bars(axes, steps, lambda m: m.s3_upload_rate, colour=_BLUE, label="S3 took")
            if steps:
                edges = [*(step.metrics.window.start for step in steps), steps[-1].metrics.window.end]
                axes.stairs(
                    [step.target_percentage for step in steps],
                    _date_numbers(edges),
                    baseline=None,
                    color=_INK,
                    linewidth=1.6,
                    linestyle=(0, (4, 2)),
                    zorder=4,
                    label="target",
                )
            _percent_axis(axes, "of new media, %", least=100.0)
            _finish(axes, steps, _has_data(steps, lambda m: m.s3_upload_rate), "no new media")
            return _encode_png(figure)


@contextmanager
def _figure(*, height_inches: float) -> "Iterator[Figure]":
    """Yield an empty figure. The style applies only inside the block."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_INCHES, height_inches), dpi=_DOTS_PER_INCH)
        # The margins are given, because letting matplotlib find them doubles the time for a picture.
        figure.subplots_adjust(
            left=0.6 / _WIDTH_INCHES,
            right=1 - 0.15 / _WIDTH_INCHES,
            bottom=0.5 / height_inches,
            top=1 - 0.3 / height_inches,
            hspace=0.3,
        )
        yield figure


def _encode_png(figure: "Figure") -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib has no types for these
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]  # as above
    picture = Image.frombuffer("RGBA", canvas.get_width_height(), pixels, "raw", "RGBA", 0, 1).convert("RGB")
    file = BytesIO()
    # MAXCOVERAGE keeps the colours that occur. The default method drops a thin line's colour for one more grey.
    palette = picture.quantize(_COLOURS_KEPT, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(file, "PNG", optimize=True)
    return file.getvalue()


def _title(axes: "Axes", text: str) -> None:
    axes.set_title(text, loc="left", fontsize=9.5, fontweight="bold")


def _bars(axes: "Axes", steps: Sequence[Step], value: _Metric, *, colour: str, label: str | None = None) -> None:
    """Draw a bar for each step, about as wide. There is none where nothing was counted, and a hairline for 0."""
    shown = [(step.metrics.window, y) for step in steps if (y := value(step.metrics)) is not None]
    axes.bar(
        _date_numbers([window.start for window, _ in shown]),
        [y for _, y in shown],
        [window.length.total_seconds() / 86_400 * 0.86 for window, _ in shown],
        align="edge",
        color=colour,
        edgecolor=colour,
        linewidth=0.8,
        clip_on=False,
        zorder=3,
        label=label,
    )


def _line(
    axes: "Axes", steps: Sequence[Step], value: _Metric, *, label: str, colour: str, is_faint: bool = False
) -> None:
    """Draw a line with a point in the middle of each step. It is interrupted where nothing was counted."""
    ys = [value(step.metrics) for step in steps]
    if all(y is None for y in ys):
        return
    middles = [step.metrics.window.start + step.metrics.window.length / 2 for step in steps]
    axes.plot(
        _date_numbers(middles),
        [float("nan") if y is None else y for y in ys],
        color=colour,
        linewidth=1.0 if is_faint else 1.7,
        linestyle=":" if is_faint else "-",
        marker="o",
        markersize=0 if is_faint else 2.6,
        label=label,
    )


def _percent_axis(axes: "Axes", label: str, *, least: float) -> None:
    """Let the axis begin at 0 and end at `least` or higher, so that one failure among thousands does not look huge."""
    axes.set_ylabel(label)
    axes.set_ylim(0, max(least, axes.get_ylim()[1]))


def _finish(axes: "Axes", steps: Sequence[Step], has_data: bool, otherwise: str) -> None:
    """Label the lowest axis with the time, and show the legend, or the text `otherwise` if there is no data."""
    from matplotlib.dates import DateFormatter, HourLocator

    if steps:
        axes.set_xlim(*_date_numbers([steps[0].metrics.window.start, steps[-1].metrics.window.end]))
        every_three = HourLocator(byhour=range(0, 24, 3), tz=UTC)  # type: ignore[no-untyped-call]  # as above
        axes.xaxis.set_major_locator(every_three)
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))  # type: ignore[no-untyped-call]  # as above
        axes.set_xlabel(f"time, UTC, up to {steps[-1].metrics.window.end:%Y-%m-%d %H:%M}")
    else:
        axes.set_xticks([])
    if not has_data:
        axes.text(0.5, 0.5, otherwise, transform=axes.transAxes, ha="center", va="center", color=_GREY, fontsize=11)
    elif axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", ncols=3, bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, fontsize=8)


def _has_data(steps: Sequence[Step], value: _Metric) -> bool:
    return any(value(step.metrics) is not None for step in steps)


def _date_numbers(moments: Sequence[datetime]) -> list[float]:
    """Convert moments to matplotlib's numbers for dates, in days since 1970."""
    return [moment.timestamp() / 86_400 for moment in moments]
