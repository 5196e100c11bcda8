"""What the tests of the modern door ask with, and read answers with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.parts import PATIENCE_S
from tests.wire.sound import bearer

#: A server whose simulated phones wait for nothing. Its clock stands still, and with it what was used up of a pace.
FAST = {
    "simulator_speed": "max",
    "limit_v2": "off",
    "limit_wrong_key": "off",
    "calls_per_second": 1_000_000,
    "account_calls_per_second": 1_000_000,
}

#: Phones that live by the clock, which stands still until it is moved.
SLOW = FAST | {"simulator_speed": 1}

#: Long after the clock of the tests.
LATER = "2026-02-01T10:00:00Z"


def problem(answer: httpx2.Response, status: int, code: str, *others: str) -> dict[str, Any]:
    """Check that an answer is a problem (RFC 9457); returns it.

    Args:
        others: fields that it has beyond those of every problem.
    """
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told.get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(told) == ["type", "title", "status", "detail", "code", *others]
    assert (told["type"], told["status"]) == (f"urn:portevoix:problem:{code}", status)
    assert told["title"] and told["detail"]
    return told


@dataclass
class Client:
    """Asks the modern door with one key."""

    http: httpx2.AsyncClient
    key: str

    async def ask(self, method: str, path: str, **what: Any) -> httpx2.Response:
        """Ask for anything."""
        headers = bearer(self.key) | what.pop("headers", {})
        return await self.http.request(method, f"/v2/{path}", headers=headers, **what)

    async def get(self, path: str, **query: Any) -> Any:
        """Read what is there."""
        answer = await self.ask("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, *, key: str = "", **what: Any) -> httpx2.Response:
        """Post JSON, under an idempotency key where there is one."""
        if body is not None:
            what["json"] = body
        return await self.ask("POST", path, headers={"idempotency-key": key} if key else {}, **what)

    async def done(self, path: str, body: object = None, **what: Any) -> Any:
        """Post what is to succeed; returns what it is answered with."""
        answer = await self.post(path, body, **what)
        assert answer.status_code in (200, 201, 204), answer.text
        return answer.json() if answer.content else None

    async def upload(self, file: bytes, order: Mapping[str, Any], path: str = "messages", **what: Any) -> Any:
        """Post an order whose recipients are in a file."""
        form = {"file": ("recipients.csv", file, "text/csv")}
        return await self.post(path, data={"order": json.dumps(order)}, files=form, **what)

    async def walk(self, path: str, limit: int, **query: Any) -> list[list[Any]]:
        """Read all pages of a list."""
        pages, after = [], ""
        while True:
            page = await self.get(path, limit=limit, after=after, **query)
            pages.append(page["items"])
            if (following := page["next"]) is None:
                return pages
            assert following != after
            after = following

    async def until(self, path: str, count: int = 1, **query: Any) -> list[Any]:
        """Wait until a list has so many items, where no event tells of it; returns them."""
        async with asyncio.timeout(PATIENCE_S):
            while len(items := (await self.get(path, **query))["items"]) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return list(items)

    async def tried(self) -> Any:
        """Wait until the newest webhook was tried; returns it."""
        async with asyncio.timeout(PATIENCE_S):
            while not (newest := (await self.until("webhooks"))[0])["tries"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return newest

    async def balance(self) -> tuple[int, int]:
        """Credit that is available, and held."""
        credit = await self.get("credit")
        return credit["available_micros"], credit["held_micros"]

    async def over(self, *messages: str) -> None:
        """Wait until messages are over."""
        waiting = set(messages)
        async with self.events("after=0") as events:
            while waiting:
                event = await events.event()
                if event["type"] == "message.finished":
                    waiting.discard(event["data"]["message"])

    def events(self, query: str = "", **headers: str) -> Any:
        """Follow the account's events."""
        return following(self.http, self.key, query, **headers)


@dataclass
class Events:
    """A stream of server-sent events (HTML, section 9.2), as it comes.

    Args:
        status, headers: of the answer.
    """

    status: int
    headers: Mapping[str, str]
    _pieces: asyncio.Queue[bytes | None]
    _rest: bytes = b""
    _blocks: list[bytes] = field(default_factory=list)

    async def block(self) -> dict[str, str] | None:
        """Wait for the next event or comment, by its fields (a comment's has no name); ``None`` at the end."""
        while not self._blocks:
            async with asyncio.timeout(PATIENCE_S):
                piece = await self._pieces.get()
            if piece is None:
                return None
            *whole, self._rest = (self._rest + piece).split(b"\n\n")
            self._blocks += whole
        lines = self._blocks.pop(0).decode().split("\n")
        return {name: value.removeprefix(" ") for name, _, value in (line.partition(":") for line in lines)}

    async def event(self) -> dict[str, Any]:
        """Wait for the next event; returns its data, the stream's own fields checked."""
        while (block := await self.block()) is not None:
            if "data" in block:
                told: dict[str, Any] = json.loads(block["data"])
                assert list(block) == ["id", "event", "data"]
                assert (block["id"], block["event"]) == (told["id"], told["type"])
                return told
        raise AssertionError("the stream has ended")

    async def text(self) -> str:
        """Read what there is to the end, where that is near."""
        text = self._rest
        while (piece := await self._pieces.get()) is not None:
            text += piece
        return text.decode()


@asynccontextmanager
async def following(
    http: httpx2.AsyncClient, key: str, query: str = "", path: str = "/v2/events", **headers: str
) -> AsyncIterator[Events]:
    """Ask an application in this process for its events: the client of the others waits for an answer's end."""
    sent = {"host": "portevoix.test", **(bearer(key) if key else {}), **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("portevoix.test", 80),
    }
    leaving = asyncio.Event()
    begun: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        if (request := next(requests, None)) is not None:
            return request
        await leaving.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            begun.set_result(message)
        else:
            pieces.put_nowait(message.get("body", b""))
            if not message.get("more_body", False):
                pieces.put_nowait(None)

    task = asyncio.create_task(http._transport.app(scope, receive, send))  # type: ignore[attr-defined]
    try:
        async with asyncio.timeout(PATIENCE_S):
            start = await begun
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        yield Events(start["status"], told, pieces)
    finally:
        leaving.set()
        async with asyncio.timeout(PATIENCE_S):
            await task
