"""docs/tutorial/test-without-spending.md runs as it is written, against the server that it starts, and prints what it
shows: the same lines and fields, but for names, moments and durations in milliseconds."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.parts import PATIENCE_S, free_port, new_folder, responds

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "test-without-spending.md"
START = "make demo\n"
MARK = "\n@@@ the next block @@@\n"

#: What differs from run to run.
VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"), "MOMENT"),
    (re.compile(r"\bmsg_[0-9a-f]{32}\b"), "MSG"),
    (re.compile(r"\bacct_[0-9a-z]{12}\b"), "ACCOUNT"),
    (re.compile(r'("duration_ms": ?)\d+'), r"\1N"),
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
)
CAMPAIGN = re.compile(r'"(?:campaignId|message)\\?": ?\\?"([0-9A-Za-z]{10})')


class Step(NamedTuple):
    """A block of commands, and what the page shows of what it prints."""

    commands: str
    shown: str | None


def steps() -> list[Step]:
    """Read the page: each block of commands with the output that follows it before the next."""
    found = re.findall(r"^```(sh|json|console)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    read: list[Step] = []
    for language, text in found:
        if language == "sh":
            read.append(Step(text, None))
        else:
            assert read[-1].shown is None, f"{read[-1].commands!r} has two outputs"
            read[-1] = Step(read[-1].commands, text)
    return read


def plain(output: str) -> list[str]:
    """Write an output so that two runs have the same."""
    for name in {*CAMPAIGN.findall(output), *re.findall(r"\b([0-9A-Za-z]{10})-\d+$", output, re.MULTILINE)}:
        output = output.replace(name, "CAMPAIGN")
    for pattern, word in VARYING:
        output = pattern.sub(word, output)
    return [" ".join(line.split()) for line in output.strip().splitlines()]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can get into."""
    with new_folder("tutorial") as folder:
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def port(place: Path) -> Iterator[int]:
    """What ``make demo`` starts; gives its port."""
    number = free_port()
    with (place / "log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "portevoix", "demo", "--port", str(number), "--data", str(place / "var")],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not responds(f"http://127.0.0.1:{number}/healthz"):
            log_text = (place / "log").read_text(encoding="utf-8")
            assert server.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.05)
        yield number
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def printed(port: int, place: Path) -> list[str]:
    """Run all blocks but the first in one shell; gives what each prints."""
    first, *rest = steps()
    assert first.commands == START
    script = "".join(f"{step.commands}printf '%s' '{MARK}'\n" for step in rest)
    for written, here in (
        ("127.0.0.1:8080", f"127.0.0.1:{port}"),
        ("9000", str(free_port())),
        ("/tmp/", f"{place}/"),
        ("var/demo.json", str(place / "var" / "demo.json")),
        (".venv/bin/portevoix", f"{sys.executable} -m portevoix"),
    ):
        assert written in script, f"the page has no {written} any more"
        script = script.replace(written, here)
    with (place / "out").open("wb") as out, (place / "err").open("wb") as err:
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\ntrap 'kill ${{RECEIVER:-}} 2>/dev/null || true' EXIT\n{script}"],
            cwd=ROOT,
            env={**os.environ, "PORTEVOIX_DATA": str(place / "var")},
            stdout=out,
            stderr=err,
            timeout=PATIENCE_S * 2,
            check=False,
        )
    assert done.returncode == 0, (place / "err").read_text(encoding="utf-8")[-2000:]
    outputs = (place / "out").read_text(encoding="utf-8").split(MARK)
    assert outputs.pop() == ""
    assert len(outputs) == len(rest)
    return outputs


@pytest.mark.parametrize("number", range(1, len(steps())))
def test_a_block_prints_what_the_page_shows(printed: list[str], number: int) -> None:
    step, output = steps()[number], printed[number - 1]
    assert plain(output) == plain(step.shown or ""), step.commands


def test_what_is_shown_as_json_is_json() -> None:
    for text in re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        try:
            json.loads(text)
        except ValueError:
            assert [json.loads(line) for line in text.splitlines()]
