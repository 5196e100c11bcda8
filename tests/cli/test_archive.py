"""``portevoix archive`` as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from portevoix.ports import House
from tests.conftest import PEPPER
from tests.parts import ManualClock, portevoix
from tests.store.past import Past, live_through
from tests.store.test_archive import counts

#: All that was over is long ago by the machine's clock: every message but the one that waits.
MESSAGES = 5


@pytest.fixture
async def past(house: House, clock: ManualClock, url: str) -> Past:
    return await live_through(house, clock, url)


class Operator:
    """Runs the command on the test's database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._environment: Mapping[str, str] = {"PORTEVOIX_DATABASE_URL": url, "PORTEVOIX_KEY_PEPPER": PEPPER}

    def archive(self, *arguments: str, status: int = 0) -> str:
        ended = portevoix("archive", *arguments, data=self._folder, environment=self._environment)
        assert ended.returncode == status, ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.stdout if status == 0 else ended.stderr


@pytest.fixture
def operator(tmp_path: Path, url: str, past: Past) -> Operator:
    return Operator(tmp_path, url)


def test_months_are_shown_moved_written_and_erased(operator: Operator, url: str, tmp_path: Path) -> None:
    before = counts(url)
    folder = tmp_path / "archive"
    shown = operator.archive("--dry-run", "--erase-calls-before", "2026-03")
    assert [line.split() for line in shown.splitlines()] == [
        ["would", "move", "messages", "calls"],
        ["2026-01", "3", "60"],
        ["2026-02", "1", "5"],
        ["2026-05", "1", "8"],
        ["would", "erase", "the", "calls", "of", "2026-01"],
        ["would", "erase", "the", "calls", "of", "2026-02"],
    ]
    assert counts(url) == before

    moved = json.loads(operator.archive("--json", "--export", str(folder)))
    assert sum(month["messages"] for month in moved["moved"].values()) == MESSAGES
    assert moved["left"] == 0
    assert [one["month"] for one in moved["exported"]] == ["2026-01", "2026-02", "2026-05"]
    assert moved["exported"][0]["rows"]["call"] == 60

    again = operator.archive("--export", str(folder), "--erase-calls-before", "2026-03")
    lines = again.splitlines()
    assert lines[0] == "nothing to archive"
    assert [line.partition(":")[0] for line in lines[1:4]] == ["was exported before"] * 3
    assert lines[4:] == [
        "erased the calls of 2026-01",
        "erased the calls of 2026-02",
        "took people's numbers out of 55 events",
    ]
    assert counts(url)["call"][1] == 8
    assert operator.archive("--erase-calls-before", "2026-03", "--yes").splitlines() == [
        "nothing to archive",
        "no calls to erase",
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--keep-months", "0"), "is not in the range 1<=x<=1200"),
        (("--erase-calls-before", "2026-13"), "not a month: '2026-13' (write 2026-05)"),
        (("--erase-calls-before", "2999-01", "--yes"), "are kept: --erase-calls-before is at most"),
        (("--erase-calls-before", "2026-03"), "nobody can be asked: --erase-calls-before needs --yes, or --export"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_moved(
    operator: Operator, url: str, arguments: tuple[str, ...], told: str
) -> None:
    before = counts(url)
    assert told in " ".join(operator.archive(*arguments, status=2).split())
    assert counts(url) == before


def test_a_folder_that_cannot_be_written_is_told(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "Error: " in operator.archive("--export", str(tmp_path / "file" / "archive"), status=1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
