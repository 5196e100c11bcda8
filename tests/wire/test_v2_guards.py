"""Whose things are seen: every route that there is, asked by strangers and for what cannot be."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from portevoix.api.v2.describe import EVERYWHERE
from portevoix.api.v2.operation import Operation
from portevoix.api.v2.problems import row_of
from portevoix.api.v2.routes import OPERATIONS
from portevoix.domain import errors
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.credit import check_ledger
from portevoix.web.body import BodyTooLarge, BodyTooSlow
from tests.conftest import Serve
from tests.notify.receiver import Receiver
from tests.wire.modern import FAST, LATER, Client, problem
from tests.wire.sound import bearer

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "v2.md").read_text(encoding="utf-8")

#: What a route that names something answers where it is not the account's.
NOT_FOUND = {
    "message": "message_not_found",
    "call": "call_not_found",
    "token": "audio_not_found",
    "webhook": "webhook_not_found",
    "entry": "not_found",
}

#: No bodies but these have to be right for a request to come as far as the thing that it names.
BODIES = {"rename_audio": {"name": "taken over"}}

NAMING = [operation for operation in OPERATIONS if "{" in operation.path]
READING = [one for one in OPERATIONS if one.method == "GET" and "{" not in one.path and one.name != "events"]


@dataclass
class Owned:
    """An account with one of each thing that a route can name.

    Args:
        ids: by the name of the path's parameter.
    """

    http: httpx2.AsyncClient
    owner: Client
    twin: Client
    ids: dict[str, str]

    async def ask(self, operation: Operation, key: str, ids: dict[str, str]) -> httpx2.Response:
        """Ask for an operation on things."""
        path = re.sub(r"\{(\w+)\}", lambda match: quote(ids[match[1]], safe=""), operation.path)
        body = BODIES.get(operation.name)
        return await self.http.request(operation.method, path, headers=bearer(key), json=body)

    async def seen(self) -> dict[str, Any]:
        """Read all that there is of the owner's."""
        paths = ("messages", "audio", "credit", "ledger", "webhooks", "sandbox/inbox", "webhook-secret")
        paths += (f"messages/{self.ids['message']}/calls", f"calls/{self.ids['call']}")
        return {path: await self.owner.get(path) for path in paths}


@pytest.fixture
async def owned(account: OpenedAccount, token: str, serve: Serve) -> AsyncIterator[Owned]:
    async with Receiver() as receiver, serve(**FAST, webhooks_allow="127.0.0.0/8") as http:
        owner = Client(http, account.test_key)
        told = {"to": ["0639980000"], "audio": token, "notify_url": receiver.url("/hook")}
        await owner.over((await owner.done("messages", told))["id"])
        (webhook,) = await owner.until("webhooks", state="delivered")
        (entry,) = (await owner.get("sandbox/inbox"))["items"]
        waiting = await owner.done("messages", {"to": ["0639980000"], "audio": token, "at": LATER})
        ids = {"message": waiting["id"], "call": f"{waiting['id']}-1", "token": token, "webhook": webhook["id"]}
        yield Owned(http, owner, Client(http, account.live_key), ids | {"entry": entry["id"]})


async def test_what_belongs_to_another_account_does_not_exist_on_any_route(
    owned: Owned, account: OpenedAccount, stranger: OpenedAccount, house: House
) -> None:
    part = await open_account(house, "École", parent=account.account)
    before = await owned.seen()
    for operation in NAMING:
        (name,) = re.findall(r"\{(\w+)\}", operation.path)
        for key in (stranger.test_key, stranger.live_key, part.test_key, part.live_key, account.live_key):
            answer = await owned.ask(operation, key, owned.ids)
            if "/sandbox/" in operation.path and key.startswith("pv_live"):
                problem(answer, 403, "sandbox_only")
            else:
                problem(answer, 404, NOT_FOUND[name])
    assert await owned.seen() == before
    assert await check_ledger(house) == []


async def test_what_cannot_be_the_name_of_anything_does_not_exist(owned: Owned) -> None:
    for operation in NAMING:
        (name,) = re.findall(r"\{(\w+)\}", operation.path)
        right = owned.ids[name]
        wrong = [
            "x",
            "0" * len(right),
            f"{right}0",
            f" {right}",
            right + "\x00",
            "1'; --",
            "é\u0661",
            "../credit",
            "9" * 400,
        ]
        wrong += [right.swapcase()] if right.swapcase() != right else []
        for text in wrong:
            told = await owned.ask(operation, owned.owner.key, owned.ids | {name: text})
            code = "not_found" if "/" in text else NOT_FOUND[name]  # a slash is another path
            assert (told.status_code, told.json()["code"]) == (404, code), (operation.name, text, told.text)
            problem(told, 404, code)


async def test_a_stranger_reads_nothing_of_anothers_on_any_list(
    owned: Owned, stranger: OpenedAccount, account: OpenedAccount
) -> None:
    names = [*owned.ids.values(), account.account]
    names.remove(owned.ids["entry"])  # a number like any other
    for operation in READING:
        for key in (stranger.test_key, stranger.live_key, account.live_key):
            answer = await owned.http.get(operation.path, headers=bearer(key))
            assert answer.status_code in (200, 403), operation.name
            assert [name for name in names if name in answer.text] == [], operation.name


async def test_anothers_things_cannot_be_named_in_a_body_or_query(owned: Owned, stranger: OpenedAccount) -> None:
    theirs = Client(owned.http, stranger.test_key)
    for path in ("quotes", "messages"):
        told = await theirs.post(path, {"to": ["0639980000"], "audio": owned.ids["token"]})
        problem(told, 404, "audio_not_found")
    told = await theirs.ask("GET", "sandbox/inbox", params={"message": owned.ids["message"]})
    problem(told, 404, "message_not_found")


async def test_anothers_place_in_a_list_tells_nothing(owned: Owned, stranger: OpenedAccount) -> None:
    theirs = Client(owned.http, stranger.test_key)
    for path in ("messages", "webhooks", "sandbox/inbox", "ledger"):
        for after in ("1", "1000000", "999999999999999999"):
            told = await theirs.get(path, after=after, limit=100)
            assert told["next"] is None
            assert [one for one in told["items"] if one.get("kind") != "top_up"] == []


async def test_only_the_sandbox_has_a_sandbox(owned: Owned) -> None:
    of_sandbox = [operation for operation in OPERATIONS if operation.path.startswith("/v2/sandbox/")]
    bodies = {"advance_sandbox": {"seconds": 1}}
    before = await owned.seen()
    for operation in of_sandbox:
        path = operation.path.replace("{entry}", owned.ids["entry"])
        answer = await owned.http.request(
            operation.method, path, headers=bearer(owned.twin.key), json=bodies.get(operation.name)
        )
        problem(answer, 403, "sandbox_only")
    assert len(of_sandbox) == 6
    assert await owned.seen() == before


async def test_methods_that_a_route_does_not_have_are_refused(owned: Owned) -> None:
    by_path: dict[str, set[str]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, set()).add(operation.method)
    for path, methods in by_path.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = await owned.http.request(method, path, headers=bearer(owned.owner.key))
            problem(answer, 405, "method_not_allowed")


def test_every_problem_is_documented_with_its_status() -> None:
    table = PAGE.partition("\n## Problems\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| `")
    ]
    documented = {row[0]: row[1] for row in rows if row[1].isdigit()}
    found = {errors.NotFound, errors.MethodNotAllowed, errors.Busy, errors.InvalidValue, errors.Defect}
    found |= {*EVERYWHERE, BodyTooLarge, BodyTooSlow, errors.IdempotencyConflict}
    found |= {error for operation in OPERATIONS for error in operation.refusals}
    assert documented | {error.code: str(row_of(error).status) for error in found} == documented


def test_every_operation_is_documented() -> None:
    missing = [
        operation.name
        for operation in OPERATIONS
        if f"{operation.method} {operation.path}" not in PAGE and f"· /{operation.path.rpartition('/')[2]}" not in PAGE
    ]
    assert missing == []
