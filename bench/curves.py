"""How cost grows, as SVG: a line an operation, in times of what it costs at the baseline, on logarithmic axes."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import svg

from bench.figure import Figure
from bench.table import number

WIDTH, HEIGHT = 860, 340
LEFT, RIGHT, TOP, FOOT = 64, 24, 64, 58
ROW, CAPTION, CAPTION_LINE = 20, 28, 18
FEWEST_TIMES = 0.5, 4.0  # the axis has these at least

#: Told apart by people who see few colours, too: the palette of Okabe and Ito, then the same, dashed.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1d2523 }
.soft { fill: #55605c } .title { font-size: 16px; font-weight: 600 }
.end { text-anchor: end } .mid { text-anchor: middle }
.card { fill: #ffffff } .grid { stroke: #d8d7cf } .base { stroke: #1d2523 }
.goal { stroke: #a3271b; stroke-dasharray: 6 4 }
.line { fill: none; stroke-width: 2 } .span { stroke-width: 1; opacity: .5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e8ecea } .soft { fill: #a9b5b1 }
  .card { fill: #1c2624 } .grid { stroke: #36433f } .base { stroke: #e8ecea } .goal { stroke: #ff9d8f }
}
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture.

    Args:
        name: of its file.
        part: whose figures it has.
        counted: what the part counts: the axis from left to right.
        has: which of the part's lines.
        most: what a line is not to exceed; ``None`` where there is no such goal.
        is_proportional: whether the best is as many times as there are of what is counted.
    """

    name: str
    title: str
    part: str
    counted: str
    has: Callable[[str], bool]
    most: float | None = None
    is_proportional: bool = False


def _is_page(line: str) -> bool:
    return line.startswith("console")


def _is_request(line: str) -> bool:
    return not _is_page(line)


CHARTS = (
    Chart(
        name="growth-calls",
        title="Asking, sending and dialling, by calls in the database",
        part="growth-calls",
        counted="calls in the database",
        has=_is_request,
        most=2,
    ),
    Chart(
        name="growth-console",
        title="The console's first pages, by calls in the database",
        part="growth-calls",
        counted="calls in the database",
        has=_is_page,
        most=2,
    ),
    Chart(
        name="growth-accounts",
        title="Asking, sending and dialling, by accounts",
        part="growth-accounts",
        counted="accounts, with as many calls together",
        has=_is_request,
        most=2,
    ),
    Chart(
        name="growth-accounts-console",
        title="The console's first pages, by accounts",
        part="growth-accounts",
        counted="accounts, with as many calls together",
        has=_is_page,
        most=2,
    ),
    Chart(
        name="growth-nodes",
        title="Sending and dialling, by nodes",
        part="growth-nodes",
        counted="nodes, on one machine with one database",
        has=lambda line: True,
        is_proportional=True,
    ),
)


def draw(chart: Chart, figures: Sequence[Figure], *captions: str) -> str | None:
    """Draw a chart; ``None`` where there is nothing to draw.

    Args:
        captions: the machine and the date, a line each.
    """
    lines: dict[str, list[Figure]] = {}
    for one in figures:
        if one.part == chart.part and one.point is not None and chart.has(one.point.line):
            lines.setdefault(one.point.line, []).append(one)
    return _Drawing(chart, lines).drawn(captions) if lines else None


class _Drawing:
    def __init__(self, chart: Chart, lines: dict[str, list[Figure]]) -> None:
        self._chart, self._lines = chart, lines
        shown = [one for line in lines.values() for one in line]
        counts = {one.point.x for one in shown if one.point} | {_baseline(shown[0])}
        self._counts = sorted(counts)
        reached = [value for one in shown for value in (one.ratio.smallest, one.ratio.largest)]
        self._fewest = min(*reached, FEWEST_TIMES[0])
        self._most = max(*reached, FEWEST_TIMES[1], self._counts[-1] if chart.is_proportional else 1)
        self._elements: list[svg.Element] = []

    def drawn(self, captions: Sequence[str]) -> str:
        """Draw everything."""
        rows = -(-len(self._lines) // 2)
        height = HEIGHT + CAPTION + rows * ROW + len(captions) * CAPTION_LINE
        self._add(svg.Style(text=STYLE), svg.Title(text=html.escape(self._chart.title)))
        self._add(svg.Rect(width=WIDTH, height=height, rx=8, class_=["card"]))
        self._text(LEFT, 28, self._chart.title, "title")
        self._text(LEFT, 48, f"times of what it is at {_told(_baseline(self._first))}", "soft")
        self._axes()
        for place, (name, line) in enumerate(self._lines.items()):
            self._line(place, name, line, rows)
        for place, caption in enumerate(reversed(captions)):
            self._text(LEFT, height - 16 - place * CAPTION_LINE, caption, "soft")
        box = svg.ViewBoxSpec(0, 0, WIDTH, height)
        return svg.SVG(viewBox=box, extra={"role": "img"}, elements=self._elements).as_str() + "\n"

    @property
    def _first(self) -> Figure:
        return next(iter(self._lines.values()))[0]

    def _axes(self) -> None:
        low, high = math.floor(math.log2(self._fewest)), math.ceil(math.log2(self._most))
        for power in range(low, high + 1):
            y = self._y(2.0**power)
            if TOP <= y <= HEIGHT - FOOT:
                self._rule(2.0**power, "grid")
                self._text(LEFT - 8, y + 4, f"{2.0**power:g} ×", "end")
        for count in self._counts:
            self._text(self._x(count), HEIGHT - FOOT + 20, f"{count:,}", "mid")
        self._text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - FOOT + 42, self._chart.counted, "soft", "mid")
        self._rule(1, "base")
        if self._chart.most is not None:
            self._rule(self._chart.most, "goal")
            self._text(WIDTH - RIGHT, self._y(self._chart.most) - 6, f"goal: at most {self._chart.most:g} ×", "end")
        if self._chart.is_proportional:
            first, last = self._counts[0], self._counts[-1]
            ends = {"x1": self._x(first), "x2": self._x(last), "y1": self._y(first), "y2": self._y(last)}
            self._add(svg.Line(**ends, class_=["goal"]))
            self._text(WIDTH - RIGHT, self._y(self._counts[-1]) - 6, "in proportion", "end")

    def _line(self, place: int, name: str, line: Sequence[Figure], rows: int) -> None:
        colour, dashes = COLOURS[place % len(COLOURS)], "5 3" if place >= len(COLOURS) else "none"
        style = f"stroke: {colour}; stroke-dasharray: {dashes}"
        at = {one.point.x: one for one in line if one.point}
        points: list[float] = []
        for count in self._counts:
            one, x = at.get(count), self._x(count)
            y = self._y(one.ratio.median) if one else self._y(1)
            points += [x, y]
            if one:
                ends = self._y(one.ratio.smallest), self._y(one.ratio.largest)
                self._add(svg.Line(x1=x, x2=x, y1=ends[0], y2=ends[1], class_=["span"], style=style))
            self._add(svg.Circle(cx=x, cy=y, r=3, fill=colour))
        self._add(svg.Polyline(points=points, class_=["line"], style=style))
        left, top = LEFT + (place // rows) * (WIDTH - LEFT) / 2, HEIGHT + 10 + place % rows * ROW
        self._add(svg.Line(x1=left, x2=left + 24, y1=top - 4, y2=top - 4, class_=["line"], style=style))
        last = at[max(at)]
        ends_told = f"{number(last.baseline.median)} → {number(last.measured.median)} {last.unit}"
        self._text(left + 32, top, f"{name}: {ends_told}")

    def _x(self, count: float) -> float:
        first, last = math.log(self._counts[0]), math.log(self._counts[-1])
        return round(LEFT + 20 + (WIDTH - LEFT - RIGHT - 40) * (math.log(count) - first) / (last - first), 1)

    def _y(self, times: float) -> float:
        low, high = math.log(self._fewest), math.log(self._most)
        return round(HEIGHT - FOOT - (HEIGHT - FOOT - TOP) * (math.log(times) - low) / (high - low), 1)

    def _rule(self, times: float, kind: str) -> None:
        y = self._y(times)
        self._add(svg.Line(x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_=[kind]))

    def _text(self, x: float, y: float, text: str, *kinds: str) -> None:
        self._add(svg.Text(x=round(x, 1), y=round(y, 1), text=html.escape(text, quote=False), class_=list(kinds)))

    def _add(self, *elements: svg.Element) -> None:
        self._elements += elements


def _baseline(figure: Figure) -> int:
    """Read how many a figure's baseline has: its name begins with it."""
    told = figure.baseline_name.partition(" ")[0]
    return 1 if told == "one" else int(told.replace(",", ""))


def _told(count: int) -> str:
    return "one" if count == 1 else f"{count:,}"
