"""Draw the rollout's charts as SVG, for Dagster's pages and for the door's. Small, because Dagster keeps them.

Each chart is a day and the present hour, with a slot for each hour, so they can stand below each other on one time
line. There is none where there is nothing to draw. What the figures mean is in `metrics`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from bookmarkai_assets.core.rollout.metrics import Target, WindowMetrics
from bookmarkai_assets.core.rollout.stages import Decision

_HOUR = timedelta(hours=1)
_SLOT, _TOP, _BOTTOM = 12, 12, 72
"""The width of an hour, and the lines of the highest value and of 0."""

_STUB = 5
"""How far the target goes on beyond the last hour, so that a decision of the last minutes is seen."""

_LEAST_PERCENT = 5.0
"""The least that the axis of failures reaches, so that one failure among thousands does not look huge."""

_BLUE, _ORANGE, _RED, _GREY = "steelblue", "darkorange", "tomato", "gray"
"""Names of colours are shorter than numbers. All four are seen on a white page and on a dark one."""

_NAMED_DECISIONS, _ROWS, _ROW = 8, 5, 12
"""How many decisions are named, on how many rows below each other, and a row's height."""


@dataclass(frozen=True)
class Chart:
    """A picture and what it shows. `svg` is a whole document, without a style or a script."""

    title: str
    svg: str


_Metric = Callable[[WindowMetrics], float | None]


def split_chart(steps: Sequence[WindowMetrics], targets: Sequence[Target]) -> Chart | None:
    """Draw S3's share of new media by the hour as bars, and the percentage that was the target at each moment."""
    drawing = _bars(steps, lambda step: step.s3_upload_rate, highest=100, colour=_BLUE)
    line = _target_line(steps, targets)
    return _chart(
        "S3's share of new media, in percent, and the target",
        steps,
        [*drawing, *line],
        labels=[("100%", _TOP), ("0%", _BOTTOM)],
        legend=[("S3 took", _BLUE), ("target", _GREY)],
    )


def failures_chart(steps: Sequence[WindowMetrics]) -> Chart | None:
    """Draw the share of failed transfers to and from S3 by the hour."""
    highest = max([_LEAST_PERCENT, *_known(steps, lambda step: step.error_rate)])
    return _chart(
        "Failed transfers to and from S3, in percent",
        steps,
        _bars(steps, lambda step: step.error_rate, highest=highest, colour=_RED),
        labels=[(f"{highest:.3g}%", _TOP), ("0%", _BOTTOM)],
        legend=[("failed", _RED)],
    )


def latency_chart(steps: Sequence[WindowMetrics]) -> Chart | None:
    """Draw how long 95% of the uploads to S3, and of workers' downloads from it, took at most, by the hour."""
    lines: dict[str, tuple[str, _Metric]] = {
        _BLUE: ("upload p95", lambda step: step.upload.p95),
        _ORANGE: ("download p95", lambda step: step.download.p95),
    }
    highest = max((value for _, metric in lines.values() for value in _known(steps, metric)), default=1.0)
    return _chart(
        "Seconds that 95% of transfers to and from S3 took at most",
        steps,
        [shape for colour, (_, metric) in lines.items() for shape in _line(steps, metric, highest, colour)],
        labels=[(f"{highest:.3g} s", _TOP), ("0 s", _BOTTOM)],
        legend=[(name, colour) for colour, (name, _) in lines.items()],
    )


def decisions_chart(steps: Sequence[WindowMetrics], decisions: Sequence[Decision]) -> Chart | None:
    """Draw a line at the moment of each decision, oldest first, and name the newest ones."""
    if not steps:
        return None
    begin, width = steps[0].window.start, len(steps) * _SLOT
    within = [one for one in decisions if one.decided_at >= begin][-_NAMED_DECISIONS:]
    shapes = []
    for number, decision in enumerate(within):
        column, row = min(_column(begin, decision.decided_at), width), _TOP + 8 + number % _ROWS * _ROW
        name = decision.action.value if decision.stage is None else f"{decision.action.value} {decision.stage}"
        is_right = column < width - 60
        at = f"x='{column + 3}'" if is_right else f"x='{column - 3}' text-anchor='end'"
        shapes += [
            f"<path d='M{column} {_TOP}V{_BOTTOM}' stroke='{_BLUE}'/>",
            f"<text {at} y='{row}'>{name}</text>",
        ]
    return _chart("Decisions", steps, shapes, labels=[], legend=[])


def _known(steps: Sequence[WindowMetrics], metric: _Metric) -> list[float]:
    return [value for step in steps if (value := metric(step)) is not None]


def _bars(steps: Sequence[WindowMetrics], metric: _Metric, *, highest: float, colour: str) -> list[str]:
    """Draw a bar for each hour. There is none where nothing was counted, and a hairline for 0."""
    path = "".join(
        f"M{slot * _SLOT + _SLOT // 2} {_BOTTOM}V{min(_height(value, highest), _BOTTOM - 1)}"
        for slot, step in enumerate(steps)
        if (value := metric(step)) is not None
    )
    return [f"<path d='{path}' stroke='{colour}' stroke-width='10'/>"] if path else []


def _line(steps: Sequence[WindowMetrics], metric: _Metric, highest: float, colour: str) -> list[str]:
    """Draw a line with a point for each hour. It is interrupted where nothing was counted."""
    path, is_open = "", False
    for slot, step in enumerate(steps):
        value = metric(step)
        if value is not None:
            middle, line = slot * _SLOT + _SLOT // 2, _height(value, highest)
            # Behind the stub of a single point, numbers without a letter would be more of it.
            path += f"L{middle} {line}" if is_open else f"M{middle - 2} {line}h4"
        is_open = value is not None
    return [f"<path d='{path}' stroke='{colour}' stroke-width='2' fill='none'/>"] if path else []


def _target_line(steps: Sequence[WindowMetrics], targets: Sequence[Target]) -> list[str]:
    if not steps or not targets:
        return []
    begin, width = steps[0].window.start, len(steps) * _SLOT
    path = f"M0 {_height(targets[0].percentage, 100)}"
    for before, target in pairwise(targets):
        if before.percentage != target.percentage:
            path += f"H{min(_column(begin, target.since), width)}V{_height(target.percentage, 100)}"
    return [f"<path d='{path}H{width + _STUB}' stroke='{_GREY}' stroke-width='2' fill='none'/>"]


def _column(begin: datetime, moment: datetime) -> int:
    return round(max(moment - begin, timedelta(0)) / _HOUR * _SLOT)


def _height(value: float, highest: float) -> int:
    return round(_BOTTOM - (_BOTTOM - _TOP) * value / highest)


def _chart(
    title: str,
    steps: Sequence[WindowMetrics],
    shapes: Sequence[str],
    *,
    labels: Sequence[tuple[str, int]],
    legend: Sequence[tuple[str, str]],
) -> Chart | None:
    """Put shapes into a picture with its labels. Without shapes there is no picture."""
    if not steps or not shapes:
        return None
    width = len(steps) * _SLOT
    start, end = (f"{moment:%H:%M}" for moment in (steps[0].window.start, steps[-1].window.end))
    texts = [
        *(f"<text x='{width + 8}' y='{line + 3}'>{text}</text>" for text, line in labels),
        *(f"<text x='{70 * n}' y='8' fill='{colour}'>{text}</text>" for n, (text, colour) in enumerate(legend)),
        f"<text y='82'>{start}</text>",
        f"<text x='{width - 26}' y='82'>{end}</text>",
    ]
    picture = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='400' viewBox='0 0 {width + 42} 84' "
        f"font-size='9' font-family='sans-serif' "
        f"fill='{_GREY}'>{''.join([*shapes, *texts])}</svg>"
    )
    return Chart(title, picture)
