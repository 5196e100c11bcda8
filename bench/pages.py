"""The console's pages on a database with many calls, beside a bare answer of as many bytes."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.phones import phones
from bench.server import LIMIT_OUT_OF_REACH, SCRIPT, Node, Server

CAMPAIGNS, RECIPIENTS = 100, 1_000
CREDIT_EUROS = 10**6
ASKED = 15
PATIENCE_S = 900
POLL_S = 1.0
EMAIL, PASSWORD = "bench@example.org", "only for this benchmark"

#: What a page may take on the server, and weigh.
MOST_MS, MOST_BYTES = 200, 100_000

#: As fast as a process can: phones that take no time, and no pace.
AT_ONCE = {
    "PORTEVOIX_SIMULATOR_SPEED": "max",
    "PORTEVOIX_LIMIT_V2": LIMIT_OUT_OF_REACH,
    **{f"PORTEVOIX_{name}": "5000" for name in ("CALLS_AT_ONCE", "ACCOUNT_CALLS_AT_ONCE")},
    **{f"PORTEVOIX_{name}": "100000" for name in ("CALLS_PER_SECOND", "ACCOUNT_CALLS_PER_SECOND")},
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pages are.

    Args:
        account: their account's, with the mode.
        campaign: one that is over.
    """

    account: str
    campaign: str

    def pages(self) -> dict[str, str]:
        """Name the pages, with their addresses."""
        own = f"/console/{self.account}"
        return {
            "home": own,
            "send": f"{own}/send",
            "messages": f"{own}/campaigns",
            "one message": f"{own}/campaigns/{self.campaign}",
            "one call": f"{own}/campaigns/{self.campaign}/calls/1",
            "recordings": f"{own}/recordings",
            "ledger": f"{own}/ledger",
            "phones": f"{own}/phones",
            "developers": f"{own}/developers",
            "accounts": "/console/operator",
        }


def measure(run: Run) -> list[Figure]:
    """Send many calls, let all of them end, then open each page again and again."""
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder:
        node = Node.prepare(Path(folder), CREDIT_EUROS)
        with node.portevoix(AT_ONCE) as server, node.hello() as hello, _line(server) as line, _line(hello) as bare_line:
            place = _fill(run, node, line)
            cookie = _sign_in(node, line)
            pages = place.pages()
            weights = {name: len(_open(line, path, cookie)) for name, path in pages.items()}
            arms = {name: partial(_median_ms, line, path, cookie) for name, path in pages.items()}
            taken = interleave(run, "console", {**arms, "bare": partial(_median_ms, bare_line, "/", "")})
    bare, goal = ("bare ASGI hello", taken["bare"]), Goal("measured", "at most", MOST_MS)
    calls = f"{CAMPAIGNS * RECIPIENTS:,} calls"
    figures = [beside("console", f"{name}, {calls}", "ms", taken[name], bare, goal) for name in pages]
    heaviest = max(weights, key=lambda name: weights[name])
    weight, most = [weights[heaviest] / 1_000] * run.pairs, [MOST_BYTES / 1_000] * run.pairs
    return [
        *figures,
        beside(
            "console",
            f"the heaviest page: {heaviest}",
            "kB",
            weight,
            ("what a page may", most),
            Goal("ratio", "at most", 1),
        ),
    ]


def _fill(run: Run, node: Node, line: HTTPConnection) -> Place:
    run.tell(f"console: sending {CAMPAIGNS} messages to {RECIPIENTS:,} phones each")
    to = [number.with_zeros for number in phones(RECIPIENTS)]
    headers = {"authorization": f"Bearer {node.key}", "content-type": "application/json"}

    def ask(method: str, path: str, body: object = None) -> dict[str, object]:
        line.request(method, path, None if body is None else json.dumps(body), headers)
        said: dict[str, object] = json.loads(_read(line.getresponse()))
        return said

    sent = [str(ask("POST", "/v2/messages", {"to": to, "text": f"Message {one}."})["id"]) for one in range(CAMPAIGNS)]
    deadline_s = time.monotonic() + PATIENCE_S
    while any(ask("GET", f"/v2/messages/{one}")["state"] != "finished" for one in sent):
        if time.monotonic() > deadline_s:
            raise RuntimeError("the calls do not come to their end")
        time.sleep(POLL_S)
    listed = subprocess.run([SCRIPT, "account", "list", "--json", "--data", node.data], check=True, capture_output=True)
    account = json.loads(listed.stdout)[0]["account"]
    return Place(f"{account}/sandbox", sent[-1])


def _sign_in(node: Node, line: HTTPConnection) -> str:
    """Come in as the operator; returns the session's cookie."""
    command = [SCRIPT, "operator", "create", EMAIL, "--json", "--data", node.data]
    link = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["link"]
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    line.request("POST", re.sub(r"^https?://[^/]+", "", link), urlencode({"password": PASSWORD}), headers)
    answer = line.getresponse()
    answer.read()
    return (answer.getheader("set-cookie") or "").partition(";")[0]


def _median_ms(line: HTTPConnection, path: str, cookie: str) -> float:
    """Open a page some times; returns how long it takes."""
    taken_s = []
    for _ in range(ASKED):
        began_s = time.perf_counter()
        _open(line, path, cookie)
        taken_s.append(time.perf_counter() - began_s)
    return statistics.median(taken_s) * 1_000


def _open(line: HTTPConnection, path: str, cookie: str) -> bytes:
    line.request("GET", path, headers={"cookie": cookie, "accept-language": "fr"})
    return _read(line.getresponse())


def _read(answer: HTTPResponse) -> bytes:
    body = answer.read()
    if answer.status not in (200, 201):
        raise RuntimeError(f"refused: {answer.status} {body[:300]!r}")
    return body


@contextmanager
def _line(server: Server) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)) as line:
        yield line
