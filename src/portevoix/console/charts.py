"""Charts, as SVG that the page's style sheet colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import svg
from markupsafe import Markup, escape

WIDTH, HEIGHT, FOOT = 720, 160, 22
GAP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Args:
        label: under it, where it is to have one.
        told: what it stands for, for who points at it or hears the page.
    """

    value: int
    told: str
    label: str = ""


def bars(title: str, shown: Sequence[Bar]) -> Markup:
    """Draw bars side by side, the tallest as high as there is room."""
    tallest, step = max((one.value for one in shown), default=0) or 1, WIDTH / max(len(shown), 1)
    drawn: list[svg.Element] = [svg.Title(text=str(escape(title)))]
    for place, one in enumerate(shown):
        height = (HEIGHT - 4) * one.value / tallest
        left, width = place * step + step * GAP_SHARE / 2, step * (1 - GAP_SHARE)
        top = HEIGHT - max(height, 1)
        drawn.append(
            svg.Rect(
                x=round(left, 1),
                y=round(top, 1),
                width=round(width, 1),
                height=round(HEIGHT - top, 1),
                rx=2,
                class_=["bar"] if one.value else ["bar", "none"],
                elements=[svg.Title(text=str(escape(one.told)))],
            )
        )
        if one.label:
            middle = round(left + width / 2, 1)
            drawn.append(svg.Text(x=middle, y=HEIGHT + FOOT - 6, text=str(escape(one.label)), text_anchor="middle"))
    drawn.append(svg.Line(x1=0, x2=WIDTH, y1=HEIGHT, y2=HEIGHT, class_=["axis"]))
    chart = svg.SVG(
        class_=["chart"],
        viewBox=svg.ViewBoxSpec(0, 0, WIDTH, HEIGHT + FOOT),
        extra={"role": "img"},
        elements=drawn,
    )
    return Markup(chart.as_str())  # noqa: S704 - the texts in it are escaped, which the library does not do
