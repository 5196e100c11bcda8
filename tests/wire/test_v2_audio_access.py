"""Who may ask for the audio operations, and what is told to whoever may not."""

from __future__ import annotations

import socket
import time

import httpx2
import pytest

from portevoix.api.v2.operation import Operation
from portevoix.api.v2.routes import OPERATIONS
from portevoix.domain.account import Scope, State
from portevoix.domain.ids import AccountRef
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, change_state
from tests.conftest import Serve
from tests.parts import PATIENCE_S, ManualClock, Server
from tests.wire.modern import problem
from tests.wire.sound import FORM, ask, bearer, key_with, send_form, tone, wav_file


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_every_operation_asks_for_a_right_key_with_its_scope(
    house: House, account: OpenedAccount, serve: Serve, operation: Operation
) -> None:
    others = await key_with(house, account.account, *(set(Scope) - {operation.scope}))
    async with serve() as http:
        missing = await ask(http, operation, None, "0" * 32)
        in_query = await http.request(operation.method, f"{operation.path}?apiKey={account.live_key}")
        wrong = await ask(http, operation, "pv_live_" + "0" * 64, "0" * 32)
        narrow = await ask(http, operation, others, "0" * 32)
        await change_state(house, AccountRef(account.account), State.BLOCKED)
        blocked = await ask(http, operation, account.live_key, "0" * 32)
    for answer, code in ((missing, "key_missing"), (in_query, "key_missing"), (wrong, "key_unknown")):
        problem(answer, 401, code)
        assert answer.headers["www-authenticate"] == 'Bearer realm="portevoix"'
    problem(narrow, 403, "scope_refused")
    problem(blocked, 403, "account_blocked")


async def test_a_key_that_may_read_cannot_upload(house: House, account: OpenedAccount, serve: Serve) -> None:
    reading = await key_with(house, account.account, Scope.READ)
    async with serve() as http:
        problem(await send_form(http, reading, wav_file(tone())), 403, "scope_refused")
        assert (await http.get("/v2/audio", headers=bearer(reading))).json()["items"] == []


async def test_all_of_v2_shares_one_limit(account: OpenedAccount, serve: Serve, clock: ManualClock) -> None:
    now = int(clock.now().timestamp())
    async with serve(limit_v2="2/minute") as http:
        first = await http.get("/v2/voices", headers=bearer(account.live_key))
        second = await http.get("/v2/audio", headers=bearer(account.live_key))
        refused = await http.get("/v2/audio", headers=bearer(account.live_key))
        twin = await http.get("/v2/audio", headers=bearer(account.test_key))
        v1 = await http.get("/v1/audios", headers=bearer(account.live_key))
        clock.advance(seconds=30)
        again = await http.get("/v2/audio", headers=bearer(account.live_key))
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after")
    assert [[answer.headers.get(name) for name in names] for answer in (first, second, refused)] == [
        ["2", "1", str(now + 30), None],
        ["2", "0", str(now + 60), None],
        ["2", "0", str(now + 60), "30"],
    ]
    problem(refused, 429, "rate_limited")
    assert [answer.status_code for answer in (twin, v1, again)] == [200] * 3


@pytest.mark.parametrize("path", ["/v2/", "/v2/nothing", "/v2/audio/", "/v2/audio/a/b", "/v2/me"])
async def test_a_path_that_is_not_there_is_a_problem(account: OpenedAccount, serve: Serve, path: str) -> None:
    async with serve() as http:
        answer = await http.get(path, headers=bearer(account.live_key))
    problem(answer, 404, "not_found")


async def test_a_method_that_is_not_there_is_a_problem(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.put("/v2/audio", headers=bearer(account.live_key))
        told = problem(answer, 405, "method_not_allowed")
    assert "nothing here" not in told["detail"]


def test_a_client_that_goes_away_in_the_middle_is_no_defect_of_the_server(server: Server) -> None:
    key = server.run("account", "create", "Mairie", "--json")["live_key"]
    before = _access_lines(server)
    head = (
        f"POST /v2/audio HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {FORM}\r\nContent-Length: 100000\r\n\r\n--abc\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(head.encode())
        client.settimeout(0.2)  # the server waits for the rest
        with pytest.raises(TimeoutError):
            client.recv(1)
    deadline = time.monotonic() + PATIENCE_S
    while _access_lines(server) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _access_lines(server) == before + 1
    assert [line for line in server.log().splitlines() if "request_failed" in line] == []
    assert httpx2.get(f"{server.url}/v2/audio", headers=bearer(key), trust_env=False).status_code == 200


def _access_lines(server: Server) -> int:
    return sum('"event":"request"' in line and '"route":"/v2/audio"' in line for line in server.log().splitlines())
