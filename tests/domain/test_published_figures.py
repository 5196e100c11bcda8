"""The README's figures and the curves are what ``python -m bench`` printed, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from bench import curves, http_me, publish
from bench.figure import Figure, Goal, Point, beside
from bench.machine import Machine
from bench.parts import PARTS
from bench.report import Report

ROOT = Path(__file__).parent.parent.parent
MACHINE = Machine("Linux x86_64", "a processor", 2, 4096, "CPython 3.11", "18.4", {})


def figure(part: str, name: str, measured: float, point: Point | None = None) -> Figure:
    return beside(part, name, "ms", [measured] * 5, ("10,000 calls", [2.0] * 5), Goal("ratio", "at most", 2), point)


def result(*figures: Figure, machine: Machine = MACHINE) -> Report:
    return Report(datetime(2026, 1, 2, tzinfo=UTC), machine, 5, list(figures), {})


def test_the_readme_has_what_was_published_and_nothing_else() -> None:
    readme = publish.README.read_text(encoding="utf-8")
    assert readme.count(publish.BEGIN) == readme.count(publish.END) == 1
    assert publish.in_readme(readme, publish.read()) == readme


def test_the_curves_are_what_was_published() -> None:
    drawn = publish.charts(publish.read())
    assert drawn == {path.name: path.read_text(encoding="utf-8") for path in publish.CHART_FOLDER.glob("growth-*.svg")}


def test_each_part_is_described_and_what_the_readme_shows_is_a_part() -> None:
    described = (ROOT / "docs" / "reference" / "benchmarks.md").read_text(encoding="utf-8")
    headings = {name for line in described.splitlines() if line.startswith("## ") for name in line[3:].split(", ")}
    assert set(PARTS) <= headings
    assert set(publish.SHOWN) <= set(PARTS)


def test_a_new_result_takes_the_place_of_older_ones_of_the_same_part() -> None:
    older = result(figure("http", "GET /v1/me, one worker", 1), figure("memory", "idle server, PSS", 3))
    newer = result(figure("http", "GET /v1/me, one worker", 4))
    told = publish.section(publish.merged([older], [newer]))
    assert "| GET /v1/me, one worker | 4 ms | 10,000 calls | 2 ms | 2 (2-2) | <= 2 | yes |" in told
    assert "| idle server, PSS | 3 ms |" in told
    assert "1 ms" not in told


def test_results_of_two_machines_are_not_put_together() -> None:
    other = msgspec.structs.replace(MACHINE, cpu="another processor")
    fresh = result(figure("http", "GET /v1/me", 4), machine=other)
    assert publish.merged([result(figure("http", "GET /v1/me", 1))], [fresh]) == [fresh]
    with pytest.raises(publish.OtherMachine):
        publish.merged([result(figure("memory", "idle server, PSS", 1))], [fresh])


def test_of_a_curve_the_readme_shows_the_last_point() -> None:
    points = [figure("growth-calls", f"GET /v1/me, {x:,} calls", x, Point("GET /v1/me", x)) for x in (1_000, 100_000)]
    told = publish.section([result(*points)])
    assert "100,000 calls" in told
    assert "GET /v1/me, 1,000 calls" not in told


def test_a_curve_has_a_line_for_each_operation_and_a_point_for_each_size() -> None:
    sizes, lines = (1_000, 100_000, 1_000_000), ("GET /v1/me", "console: <home>")
    found = [
        figure("growth-calls", f"{line}, {x:,} calls", 2.0 * times, Point(line, x))
        for line in lines
        for times, x in enumerate(sizes, start=1)
    ]
    drawn = {chart.name: curves.draw(chart, found, "a machine & a day") for chart in curves.CHARTS}
    assert {name for name, picture in drawn.items() if picture} == {"growth-calls", "growth-console"}
    for name, line in zip(("growth-calls", "growth-console"), lines, strict=True):
        picture = ElementTree.fromstring(drawn[name] or "")
        texts = [text.text or "" for text in picture.iter("{http://www.w3.org/2000/svg}text")]
        assert any(text.startswith(line) for text in texts)
        assert {"1,000", "10,000", "100,000", "1,000,000", "a machine & a day"} <= set(texts)
        assert len(list(picture.iter("{http://www.w3.org/2000/svg}circle"))) == len(sizes) + 1  # the baseline's, too


def test_the_bare_server_that_requests_are_measured_beside_is_set_up_as_ours() -> None:
    http_me.must_be_set_up_alike()
