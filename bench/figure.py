"""A figure: something measured beside its baseline in the same run, and the goal that it has."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from msgspec import Struct

Measured = TypeVar("Measured")


class Skipped(Exception):
    """A part cannot be measured here; the message says why, and what to install."""


@dataclass(frozen=True, slots=True)
class Run:
    """How to measure.

    Args:
        pairs: how often each thing is measured beside its baseline.
        tell: shows a line of progress.
        skip: keeps what cannot be measured here, of a part that can, and why.
        largest: the most calls that a database is filled with.
        soak_calls: how many a soak makes.
    """

    pairs: int
    tell: Callable[[str], None]
    skip: Callable[[str, str], None]
    largest: int = 10**7
    soak_calls: int = 200_000


class Spread(Struct, frozen=True):
    """The middle and the ends of several measurements."""

    median: float
    smallest: float
    largest: float


class Goal(Struct, frozen=True):
    """What a figure is to reach.

    Args:
        of: whether the ratio or the measured value itself is meant.
        sense: the side of the bound that is good.
        stretch: a further bound, worth reaching.
    """

    of: Literal["ratio", "measured"]
    sense: Literal["at least", "at most"]
    bound: float
    stretch: float | None = None


class Point(Struct, frozen=True):
    """Where a figure is on a curve.

    Args:
        line: what grows: the name of the curve.
        x: with how many of what the part counts.
    """

    line: str
    x: int


class Figure(Struct, frozen=True):
    """One line of the table.

    Args:
        part: the part that measured it.
        name: what was measured.
        unit: of both measurements.
        measured: of Portevoix.
        baseline_name: what it is set beside.
        baseline: of that.
        ratio: measured by baseline, pair by pair.
        goal: what it is to reach, if anything.
        point: where it is on a curve, of those that are on one.
    """

    part: str
    name: str
    unit: str
    measured: Spread
    baseline_name: str
    baseline: Spread
    ratio: Spread
    goal: Goal | None = None
    point: Point | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; ``None`` where there is no goal."""
        if self.goal is None:
            return None
        value = self.ratio.median if self.goal.of == "ratio" else self.measured.median
        return value >= self.goal.bound if self.goal.sense == "at least" else value <= self.goal.bound


def spread(values: Sequence[float]) -> Spread:
    """Sum up measurements by their median, smallest and largest."""
    return Spread(statistics.median(values), min(values), max(values))


def beside(
    part: str,
    name: str,
    unit: str,
    measured: Sequence[float],
    baseline: tuple[str, Sequence[float]],
    goal: Goal | None = None,
    point: Point | None = None,
) -> Figure:
    """Set measurements beside those of a baseline, pair by pair.

    Args:
        measured: in the order in which they were taken.
        baseline: its name, and its measurements in the same order.
    """
    baseline_name, others = baseline
    ratios = [ours / theirs for ours, theirs in zip(measured, others, strict=True)]
    return Figure(part, name, unit, spread(measured), baseline_name, spread(others), spread(ratios), goal, point)


def interleave(run: Run, part: str, arms: Mapping[str, Callable[[], Measured]]) -> dict[str, list[Measured]]:
    """Measure several things in turn, A B A B, so that what disturbs the machine disturbs them alike.

    Args:
        part: for the line of progress.
        arms: how each thing is measured, by its name.

    Returns:
        each thing's measurements, in the order in which they were taken.
    """
    taken: dict[str, list[Measured]] = {name: [] for name in arms}
    for number in range(1, run.pairs + 1):
        run.tell(f"{part}: round {number} of {run.pairs}")
        for name, measure in arms.items():
            taken[name].append(measure())
    return taken
