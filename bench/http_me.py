"""GET /v1/me under load, beside a bare ASGI application on the same granian."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import hello
from bench.figure import Figure, Goal, Run, Skipped, beside, interleave
from bench.server import Node, Server
from portevoix.cli import serve
from portevoix.settings import Settings

CONNECTIONS = 64
LOAD_S = 4
WARM_UP_S = 2

#: How the two servers may differ: in what is served, and how long it may take to stop.
OF_NO_WEIGHT = {"target", "factory", "workers_kill_timeout"}

_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_P99 = re.compile(r"^\s+99%\s+([0-9.]+)(us|ms|s)$", re.MULTILINE)
_PER_SECOND = re.compile(r"^Requests/sec:\s+([0-9.]+)$", re.MULTILINE)
_REQUESTS = re.compile(r"^\s+([0-9]+) requests in", re.MULTILINE)


class Load(NamedTuple):
    """What a server did under load."""

    requests: int
    per_second: float
    p99_ms: float


def measure(run: Run) -> list[Figure]:
    """Measure throughput and latency at 64 connections that are kept open, one worker process each."""
    if shutil.which("wrk") is None:
        raise Skipped("wrk is not installed: on Debian 'apt install wrk', on macOS 'brew install wrk'")
    must_be_set_up_alike()
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder:
        node = Node.prepare(Path(folder))
        with node.portevoix() as ours, node.hello() as bare:
            taken = _loads(run, ours, f"/v1/me/{node.key}", bare)
        _must_be_logged(ours.log_path, sum(load.requests for load in taken["me"]))
    bare_name = f"bare ASGI hello, {CONNECTIONS} connections"
    return [
        beside(
            "http",
            "GET /v1/me, one worker",
            "requests/s",
            [load.per_second for load in taken["me"]],
            (bare_name, [load.per_second for load in taken["hello"]]),
            Goal("ratio", "at least", 0.35, stretch=0.45),
        ),
        beside(
            "http",
            "GET /v1/me, p99 latency",
            "ms",
            [load.p99_ms for load in taken["me"]],
            (bare_name, [load.p99_ms for load in taken["hello"]]),
            Goal("measured", "at most", 20),
        ),
    ]


def _loads(run: Run, ours: Server, path: str, bare: Server) -> dict[str, list[Load]]:
    urls = {"me": ours.url + path, "hello": bare.url + "/"}
    for url in urls.values():
        _load(url, WARM_UP_S)
    return interleave(run, "http", {name: partial(_load, url, LOAD_S) for name, url in urls.items()})


def _load(url: str, seconds: int) -> Load:
    """Load a server; every answer must be a success."""
    command = f"wrk --threads 1 --connections {CONNECTIONS} --duration {seconds}s --latency {url}"
    said = subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout
    requests, per_second, p99 = _REQUESTS.search(said), _PER_SECOND.search(said), _P99.search(said)
    if requests is None or per_second is None or p99 is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"the load did not go well:\n{said}")
    return Load(int(requests[1]), float(per_second[1]), float(p99[1]) * _MS[p99[2]])


def _must_be_logged(log_path: Path, requests: int) -> None:
    """Make sure that what was measured had its access log on."""
    with log_path.open(encoding="utf-8") as log:
        logged = sum("/v1/me/{apiKey}" in line for line in log)
    if logged < requests:
        raise RuntimeError(f"{requests} requests were answered, {logged} are in the access log")


def must_be_set_up_alike() -> None:
    """Make sure that the bare server has the settings that Portevoix gives granian."""
    ours = _plain(vars(serve._server(Settings.read({}))))  # noqa: SLF001 - it has no other user to be public for
    theirs = _plain(vars(hello.server(int(str(ours["bind_port"])))))
    different = {name for name in ours if ours[name] != theirs.get(name)} - OF_NO_WEIGHT
    if different:
        raise RuntimeError(f"hello.py and cli/serve.py set up granian differently: {', '.join(sorted(different))}")


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if isinstance(value, int | float | str | None)}
