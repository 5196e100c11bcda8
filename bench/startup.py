"""How long a cold start takes, of the server and of the command line, beside a bare Python."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.server import SCRIPT, Node


def measure(run: Run) -> list[Figure]:
    """Measure starts of new processes: the server on an existing data folder, PostgreSQL included, and ``--help``."""
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder:
        node = Node.prepare(Path(folder))
        arms = {
            "bare": lambda: _run_s([sys.executable, "-c", "pass"]),
            "help": lambda: _run_s([SCRIPT, "--help"]),
            "serve": lambda: _serve_s(node),
        }
        taken = interleave(run, "startup", arms)
    bare = ("python -c pass", taken["bare"])
    return [
        beside("startup", "portevoix serve to /healthz", "s", taken["serve"], bare, Goal("measured", "at most", 3)),
        beside("startup", "portevoix --help", "s", taken["help"], bare, Goal("measured", "at most", 0.25)),
    ]


def _run_s(command: list[str | Path]) -> float:
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


def _serve_s(node: Node) -> float:
    server = node.portevoix()
    taken_s = server.start()
    server.stop()
    return taken_s
