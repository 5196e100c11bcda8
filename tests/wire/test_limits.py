"""How often an account may ask, and what its headers say of that."""

from __future__ import annotations

import pytest

from portevoix.domain.account import KeyTerms, Scope, State
from portevoix.domain.ids import AccountRef
from portevoix.ports import House
from portevoix.service import accounts
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.keys import create_key
from tests.conftest import Serve
from tests.parts import BEGINNING, ManualClock
from tests.wire.parts import limit_headers

NOW_S = int(BEGINNING.timestamp())
PROXY = {"client": "10.0.0.1", "trusted_proxies": "10.0.0.0/8"}


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    return await open_account(house, "Mairie", credit_micros=19_000_000, sandbox_micros=19_000_000)


@pytest.mark.parametrize("limits", ["local", "shared"])
async def test_five_a_minute_pass_for_an_account_whichever_key_and_form_is_used(
    house: House, account: OpenedAccount, serve: Serve, limits: str
) -> None:
    other = (await create_key(house, AccountRef(account.account), KeyTerms("other"))).secret
    async with serve(limits=limits) as http:
        answers = [
            await http.get(f"/v1/me/{account.live_key}"),
            await http.get("/v1/me", params={"apiKey": other}),
            await http.get("/v1/me", headers={"Authorization": f"Bearer {account.live_key}"}),
            await http.head(f"/v1/me/{other}"),
            await http.get(f"/v1/me/{other}?_format=xml"),
            await http.get(f"/v1/me/{account.live_key}"),
            await http.get(f"/v1/me/{other}"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 429, 429]
    assert [limit_headers(answer) for answer in answers] == [
        (5, 4, NOW_S + 12),
        (5, 3, NOW_S + 24),
        (5, 2, NOW_S + 36),
        (5, 1, NOW_S + 48),
        (5, 0, NOW_S + 60),
        (5, 0, NOW_S + 60),
        (5, 0, NOW_S + 60),
    ]
    assert [answer.headers.get("retry-after") for answer in answers] == [None] * 5 + ["12", "12"]


@pytest.mark.parametrize("limits", ["local", "shared"])
async def test_one_more_passes_exactly_when_retry_after_says(
    account: OpenedAccount, serve: Serve, clock: ManualClock, limits: str
) -> None:
    async with serve(limits=limits) as http:
        for _ in range(5):
            await http.get(f"/v1/me/{account.live_key}")
        clock.advance(seconds=4)
        told = await http.get(f"/v1/me/{account.live_key}")
        assert (told.status_code, told.headers["retry-after"]) == (429, "8")
        clock.advance(seconds=8, microseconds=-1)
        early = await http.get(f"/v1/me/{account.live_key}")
        assert (early.status_code, early.headers["retry-after"]) == (429, "1")
        clock.advance(microseconds=1)
        on_time = await http.get(f"/v1/me/{account.live_key}")
        assert (on_time.status_code, limit_headers(on_time)) == (200, (5, 0, NOW_S + 72))
        assert (await http.get(f"/v1/me/{account.live_key}")).status_code == 429


async def test_the_reset_is_told_in_whole_seconds_that_have_come_then(
    account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    clock.advance(milliseconds=1)
    async with serve() as http:
        assert limit_headers(await http.get(f"/v1/me/{account.live_key}")) == (5, 4, NOW_S + 13)
        clock.advance(seconds=12)
        assert limit_headers(await http.get(f"/v1/me/{account.live_key}"))[1] == 4


async def test_live_and_sandbox_are_counted_apart_and_so_is_every_account(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    other = await open_account(house, "École")
    async with serve(limit_me="1/minute") as http:
        for key in (account.live_key, account.test_key, other.live_key, other.test_key):
            assert (await http.get(f"/v1/me/{key}")).status_code == 200
        for key in (account.live_key, account.test_key, other.live_key, other.test_key):
            assert (await http.get(f"/v1/me/{key}")).status_code == 429


@pytest.mark.parametrize("flags", [{"limits": "shared"}, {"workers": 2}])
async def test_shared_limits_hold_over_two_servers_on_one_database(
    account: OpenedAccount, serve: Serve, clock: ManualClock, flags: dict[str, object]
) -> None:
    async with serve(**flags) as one, serve(**flags) as two:
        doors = [one, two, two, one, two, one, two]
        answers = [await door.get(f"/v1/me/{account.live_key}") for door in doors]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert [limit_headers(answer)[1] for answer in answers] == [4, 3, 2, 1, 0, 0, 0]
        assert [answer.headers["retry-after"] for answer in answers[5:]] == ["12", "12"]
        clock.advance(seconds=12)
        assert (await two.get(f"/v1/me/{account.live_key}")).status_code == 200
        assert (await one.get(f"/v1/me/{account.live_key}")).status_code == 429


async def test_local_limits_are_each_servers_own(account: OpenedAccount, serve: Serve) -> None:
    flags = {"limits": "local", "limit_me": "1/minute", "workers": 2}
    async with serve(**flags) as one, serve(**flags) as two:
        answers = [await door.get(f"/v1/me/{account.live_key}") for door in (one, two, one, two)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]


async def test_refused_requests_of_an_account_count_as_well(house: House, account: OpenedAccount, serve: Serve) -> None:
    terms = KeyTerms("send only", scopes=frozenset({Scope.SEND}))
    send_only = (await create_key(house, AccountRef(account.account), terms)).secret
    async with serve() as http:
        assert limit_headers(await http.get(f"/v1/me/{send_only}")) == (5, 4, NOW_S + 12)
        assert limit_headers(await http.get(f"/v1/me/{account.live_key}?_format=yaml")) == (5, 3, NOW_S + 24)
        await accounts.change_state(house, AccountRef(account.account), State.BLOCKED)
        for _ in range(3):
            assert (await http.get(f"/v1/me/{account.live_key}")).status_code == 403
        assert (await http.get(f"/v1/me/{account.live_key}")).status_code == 429


async def test_the_operator_changes_a_limit(account: OpenedAccount, serve: Serve) -> None:
    async with serve(limit_me="2/hour") as http:
        answers = [await http.get(f"/v1/me/{account.live_key}") for _ in range(3)]
    assert [limit_headers(answer) for answer in answers] == [
        (2, 1, NOW_S + 1800),
        (2, 0, NOW_S + 3600),
        (2, 0, NOW_S + 3600),
    ]
    assert answers[2].headers["retry-after"] == "1800"


async def test_a_lifted_limit_still_has_its_headers(account: OpenedAccount, serve: Serve) -> None:
    async with serve(limit_me="off") as http:
        answers = [await http.get(f"/v1/me/{account.live_key}") for _ in range(20)]
    assert {(answer.status_code, limit_headers(answer)) for answer in answers} == {(200, (1_000_000, 1_000_000, 0))}


@pytest.mark.parametrize("limits", ["local", "shared"])
async def test_wrong_keys_and_none_at_all_are_limited_for_each_address(
    account: OpenedAccount, serve: Serve, limits: str
) -> None:
    async with serve(limit_wrong_key="3/minute", limits=limits, **PROXY) as http:

        async def ask(address: str, path: str = "/v1/me/wrong") -> int:
            answer = await http.get(path, headers={"X-Forwarded-For": address})
            return answer.status_code

        assert [await ask("192.0.2.1"), await ask("192.0.2.1", "/v1/me"), await ask("192.0.2.1")] == [401] * 3
        assert await ask("192.0.2.1") == 429
        assert await ask("192.0.2.2") == 401, "another address has an allowance of its own"
        assert await ask("192.0.2.1", f"/v1/me/{account.live_key}") == 200, "a right key is no wrong one"


async def test_a_wrong_keys_headers_tell_the_addresss_allowance(serve: Serve) -> None:
    async with serve(limit_wrong_key="2/minute") as http:
        answers = [await http.get("/v1/me/wrong") for _ in range(3)]
    assert [limit_headers(answer) for answer in answers] == [(2, 1, NOW_S + 30), (2, 0, NOW_S + 60), (2, 0, NOW_S + 60)]
    assert [answer.headers.get("retry-after") for answer in answers] == [None, None, "30"]


async def test_an_ipv6_customer_is_its_64_bit_network(serve: Serve) -> None:
    asked = {"2001:db8:0:1::1": 401, "2001:db8:0:1:ffff::2": 429, "2001:db8:0:2::1": 401}
    assert await _ask_without_a_key(serve, list(asked)) == list(asked.values())


async def test_ipv4_mapped_to_ipv6_is_an_address_and_the_same_as_ipv4(serve: Serve) -> None:
    asked = {"::ffff:192.0.2.1": 401, "::ffff:192.0.2.2": 401, "::ffff:192.0.2.1 ": 429, "192.0.2.1": 429}
    assert await _ask_without_a_key(serve, list(asked)) == list(asked.values())


async def _ask_without_a_key(serve: Serve, addresses: list[str]) -> list[int]:
    async with serve(limit_wrong_key="1/minute", **PROXY) as http:
        answers = [await http.get("/v1/me", headers={"X-Forwarded-For": address}) for address in addresses]
    return [answer.status_code for answer in answers]
