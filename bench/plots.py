"""Static SVG pictures of figures. Knows numbers and labels, nothing of what they mean.

Colours come from custom properties of the page (``--us``, ``--them``, ``--line``, ``--text``), so one picture fits
light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 720
_LABEL = 190
_VALUE = 70
_BAR = 18
_GAP = 8
_ROW = _BAR + _GAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A median with its extremes. ``ours`` is drawn in the colour of what the page is about."""

    label: str
    median: float
    low: float
    high: float
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A ratio with its extremes, and the bounds it is held to."""

    label: str
    median: float
    low: float
    high: float
    must: float
    aim: float


def bars(title: str, values: Sequence[Bar]) -> str:
    """Horizontal bars from zero, with a whisker from the lowest to the highest round."""
    top = max((bar.high for bar in values), default=0.0) or 1.0
    span = WIDTH - _LABEL - _VALUE
    parts = []
    for number, bar in enumerate(values):
        y = number * _ROW + _GAP
        middle = y + _BAR / 2
        width = span * bar.median / top
        colour = "var(--us)" if bar.ours else "var(--them)"
        parts += [
            _text(_LABEL - 8, middle, bar.label, "end"),
            f'<rect x="{_LABEL}" y="{y:g}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{colour}"/>',
            _line(_LABEL + span * bar.low / top, middle, _LABEL + span * bar.high / top, middle, "var(--text)"),
            _text(_LABEL + span * bar.high / top + 6, middle, _number(bar.median), "start"),
        ]
    return _svg(title, len(values) * _ROW + _GAP, parts)


def dots(title: str, values: Sequence[Dot]) -> str:
    """Ratios on one axis from zero: a dot with a whisker, a tick for must and a dashed one for aim, a line at 1."""
    top = max([1.25, *(dot.high for dot in values), *(dot.must for dot in values)]) * 1.02
    left = 360
    span = WIDTH - left - _VALUE
    height = len(values) * _ROW + _GAP + 18
    parts = [_line(left + span / top, 0, left + span / top, height - 18, "var(--line)")]
    for step in range(int(top / 0.25) + 1):
        x = left + span * step * 0.25 / top
        parts.append(_text(x, height - 8, f"{step * 0.25:g}", "middle", small=True))
    for number, dot in enumerate(values):
        y = number * _ROW + _GAP + _BAR / 2
        colour = "var(--us)" if dot.median <= dot.must else "var(--bad)"

        def x_of(value: float) -> float:
            return left + span * value / top

        parts += [
            _text(left - 8, y, dot.label, "end", small=True),
            _line(x_of(dot.must), y - 9, x_of(dot.must), y + 9, "var(--text)"),
            _line(x_of(dot.aim), y - 9, x_of(dot.aim), y + 9, "var(--text)", dashed=True),
            _line(x_of(dot.low), y, x_of(dot.high), y, colour),
            f'<circle cx="{x_of(dot.median):.1f}" cy="{y:g}" r="5" fill="{colour}"/>',
            _text(WIDTH - 4, y, f"{dot.median:.2f}", "end"),
        ]
    return _svg(title, height, parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="3 3"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="1.5"{dash}/>'


def _text(x: float, y: float, text: str, anchor: str, *, small: bool = False) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" dominant-baseline="central" '
        f'font-size="{11 if small else 13}" fill="var(--text)">{escape(text)}</text>'
    )


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-label="{escape(title, quote=True)}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
