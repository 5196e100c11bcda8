"""Kept results become the README's section of figures and the pictures of docs/: they have no figure from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import table
from bench.curves import CHARTS, draw
from bench.figure import Figure
from bench.report import Report

ROOT = Path(__file__).parent.parent
PUBLISHED = Path(__file__).parent / "published.json"
README = ROOT / "README.md"
CHART_FOLDER = ROOT / "docs" / "explanation"
BEGIN, END = "<!-- what `python -m bench --publish` wrote begins -->", "<!-- and ends -->"

#: What the README shows: by part, the beginnings of figures' names; of a curve, its last point.
SHOWN: dict[str, tuple[str, ...]] = {
    "http": ("GET /v1/me",),
    "sends": ("POST /v1/tts/send",),
    "ledger": ("reserve, one hot account", "reserve, 1000 accounts"),
    "dialler": ("claim, dial, file, settle", "send's commit"),
    "webhooks": ("webhooks",),
    "startup": ("portevoix",),
    "memory": ("",),
    "growth-calls": ("GET /v1/me", "POST /v1/tts/send", "claim, dial", "console: home", "console: ledger"),
    "soak": ("",),
}


class OtherMachine(Exception):
    """Results of two machines cannot stand in one table."""


def read() -> list[Report]:
    """Read what is published; nothing at first."""
    return msgspec.json.decode(PUBLISHED.read_bytes(), type=list[Report]) if PUBLISHED.exists() else []


def merged(published: Sequence[Report], fresh: Sequence[Report]) -> list[Report]:
    """Let new results take the place of what older ones say of the same parts.

    Raises:
        OtherMachine: what stays was measured on another machine.
    """
    kept = list(published)
    for report in fresh:
        parts = {one.part for one in report.figures}
        kept = [_without(one, parts) for one in kept] + [report]
    kept = [one for one in kept if one.figures]
    if len({one.machine.hardware for one in kept}) > 1:
        raise OtherMachine("these results are of several machines; measure all published parts on one")
    return kept


def publish(fresh: Sequence[Report]) -> list[Path]:
    """Write all that is made of results; returns the files. Raises OtherMachine."""
    reports = merged(read(), fresh)
    PUBLISHED.write_bytes(msgspec.json.format(msgspec.json.encode(reports), indent=1) + b"\n")
    README.write_text(in_readme(README.read_text(encoding="utf-8"), reports), encoding="utf-8")
    pictures = charts(reports)
    for name, drawn in pictures.items():
        (CHART_FOLDER / name).write_text(drawn, encoding="utf-8")
    return [PUBLISHED, README, *(CHART_FOLDER / name for name in pictures)]


def in_readme(readme: str, reports: Sequence[Report]) -> str:
    """Put the section into the README, between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{section(reports)}\n\n{END}{after}"


def section(reports: Sequence[Report]) -> str:
    """Write the README's table."""
    rows = [one for part, names in SHOWN.items() for one in _shown(reports, part, names)]
    days = sorted({f"{one.at:%Y-%m-%d}" for one in reports})
    said = f"{table.of_machine(reports[-1].machine)}; {', '.join(days)}; medians, the ratio's ends in parentheses."
    return f"{said}\n\n{table.as_markdown(rows)}"


def charts(reports: Sequence[Report]) -> dict[str, str]:
    """Draw the curves, by file."""
    drawn = {}
    for chart in CHARTS:
        for report in reports:
            told = f"{report.at:%Y-%m-%d}; medians of {report.pairs} pairs, and their ends"
            picture = draw(chart, report.figures, table.of_machine(report.machine), told)
            if picture is not None:
                drawn[f"{chart.name}.svg"] = picture
    return drawn


def _shown(reports: Sequence[Report], part: str, names: tuple[str, ...]) -> list[Figure]:
    found = [one for report in reports for one in report.figures if one.part == part and one.name.startswith(names)]
    last: dict[str, int] = {}
    for one in found:
        if one.point is not None:
            last[one.point.line] = max(one.point.x, last.get(one.point.line, 0))
    return [one for one in found if one.point is None or one.point.x == last[one.point.line]]


def _without(report: Report, parts: set[str]) -> Report:
    figures = [one for one in report.figures if one.part not in parts]
    skipped = {part: why for part, why in report.skipped.items() if part not in parts}
    return msgspec.structs.replace(report, figures=figures, skipped=skipped)
