"""Alerts say what they are to say, and they and the dashboard stand on figures that a node has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from portevoix.domain.call import Outcome
from tests.conftest import Serve
from tests.deploy.parts import DEPLOY, needs, said

ALERTS = DEPLOY / "prometheus" / "alerts.yml"
TEXT = ALERTS.read_text(encoding="utf-8")
DASHBOARD = json.loads((DEPLOY / "grafana" / "portevoix.json").read_text(encoding="utf-8"))
PANELS = DASHBOARD["panels"]
ASKED = re.findall(r"expr: (.*\n(?: {10}.*\n)*)", TEXT) + [
    target["expr"] for panel in PANELS for target in panel["targets"]
]

#: What Prometheus knows by itself.
ITS_OWN = {"up"}


@needs("promtool", "prometheus")
def test_each_alert_is_raised_when_it_should_be_and_at_no_other_time() -> None:
    said("promtool", "check", "rules", ALERTS)
    said("promtool", "test", "rules", ALERTS.with_name("alerts_test.yml"))


def test_each_alert_is_tried() -> None:
    tried = ALERTS.with_name("alerts_test.yml").read_text(encoding="utf-8")
    alerts = re.findall(r"alert: (\w+)", TEXT)
    assert len(alerts) > 5
    assert [alert for alert in alerts if len(re.findall(rf"alertname: {alert}\b", tried)) != 2] == []


async def test_what_is_asked_of_prometheus_is_what_a_node_tells(serve: Serve) -> None:
    async with serve() as http:
        await http.get("/healthz")
        figures = (await http.get("/metrics")).text
    families = dict(re.findall(r"^# TYPE (\w+) (\w+)$", figures, re.MULTILINE))
    told = {name for family, kind in families.items() for name in names(family, kind)}
    asked = {name for one in ASKED for name in re.findall(r"\b(?:portevoix_\w+|up)\b", one)}
    assert asked - told == ITS_OWN
    assert {outcome for one in ASKED for outcome in outcomes(one)} <= set(Outcome)


def names(family: str, kind: str) -> set[str]:
    """Name the figures of a family, as Prometheus keeps them."""
    if kind == "histogram":
        return {f"{family}_bucket", f"{family}_sum", f"{family}_count"}
    return {family, f"{family.removesuffix('_total')}_total"} if kind == "counter" else {family}


def outcomes(expression: str) -> list[str]:
    """Name the outcomes that are asked for."""
    return [one for found in re.findall(r'outcome=~?"([^"]+)"', expression) for one in found.split("|")]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_says_what_it_shows_and_in_what_unit(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


def test_no_two_panels_share_a_place() -> None:
    places = [
        (panel["gridPos"]["x"] + dx, panel["gridPos"]["y"] + dy)
        for panel in PANELS
        for dx in range(panel["gridPos"]["w"])
        for dy in range(panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_the_alerts_are_where_the_guide_has_them() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "run-on-several-machines.md").read_text(encoding="utf-8")
    assert "deploy/prometheus/alerts.yml" in guide
    assert "deploy/grafana/portevoix.json" in guide
