"""A day compressed: requests and calls through one node, and what memory each of its processes takes meanwhile."""

from __future__ import annotations

import itertools
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg

from bench.browsing import Browser
from bench.copying import Connection
from bench.figure import Figure, Goal, Run, beside
from bench.pages import AT_ONCE
from bench.phones import phones
from bench.processes import PROC, family, memory, need_linux, postmaster
from bench.receiver import receiving
from bench.senders import TEXT
from bench.server import Node, Server
from portevoix.store import embedded

REQUESTS_A_CALL = 5
RECIPIENTS = 500
ASKERS = 4
CREDIT_EUROS = 10**7

#: Each so many messages, the calls of one are told by webhook; so many calls more may wait than have ended.
TOLD_EVERY = 10
MOST_WAITING = 3_000

#: How often the memory is looked at, how much of the calls is warm-up, and how far a look may be from the median.
LOOKS = 100
WARM_UP = 0.2
MOST = 1.05

POSTGRES = "embedded PostgreSQL"

REST_S = 0.02
PATIENCE_S = 4 * 3_600
ENDED = b"SELECT coalesce(sum(total - open), 0) FROM campaign"

#: What takes how many MB, by its name.
Look = dict[str, float]


@dataclass(slots=True)
class _Day:
    """How far everything is.

    Args:
        calls: all that are to be made.
        fault: what stopped somebody.
    """

    calls: int
    asked: int = 0
    sent: int = 0
    ended: int = 0
    fault: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def done(self) -> int:
        """How many calls are over, and as many requests with them as there are to be."""
        return min(self.ended, self.asked // REQUESTS_A_CALL)

    @property
    def is_over(self) -> bool:
        """Whether all is done, or somebody failed."""
        return bool(self.fault) or self.done >= self.calls

    def may_send(self) -> bool:
        """Tell whether the calls are not ahead of the requests."""
        return self.sent < self.calls and self.sent - self.done < MOST_WAITING

    def may_ask(self) -> bool:
        """Tell whether the requests are not ahead of the calls; the last ones wait for nothing."""
        ahead = self.asked - REQUESTS_A_CALL * self.ended
        return self.asked < self.calls * REQUESTS_A_CALL and ahead < REQUESTS_A_CALL * MOST_WAITING


def measure(run: Run) -> list[Figure]:
    """Ask and call as much as a day has, and look at each process."""
    need_linux()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="portevoix-bench-"))
        node = Node.prepare(Path(folder), CREDIT_EUROS)
        hook = stack.enter_context(receiving())
        settings = {**AT_ONCE, "PORTEVOIX_WEBHOOKS_ALLOW": "127.0.0.0/8"}
        server = stack.enter_context(node.portevoix(settings))
        connection = stack.enter_context(psycopg.connect(embedded.url(node.data), autocommit=True))
        asker = stack.enter_context(Browser(server))
        asker.sign_in(node)
        account = json.loads(node.told("account", "list", "--json"))[0]["account"]
        day = _Day(run.soak_calls)
        with ThreadPoolExecutor(ASKERS + 1) as pool:
            works = [pool.submit(_send, day, node, server, hook)]
            works += [pool.submit(_ask, day, node.key, account, server, asker.cookie) for _ in range(ASKERS)]
            for work in works:
                work.add_done_callback(partial(_note_fault, day))
            looks = _watch(run, day, connection, partial(_look, server, node.data))
    if day.fault:
        raise day.fault[0]
    return _figures(looks)


def _watch(run: Run, day: _Day, connection: Connection, look: Callable[[], Look]) -> list[Look]:
    """Look at the memory as the calls come to their end; returns what was found after the warm-up."""
    looks: list[Look] = []
    deadline_s, next_look = time.monotonic() + PATIENCE_S, WARM_UP
    while not day.is_over:
        ((day.ended,),) = connection.execute(ENDED).fetchall()
        if day.done >= day.calls * next_look:
            looks.append(look())
            next_look += (1 - WARM_UP) / LOOKS
            if len(looks) % 10 == 1:
                run.tell(f"soak: {day.ended:,} of {day.calls:,} calls, {day.asked:,} requests")
        if time.monotonic() > deadline_s:
            raise RuntimeError("the day does not come to its end")
        time.sleep(REST_S)
    return [*looks, look()]


def _send(day: _Day, node: Node, server: Server, hook: str) -> None:
    """Send messages, each of other words after a while, as long as there are calls to be made."""
    to = [number.with_zeros for number in phones(RECIPIENTS)]
    with Browser(server) as browser:
        for number in itertools.count():
            while not day.may_send():
                if day.is_over or day.sent >= day.calls:
                    return
                time.sleep(REST_S)
            recipients = to[: day.calls - day.sent]
            message: dict[str, object] = {"to": recipients, "text": f"{TEXT} {number // 20}"}
            if number % TOLD_EVERY == 0:
                message["notify_url"] = hook
            browser.ask(node.key, "POST", "/v2/messages", message)
            day.sent += len(recipients)


def _ask(day: _Day, key: str, account: str, server: Server, cookie: str) -> None:
    """Ask again and again, as customers and people do."""
    with Browser(server, cookie) as browser:
        api = partial(browser.ask, key, "GET")
        usual = [partial(api, f"/v1/me/{key}")] * 7
        others = [partial(api, path) for path in ("/v2/messages", "/v2/ledger?limit=20", "/v2/credit")]
        pages = [partial(browser.open, f"/console/{account}/sandbox{path}") for path in ("", "/campaigns")]
        for ask in itertools.cycle([*(usual + others) * 10, *pages]):
            while not day.may_ask():
                if day.is_over or day.asked >= day.calls * REQUESTS_A_CALL:
                    return
                time.sleep(REST_S)
            ask()
            with day.lock:
                day.asked += 1


def _note_fault(day: _Day, done: Future[None]) -> None:
    fault = done.exception()
    if fault is not None:
        day.fault.append(fault)


def _look(server: Server, data: Path) -> Look:
    """Look at what each process has for itself: the rest hangs on who else uses the same libraries."""
    assert server.process is not None, "it was started"
    supervisor = server.process.pid
    names: dict[str, list[int]] = {}
    for pid in family(supervisor):
        names.setdefault(_name(pid, supervisor), []).append(pid)
    names[POSTGRES] = family(postmaster(data))
    return {name: memory(pids).own_mb for name, pids in names.items()}


def _name(pid: int, supervisor: int) -> str:
    """Tell what a process of a server is: a worker is its supervisor's copy, a worker started what else there is."""
    if pid == supervisor:
        return "supervisor"
    try:
        is_copy = (PROC / str(pid) / "cmdline").read_bytes() == (PROC / str(supervisor) / "cmdline").read_bytes()
    except OSError:
        return "sandbox"
    return "worker" if is_copy else "sandbox"


def _figures(looks: Sequence[Look]) -> list[Figure]:
    figures = []
    goal, part = Goal("ratio", "at most", MOST), len(looks) // 4  # of what is not warm-up: a fifth of the whole
    for name in looks[-1]:
        taken = [look[name] for look in looks if name in look]
        middle = statistics.median(taken)
        furthest = max(taken, key=lambda one: abs(one / middle - 1))
        figures += [
            beside("soak", f"{name}, the largest look", "MB", [max(taken)], ("median of all looks", [middle]), goal),
            beside("soak", f"{name}, the look furthest off", "MB", [furthest], ("median of all looks", [middle])),
            beside("soak", f"{name}, last fifth", "MB", taken[-part:], ("second fifth", taken[:part]), goal),
        ]
    return figures
