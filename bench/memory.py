"""What a node takes when it is idle: its processes' memory and the disk, beside what is bare of each kind."""

from __future__ import annotations

import sys
import tempfile
import time
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.processes import family, folder_mb, memory, need_linux, postmaster
from bench.server import Node, Server
from portevoix.store import embedded

SETTLE_S = 1.0
POSTGRES = "embedded PostgreSQL, its processes, PSS"

#: What each figure is set beside.
BARE_ASGI, BARE_CLUSTER = "bare ASGI hello", "a cluster without a schema"

#: What a server's process takes, by the name of the figure.
Taken = dict[str, float]


def measure(run: Run) -> list[Figure]:
    """Measure each server alone, just after its start."""
    need_linux()
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder:
        node = Node.prepare(Path(folder))
        arms: dict[str, Callable[[], Taken]] = {
            "portevoix": lambda: _idle(node.portevoix(), node.data),
            "hello": lambda: _idle(node.hello(), None),
            "cluster": _bare_cluster,
        }
        taken = interleave(run, "memory", arms)
    ours, hello, bare = taken["portevoix"], taken["hello"], taken["cluster"]
    memory_goals = {"idle server, PSS": Goal("measured", "at most", 120)}

    def figure(name: str, beside_name: str, others: list[Taken]) -> Figure:
        measured, baseline = ([one[name] for one in arm] for arm in (ours, others))
        return beside("memory", name, "MB", measured, (beside_name, baseline), memory_goals.get(name))

    servers = [figure(name, BARE_ASGI, hello) for name in hello[0]]
    clusters = [figure(name, BARE_CLUSTER, bare) for name in bare[0]]
    return [*servers, *clusters, _environment(run)]


def _idle(server: Server, data: Path | None) -> Taken:
    """Measure a server once it has settled, and its cluster where it has one."""
    with server:
        time.sleep(SETTLE_S)
        assert server.process is not None, "it was started"
        first, *others = family(server.process.pid)
        whole = memory([first, *others])
        taken = {
            "idle server, PSS": whole.pss_mb,
            "idle server, RSS added up": whole.rss_mb,
            "supervisor, RSS": memory([first]).rss_mb,
            "worker with what it has started, RSS": memory(others).rss_mb,
        }
        if data is not None:
            taken |= _cluster(data)
        return taken


def _bare_cluster() -> Taken:
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder, embedded.running(Path(folder)):
        time.sleep(SETTLE_S)
        return _cluster(Path(folder))


def _cluster(data: Path) -> Taken:
    return {POSTGRES: memory(family(postmaster(data))).pss_mb, "data folder, new": folder_mb(data)}


def _environment(run: Run) -> Figure:
    """Measure the virtual environment that we run in, with all that the development needs."""
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder:
        venv.create(folder, with_pip=True, symlinks=True)
        arms = {"ours": partial(folder_mb, Path(sys.prefix)), "bare": partial(folder_mb, Path(folder))}
        taken = interleave(run, "memory, .venv", arms)
    return beside("memory", ".venv of the development", "MB", taken["ours"], ("a new one, with pip", taken["bare"]))
