"""The memory of an idle server, PostgreSQL aside, beside a bare ASGI application on the same granian."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.figure import Figure, Goal, Run, Skipped, beside, interleave
from bench.server import Node, Server

PROC = Path("/proc")
SETTLE_S = 1.0


class Memory(NamedTuple):
    """What a server's processes take together, in MB of a million bytes.

    Args:
        pss_mb: a page that several processes share counts once, in parts.
        rss_mb: it counts in each.
    """

    pss_mb: float
    rss_mb: float


def measure(run: Run) -> list[Figure]:
    """Measure each server alone, just after its start."""
    if not (PROC / "self" / "smaps_rollup").exists():
        raise Skipped("this system has no /proc/*/smaps_rollup: Linux alone tells what processes share")
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder:
        node = Node.prepare(Path(folder))
        arms = {"portevoix": lambda: _idle(node.portevoix()), "hello": lambda: _idle(node.hello())}
        taken = interleave(run, "memory", arms)
    ours, bare = taken["portevoix"], taken["hello"]
    name, goal = "bare ASGI hello", Goal("measured", "at most", 120)
    return [
        beside(
            "memory",
            "idle server, PSS",
            "MB",
            [memory.pss_mb for memory in ours],
            (name, [memory.pss_mb for memory in bare]),
            goal,
        ),
        beside(
            "memory",
            "idle server, RSS added up",
            "MB",
            [memory.rss_mb for memory in ours],
            (name, [memory.rss_mb for memory in bare]),
        ),
    ]


def _idle(server: Server) -> Memory:
    with server:
        time.sleep(SETTLE_S)
        assert server.process is not None, "it was started"
        return _added_up(_family(server.process.pid))


def _family(pid: int) -> list[int]:
    """Find a process and all that descend from it; an embedded PostgreSQL is no child of the server's."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                _, _, rest = (folder / "stat").read_text(encoding="utf-8").rpartition(") ")
            except OSError:  # it has ended
                continue
            children.setdefault(int(rest.split()[1]), []).append(int(folder.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def _added_up(pids: list[int]) -> Memory:
    sums_kb = {"Pss:": 0, "Rss:": 0}
    for pid in pids:
        for line in (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines():
            name, *rest = line.split()
            if name in sums_kb:
                sums_kb[name] += int(rest[0])
    return Memory(sums_kb["Pss:"] * 1.024 / 1000, sums_kb["Rss:"] * 1.024 / 1000)
