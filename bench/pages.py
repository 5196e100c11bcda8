"""The console's pages on a database with many calls, beside a bare answer of as many bytes."""

from __future__ import annotations

import json
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.browsing import PATIENCE_S, Browser, Place
from bench.figure import Figure, Goal, Run, beside, interleave
from bench.phones import phones
from bench.server import Node

CAMPAIGNS, RECIPIENTS = 100, 1_000
CREDIT_EUROS = 10**6
ASKED = 15
POLL_S = 1.0

#: What a page may take on the server, and weigh.
MOST_MS, MOST_BYTES = 200, 100_000

#: As fast as a process can: phones that take no time, and no pace.
AT_ONCE = {
    "PORTEVOIX_SIMULATOR_SPEED": "max",
    **{f"PORTEVOIX_{name}": "5000" for name in ("CALLS_AT_ONCE", "ACCOUNT_CALLS_AT_ONCE")},
    **{f"PORTEVOIX_{name}": "100000" for name in ("CALLS_PER_SECOND", "ACCOUNT_CALLS_PER_SECOND")},
}


def measure(run: Run) -> list[Figure]:
    """Send many calls, let all of them end, then open each page again and again."""
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as folder:
        node = Node.prepare(Path(folder), CREDIT_EUROS)
        with (
            node.portevoix(AT_ONCE) as server,
            node.hello() as hello,
            Browser(server) as browser,
            Browser(hello) as bare,
        ):
            place = _fill(run, node, browser)
            browser.sign_in(node)
            pages = place.pages()
            weights = {name: len(browser.open(path)) for name, path in pages.items()}
            arms = {name: partial(browser.median_ms, path, ASKED) for name, path in pages.items()}
            taken = interleave(run, "console", {**arms, "bare": partial(bare.median_ms, "/", ASKED)})
    hello_name, goal = ("bare ASGI hello", taken["bare"]), Goal("measured", "at most", MOST_MS)
    calls = f"{CAMPAIGNS * RECIPIENTS:,} calls"
    figures = [beside("console", f"{name}, {calls}", "ms", taken[name], hello_name, goal) for name in pages]
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


def _fill(run: Run, node: Node, browser: Browser) -> Place:
    run.tell(f"console: sending {CAMPAIGNS} messages to {RECIPIENTS:,} phones each")
    to = [number.with_zeros for number in phones(RECIPIENTS)]

    def ask(method: str, path: str, body: object = None) -> dict[str, object]:
        said: dict[str, object] = json.loads(browser.ask(node.key, method, path, body))
        return said

    sent = [str(ask("POST", "/v2/messages", {"to": to, "text": f"Message {one}."})["id"]) for one in range(CAMPAIGNS)]
    deadline_s = time.monotonic() + PATIENCE_S
    while any(ask("GET", f"/v2/messages/{one}")["state"] != "finished" for one in sent):
        if time.monotonic() > deadline_s:
            raise RuntimeError("the calls do not come to their end")
        time.sleep(POLL_S)
    account = json.loads(node.told("account", "list", "--json"))[0]["account"]
    return Place(f"{account}/sandbox", sent[-1])
