"""A client that stays connected: it asks the API with a key, and opens the console's pages as the operator."""

from __future__ import annotations

import json
import re
import statistics
import time
from dataclasses import dataclass
from http.client import HTTPConnection, RemoteDisconnected
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from bench.server import Node, Server

PASSWORD = "only for this benchmark"
PATIENCE_S = 900


@dataclass(frozen=True, slots=True)
class Place:
    """Where the console's pages are.

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
            "system": "/console/operator/system",
        }


class Browser:
    """A connection to a server that stays open, as a context manager.

    Args:
        server: it has started.
        cookie: of somebody who has signed in.
    """

    def __init__(self, server: Server, cookie: str = "") -> None:
        self._line = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        self.cookie = cookie

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()

    def sign_in(self, node: Node) -> None:
        """Come in as an operator, each time as another one."""
        email = f"bench-{time.time_ns()}@example.org"
        link = json.loads(node.told("operator", "create", email, "--json"))["link"]
        headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        self._line.request("POST", re.sub(r"^https?://[^/]+", "", link), urlencode({"password": PASSWORD}), headers)
        answer = self._line.getresponse()
        answer.read()
        self.cookie = (answer.getheader("set-cookie") or "").partition(";")[0]

    def open(self, path: str) -> bytes:
        """Open a page; returns what is answered."""
        return self._ask("GET", path, None, {"cookie": self.cookie, "accept-language": "fr"})

    def ask(self, key: str, method: str, path: str, body: object = None) -> bytes:
        """Ask the API with a key; returns what is answered."""
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        return self._ask(method, path, None if body is None else json.dumps(body), headers)

    def median_ms(self, path: str, times: int, key: str | None = None) -> float:
        """Open a page, or ask the API with a key, some times; returns how long it takes."""
        taken_s = []
        for _ in range(times):
            began_s = time.perf_counter()
            self.open(path) if key is None else self.ask(key, "GET", path)
            taken_s.append(time.perf_counter() - began_s)
        return statistics.median(taken_s) * 1_000

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> bytes:
        try:
            self._line.request(method, path, body, headers)
            answer = self._line.getresponse()
        except RemoteDisconnected:  # it was idle for too long
            if method != "GET":
                raise
            self._line.request(method, path, body, headers)
            answer = self._line.getresponse()
        said = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"refused: {answer.status} {said[:300]!r}")
        return said
