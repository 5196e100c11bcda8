"""Sends of 500 numbers through HTTP, beside their rows written by COPY."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import psycopg

from bench.copying import Connection, Copies, write
from bench.figure import Figure, Goal, Run, beside, interleave
from bench.phones import phones
from bench.postgres import cluster
from bench.server import SCRIPT, Node, Server

RECIPIENTS = 500
CLIENTS = 8
SENDS_ALONE = 30
SENDS_TOGETHER = 160
WARM_UP = 10
CREDIT_EUROS = 10**7
TEXT = "Bonjour, votre rendez-vous est confirmé. Merci de venir dix minutes en avance avec votre carte vitale."

#: The dialler is there, but as good as stands still.
STANDING_STILL = {
    f"PORTEVOIX_{name}": "1"
    for name in ("CALLS_AT_ONCE", "CALLS_PER_SECOND", "ACCOUNT_CALLS_AT_ONCE", "ACCOUNT_CALLS_PER_SECOND")
}

PATIENCE_S = 60

#: Something that is timed: one send, or its rows written.
Job = Callable[[], None]


def measure(run: Run) -> list[Figure]:
    """Measure one send after the other, and some clients' at once, of one account and of an account each."""
    with cluster() as (data, url):
        return _measure_on(run, data, url)


def _measure_on(run: Run, data: Path, url: str) -> list[Figure]:
    run.tell(f"sends: opening {CLIENTS} accounts")
    nodes = [Node.prepare(data, CREDIT_EUROS) for _ in range(CLIENTS)]
    with nodes[0].portevoix(STANDING_STILL) as server, clients([server] * CLIENTS) as callers, _writers(url) as writers:
        for client in callers:
            for _ in range(WARM_UP):
                client(nodes[0].key)
        copies = Copies(writers[0])
        own = [partial(client, node.key) for client, node in zip(callers, nodes, strict=True)]
        shared = [partial(client, nodes[0].key) for client in callers]
        each = SENDS_TOGETHER // CLIENTS
        arms = {
            "alone": lambda: _median_ms([own[0]] * SENDS_ALONE),
            "copied_alone": lambda: _median_ms(_copying(copies, writers[0], SENDS_ALONE)),
            "own": lambda: per_second([[one] * each for one in own]),
            "shared": lambda: per_second([[one] * each for one in shared]),
            "copied": lambda: per_second([_copying(copies, writer, each) for writer in writers]),
        }
        taken = interleave(run, "sends", arms)
    run.tell("sends: proving the ledger")
    subprocess.run([SCRIPT, "ledger", "check", "--data", data], check=True, stdout=subprocess.DEVNULL)
    return _figures(taken)


def _figures(taken: dict[str, list[float]]) -> list[Figure]:
    name = f"POST /v1/tts/send, {RECIPIENTS} numbers"
    together, stretch = (f"COPY of their rows, {CLIENTS} writers", taken["copied"]), Goal("measured", "at least", 150)
    return [
        beside(
            "sends",
            f"{name}, alone",
            "ms",
            taken["alone"],
            ("COPY of its rows", taken["copied_alone"]),
            Goal("measured", "at most", 60),
        ),
        beside("sends", f"{name}, {CLIENTS} accounts", "sends/s", taken["own"], together, stretch),
        beside("sends", f"{name}, one account", "sends/s", taken["shared"], together, stretch),
    ]


@contextmanager
def clients(servers: Sequence[Server]) -> Iterator[list[Callable[[str], None]]]:
    """Give a client for each server that is named, with a kept connection each; called with a key, one sends."""
    body = {"phoneNumbers": [number.with_zeros for number in phones(RECIPIENTS)], "text": TEXT}
    with ExitStack() as stack:
        lines = [HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S) for server in servers]
        for line in lines:
            stack.callback(line.close)
        yield [partial(_send, line, body) for line in lines]


def _send(line: HTTPConnection, body: dict[str, object], key: str) -> None:
    line.request("POST", "/v1/tts/send", json.dumps({"apiKey": key, **body}), {"Content-Type": "application/json"})
    answer = line.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"a send was refused: {answer.status} {said[:500].decode(errors='replace')}")


@contextmanager
def _writers(url: str) -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        yield [stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(CLIENTS)]


def _median_ms(jobs: list[Job]) -> float:
    """Do jobs one after the other; returns how long one takes."""
    return statistics.median(_took_s(job) for job in jobs) * 1_000


def _took_s(job: Job) -> float:
    began_s = time.perf_counter()
    job()
    return time.perf_counter() - began_s


def per_second(lanes: list[list[Job]]) -> float:
    """Do jobs in lanes beside each other, those of a lane one after the other; returns jobs a second."""
    with ThreadPoolExecutor(len(lanes)) as pool:
        began_s = time.perf_counter()
        for done in [pool.submit(_median_ms, lane) for lane in lanes]:
            done.result()
        return sum(map(len, lanes)) / (time.perf_counter() - began_s)


def _copying(copies: Copies, writer: Connection, count: int) -> list[Job]:
    """Make the rows of some sends ready to be written: that is not timed."""
    return [partial(write, writer, copies.make()) for _ in range(count)]
