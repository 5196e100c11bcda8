"""How a recording sounds, as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import svg
from markupsafe import escape

WIDTH, HEIGHT = 720, 96
COLUMNS = 240

SMALL_WIDTH, SMALL_HEIGHT = 160, 32
SMALL_COLUMNS = 80

#: Of a picture on its own, which the page's style sheet does not reach: 3:1 on light and dark (WCAG 2.2, 1.4.11).
COLOUR = "#2a8f86"

#: As wide as there is room, and as high.
STRETCHED = svg.PreserveAspectRatio("none")

QUIETEST_PEAK = 16
"""A recording whose peak is below this is drawn as quiet as it is; others reach to the edges."""


def waveform(title: str, levels: Sequence[int]) -> svg.SVG:
    """Draw a recording, for the page's style sheet to colour.

    Args:
        levels: the peak of each part.
    """
    path = svg.Path(d=_strokes(levels, WIDTH, HEIGHT), class_=["wave"], stroke_width=2)
    return svg.SVG(
        class_=["chart"],
        viewBox=svg.ViewBoxSpec(0, 0, WIDTH, HEIGHT),
        preserveAspectRatio=STRETCHED,
        extra={"role": "img"},
        elements=[svg.Title(text=str(escape(title))), path],
    )


def small_waveform(levels: Sequence[int]) -> svg.SVG:
    """Draw a recording as a picture of its own."""
    return svg.SVG(
        xmlns="http://www.w3.org/2000/svg",
        viewBox=svg.ViewBoxSpec(0, 0, SMALL_WIDTH, SMALL_HEIGHT),
        preserveAspectRatio=STRETCHED,
        elements=[svg.Path(d=_strokes(levels, SMALL_WIDTH, SMALL_HEIGHT), stroke=COLOUR, stroke_width=1.5)],
    )


def _strokes(levels: Sequence[int], width: int, height: int) -> list[svg.PathData]:
    """Draw an upright stroke a part, around the middle; silence is a dot, so that the time that it takes is seen."""
    loudest = max(max(levels), QUIETEST_PEAK)
    drawn: list[svg.PathData] = []
    for place, level in enumerate(levels):
        across = round((place + 0.5) * width / len(levels), 1)
        half = max(round(level * (height / 2 - 1) / loudest, 1), 0.5)
        drawn += [svg.MoveTo(across, round(height / 2 - half, 1)), svg.LineTo(across, round(height / 2 + half, 1))]
    return drawn
