"""Idempotency keys: whatever is posted under one is done once, and answered alike, however often it is sent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from portevoix.api.v2.operation import Operation
from portevoix.api.v2.routes import OPERATIONS
from portevoix.domain.account import KeyTerms, Scope
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.credit import check_ledger
from portevoix.service.keys import create_key
from tests.conftest import Serve
from tests.notify.receiver import Receiver
from tests.wire.modern import FAST, LATER, Client, problem
from tests.wire.sound import keep, tone, wav_file

POSTS = [operation for operation in OPERATIONS if operation.method == "POST"]

each_post = pytest.mark.parametrize("operation", POSTS, ids=lambda operation: operation.name)


@dataclass
class Asked:
    """A POST that succeeds, and another of the same operation.

    Args:
        path, body: of the first.
        other: a body, or the path of one without a body.
    """

    path: str
    body: Mapping[str, Any] | None
    other: Mapping[str, Any] | str


@dataclass
class Scene:
    """An account with something to do each POST on.

    Args:
        receiver: of its webhooks.
        paused, waiting: its messages that have not begun.
        webhooks: that were delivered.
    """

    door: Client
    house: House
    account_id: int
    token: str
    receiver: Receiver
    paused: list[str]
    waiting: list[str]
    webhooks: list[str]

    def asked(self, operation: Operation) -> Asked:
        """Tell what to ask for; a new operation has to be added here."""
        order = {"to": ["0639980000"], "audio": self.token, "at": LATER}
        voice = base64.b64encode(wav_file(tone())).decode()
        path = operation.path.removeprefix("/v2/")
        paths = {
            "pause_message": (path, "message", self.waiting),
            "resume_message": (path, "message", self.paused),
            "cancel_message": (path, "message", self.waiting),
            "replay_webhook": (path, "webhook", self.webhooks),
        }
        if operation.name in paths:
            template, name, (one, another) = paths[operation.name]
            first, other = (template.replace(f"{{{name}}}", each) for each in (one, another))
            return Asked(first, None, other)
        return {
            "quote": Asked(path, order, order | {"to": ["0639980001"]}),
            "send_message": Asked(path, order, order | {"to": ["0639980001"]}),
            "upload_audio": Asked(path, {"name": "un", "content": voice} | {"name": "une voix"}, {"name": "autre"}),
            "speech": Asked(path, {"text": "Bonjour."}, {"text": "Bonsoir."}),
            "advance_sandbox": Asked(path, {"seconds": 60}, {"seconds": 61}),
            "reset_sandbox": Asked(path, None, "webhook-secret/rotate"),
            "rotate_webhook_secret": Asked(path, None, "sandbox/reset"),
        }[operation.name]

    async def post(self, asked: Asked, key: str = "k", *, other: bool = False) -> httpx2.Response:
        """Post it, or the other, under a key."""
        if not other:
            return await self.door.post(asked.path, asked.body, key=key)
        if isinstance(asked.other, str):
            return await self.door.post(asked.other, key=key)
        body = dict(asked.body or {}) | dict(asked.other)
        return await self.door.post(asked.path, body, key=key)

    async def seen(self) -> dict[str, Any]:
        """Read all that a POST can change."""
        paths = ("messages", "audio", "credit", "ledger", "sandbox/inbox", "webhook-secret")
        seen = {path: await self.door.get(path) for path in paths}
        now = await self.door.done("quotes", {"to": ["0639980000"], "audio": self.token})
        generation, _ = await self.house.notices.secret_generation(self.account_id)
        return seen | {"now": now["begins_at"], "generation": generation}


@pytest.fixture
async def scene(account: OpenedAccount, token: str, serve: Serve, house: House) -> AsyncIterator[Scene]:
    async with Receiver() as receiver, serve(**FAST, webhooks_allow="127.0.0.0/8") as http:
        door = Client(http, account.test_key)
        order = {"to": ["0639980000"], "audio": token, "at": LATER}
        waiting = [(await door.done("messages", order))["id"] for _ in range(4)]
        for message in waiting[2:]:
            await door.done(f"messages/{message}/pause")
        told = {"to": ["0639980001", "0639980002"], "audio": token, "notify_url": receiver.url("/hook")}
        await door.over((await door.done("messages", told))["id"])
        webhooks = [one["id"] for one in await door.until("webhooks", 2, state="delivered")]
        found = await house.accounts.find(AccountRef(account.account, Mode.SANDBOX))
        yield Scene(door, house, found.id, token, receiver, waiting[2:], waiting[:2], webhooks)


@each_post
async def test_a_repeat_gets_the_first_answer_and_changes_nothing(scene: Scene, operation: Operation) -> None:
    asked = scene.asked(operation)
    first = await scene.post(asked)
    assert first.status_code == operation.status, first.text
    assert "idempotent-replayed" not in first.headers
    before = await scene.seen()
    again = await scene.post(asked)
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers.get("content-type") == first.headers.get("content-type")
    problem(await scene.post(asked, other=True), 409, "idempotency_conflict")
    problem(await scene.door.post("quotes", {"to": []}, key="k"), 409, "idempotency_conflict")
    assert await scene.seen() == before
    assert await check_ledger(scene.house) == []


@each_post
async def test_twins_at_the_same_time_do_it_once(scene: Scene, operation: Operation) -> None:
    asked, before = scene.asked(operation), await scene.seen()
    answers = await asyncio.gather(*(scene.post(asked) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [operation.status] * 4, [a.text[:300] for a in answers]
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 3
    once = (await scene.post(asked)).content
    if operation.name != "advance_sandbox":  # whether all has happened may be told before it is known
        assert {answer.content for answer in answers} == {once}
    after = await scene.seen()
    assert _done(before, after) == {
        "send_message": {"messages": 1},
        "upload_audio": {"audio": 1},
        "advance_sandbox": {"seconds": 60},
        "rotate_webhook_secret": {"generation": 1},
    }.get(operation.name, {})
    assert await check_ledger(scene.house) == []


def _done(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """Count what was added."""
    minutes = [int(seen["now"][14:16]) * 60 + int(seen["now"][17:19]) for seen in (before, after)]
    added = {
        "messages": len(after["messages"]["items"]) - len(before["messages"]["items"]),
        "audio": len(after["audio"]["items"]) - len(before["audio"]["items"]),
        "generation": after["generation"] - before["generation"],
        "seconds": minutes[1] - minutes[0],
    }
    return {name: count for name, count in added.items() if count}


async def test_twins_of_a_replay_send_it_once(scene: Scene) -> None:
    before = len(scene.receiver.received)
    path = f"webhooks/{scene.webhooks[0]}/replay"
    await asyncio.gather(*(scene.door.post(path, key="k") for _ in range(4)))
    await scene.door.done(f"webhooks/{scene.webhooks[1]}/replay")
    await scene.receiver.wait_for(before + 2)
    states = [(await scene.door.get(f"webhooks/{one}"))["tries"] for one in scene.webhooks]
    assert [len(tries) for tries in states] == [2, 2]


@pytest.mark.parametrize("path", ["/v2/messages", "/v1/tts/send"])
async def test_of_twins_that_take_all_the_credit_the_slower_one_is_answered_alike(
    house: House, serve: Serve, path: str
) -> None:
    poor = await open_account(house, "Pauvre", sandbox_micros=6_000)
    token = (await keep(house, poor.account, "annonce", 44_000, mode=Mode.SANDBOX)).token
    orders: dict[str, dict[str, object]] = {
        "/v2/messages": {"to": ["0639980000"], "audio": token, "at": LATER},
        "/v1/tts/send": {"phoneNumbers": "0639980000", "tokenAudio": token, "scheduledDate": "2026-02-01 10:00:00"},
    }
    headers = {"authorization": f"Bearer {poor.test_key}", "idempotency-key": "k"}
    async with serve(**FAST) as http:
        answers = await asyncio.gather(*(http.post(path, json=orders[path], headers=headers) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {answers[0].status_code} <= {200, 201}
    assert len({answer.content for answer in answers}) == 1
    assert await check_ledger(house) == []


async def test_a_key_is_the_accounts_own(scene: Scene, stranger: OpenedAccount, house: House) -> None:
    theirs = Client(scene.door.http, stranger.test_key)
    token = (await keep(house, stranger.account, "annonce", 44_000, mode=Mode.SANDBOX)).token
    order = {"to": ["0639980000"], "audio": token, "at": LATER}
    first = await scene.door.done("messages", order | {"audio": scene.token}, key="k")
    second = await theirs.post("messages", order, key="k")
    assert (second.status_code, "idempotent-replayed" in second.headers) == (201, False)
    assert second.json()["id"] != first["id"]


async def test_a_repeat_needs_the_right_to_ask_as_well(scene: Scene, account: OpenedAccount, house: House) -> None:
    asked = scene.asked(next(operation for operation in POSTS if operation.name == "rotate_webhook_secret"))
    await scene.post(asked)
    terms = KeyTerms("narrow", frozenset({Scope.READ, Scope.SEND}))
    narrow = Client(scene.door.http, (await create_key(house, AccountRef(account.account, Mode.SANDBOX), terms)).secret)
    problem(await narrow.post(asked.path, key="k"), 403, "scope_refused")


async def test_a_refusal_is_not_kept(scene: Scene) -> None:
    order = {"to": ["0639980000"], "audio": scene.token, "at": LATER}
    problem(await scene.door.post("messages", order | {"to": ["112"]}, key="k"), 400, "destination_invalid", "errors")
    assert (await scene.door.post("messages", order, key="k")).status_code == 201


async def test_a_key_that_is_none_is_told_and_nothing_is_done(scene: Scene) -> None:
    order = json.dumps({"to": ["0639980000"], "audio": scene.token, "at": LATER})
    before = await scene.seen()
    for key in (b"k" * 256, b"a b", b"\xe9", b"", b"a\tb"):
        headers = {b"idempotency-key": key, b"authorization": f"Bearer {scene.door.key}".encode()}
        answer = await scene.door.http.post("/v2/messages", content=order, headers=headers)  # type: ignore[arg-type]
        problem(answer, 400, "invalid_value")
    assert await scene.seen() == before
    longest = await scene.door.http.post(
        "/v2/messages",
        content=order,
        headers={"idempotency-key": "~" * 255, "authorization": f"Bearer {scene.door.key}"},
    )
    assert longest.status_code == 201


async def test_what_is_only_read_knows_no_key(scene: Scene) -> None:
    before = await scene.door.ask("GET", "messages", headers={"idempotency-key": "k"})
    await scene.door.done("messages", {"to": ["0639980000"], "audio": scene.token, "at": LATER})
    after = await scene.door.ask("GET", "messages", headers={"idempotency-key": "k"})
    assert len(after.json()["items"]) == len(before.json()["items"]) + 1


async def test_a_file_and_its_order_are_what_makes_a_request_the_same(scene: Scene) -> None:
    order = {"audio": scene.token, "at": LATER}
    first = await scene.door.upload(b"0639980000\n", order, key="k")
    again = await scene.door.upload(b"0639980000\n", order, key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    for file, other in ((b"0639980000", order), (b"0639980000\n", order | {"lang": "en"})):
        problem(await scene.door.upload(file, other, key="k"), 409, "idempotency_conflict")
