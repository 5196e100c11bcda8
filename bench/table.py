"""The figures as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figure import Figure, Goal, Spread
from bench.machine import Machine

HEADER = ("part", "figure", "measured", "beside", "baseline", "ratio (min-max)", "goal", "met")
COMPARED = ("part", "figure", "beside", "ratio before", "ratio now", "change")


def of_figures(figures: Sequence[Figure]) -> str:
    """Write the figures, a line each."""
    return _aligned([HEADER, *map(_row, figures)])


def of_changes(before: Sequence[Figure], now: Sequence[Figure]) -> str:
    """Write the ratios of two runs side by side; a change within either run's ends may be chance."""
    old = {(figure.part, figure.name, _kind(figure)): figure for figure in before}
    rows: list[tuple[str, ...]] = [COMPARED]
    for figure in now:
        was = old.get((figure.part, figure.name, _kind(figure)))
        change = f"{figure.ratio.median / was.ratio.median - 1:+.0%}" if was else ""
        told = _ratio(was.ratio) if was else "(new)"
        rows.append((figure.part, figure.name, figure.baseline_name, told, _ratio(figure.ratio), change))
    return _aligned(rows)


def of_machine(machine: Machine) -> str:
    """Write what the figures were taken on, in a line."""
    hardware = f"{machine.cpu}, {machine.cores} cores, {machine.memory_mib / 1024:.0f} GiB"
    return f"{hardware}, {machine.system}, {machine.python}, PostgreSQL {machine.postgresql}"


def as_markdown(figures: Sequence[Figure]) -> str:
    """Write the figures as a table of a document."""
    rows = [("figure", "measured", "beside", "baseline", "ratio (min-max)", "goal", "met")]
    rows += [_row(figure)[1:] for figure in figures]
    lines = [f"| {' | '.join(row)} |".replace("  |", " |") for row in rows]
    return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]])


def _kind(figure: Figure) -> str:
    """Name a baseline without its settings, which a run chooses for itself."""
    return figure.baseline_name.partition(",")[0]


def _row(figure: Figure) -> tuple[str, ...]:
    met = {True: "yes", False: "NO", None: ""}[figure.met]
    return (
        figure.part,
        figure.name,
        f"{number(figure.measured.median)} {figure.unit}",
        figure.baseline_name,
        f"{number(figure.baseline.median)} {figure.unit}",
        _ratio(figure.ratio),
        _goal(figure.goal, figure.unit) if figure.goal else "",
        met,
    )


def _ratio(ratio: Spread) -> str:
    return f"{number(ratio.median)} ({number(ratio.smallest)}-{number(ratio.largest)})"


def _goal(goal: Goal, unit: str) -> str:
    bound = f"{goal.bound:g}" if goal.of == "ratio" else f"{goal.bound:g} {unit}"
    stretch = f", better {goal.stretch:g}" if goal.stretch is not None else ""
    return f"{'>=' if goal.sense == 'at least' else '<='} {bound}{stretch}"


def number(value: float) -> str:
    """Write a number with three figures that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)
