"""The units are what systemd takes for sound, and they shut their services in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.parts import DEPLOY, needs, said

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))

#: systemd's own scale of how exposed a service is: 0 is not at all, 10 is one without any setting.
MOST_EXPOSED = 2.5


@needs("systemd-analyze", "systemd")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    """But for the program, which is not installed where this runs."""
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text(encoding="utf-8").replace("/opt/portevoix/bin/portevoix", "/bin/true"))
    assert said("systemd-analyze", "verify", "--man=no", copy) == ""


@needs("systemd-analyze", "systemd")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_exposes_little(unit: Path) -> None:
    text = said("systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSED * 10:.0f}", unit)
    assert "Overall exposure level" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_stops_its_process_first_and_leaves_it_the_time(unit: Path) -> None:
    """Told at once, the embedded PostgreSQL would be gone before the last call is settled."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    assert {"KillMode=mixed", "RestrictNamespaces=user net", "SystemCallFilter=@system-service"} <= set(lines)
    (timeout_s,) = (int(line.partition("=")[2]) for line in lines if line.startswith("TimeoutStopSec="))
    assert timeout_s > 60
