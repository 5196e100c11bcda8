"""The request log: what callers sent and were told is kept for their developers, and costs callers nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from portevoix.api import exchanges
from portevoix.bootstrap import Opened
from portevoix.domain.exchange import KEPT, MOST_BODY_BYTES, Body, Exchange, ExchangeNotFound, NewExchange
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount
from tests.conftest import Serve
from tests.parts import BEGINNING, PATIENCE_S, ManualClock

LIFTED = {"limit_me": "off", "limit_v2": "off", "limit_wrong_key": "off", "limit_tts": "off"}

FIVE_LEFT_OUT = 'portevoix_http_requests_not_kept_total{reason="rate"} 5.0'


async def number_of(house: House, account: OpenedAccount, mode: Mode = Mode.SANDBOX) -> int:
    return (await house.accounts.find(AccountRef(account.account, mode))).id


async def count_of(opened: Opened) -> int:
    """Count what is in the table, of whatever account."""
    async with opened.database.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM exchange")).fetchone()
    assert row is not None
    return int(row[0])


async def kept(house: House, account: OpenedAccount) -> Sequence[Exchange]:
    """Read what was kept, oldest first, with bodies."""
    number = await number_of(house, account)
    found = await house.exchanges.newest(number, None, 1_000)
    return [await house.exchanges.find(number, one.id) for one in reversed(found)]


async def test_a_request_is_kept_with_its_answer_and_without_its_key(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    key = account.test_key
    async with serve(**LIFTED) as http:
        await http.get(f"/v1/me/{key}")
        await http.get(f"/v1/me?apiKey={key}&_format=xml")
        await http.post("/v1/tts/send", content=json.dumps({"apiKey": key, "text": f"Ma clé: {key}"}))
        await http.get("/v2/credit", headers={"authorization": f"Bearer {key}"})
        await http.post("/v2/webhook-secret/rotate", headers={"authorization": f"Bearer {key}"})
    me, xml, sent, credit, secret = await kept(house, account)
    assert (me.method, me.path, me.status, me.sent) == ("GET", "/v1/me/pv_test_…", 200, Body("", 0))
    assert me.told.text is not None
    assert json.loads(me.told.text)["credit"] == "10"
    assert me.told.size == len(me.told.text.encode())
    assert xml.path == "/v1/me?apiKey=…&_format=xml"
    assert str(xml.told.text).startswith("<?xml")
    assert (sent.method, sent.path, sent.status) == ("POST", "/v1/tts/send", 400)
    assert sent.sent.text == '{"apiKey": "…", "text": "Ma cl\\u00e9: pv_test_…"}'
    assert (credit.path, credit.at) == ("/v2/credit", BEGINNING)
    assert "whsec_" not in str(secret.told.text).replace("whsec_…", "")
    assert key not in repr(await kept(house, account))


async def test_who_has_no_right_key_is_not_kept(opened: Opened, account: OpenedAccount, serve: Serve) -> None:
    async with serve(**LIFTED) as http:
        await http.get("/v1/me/" + account.test_key[:-1] + "x")
        await http.get("/v2/credit")
        await http.get("/healthz")
        await http.get("/console/sign-in")
    assert await count_of(opened) == 0


async def test_bodies_are_cut(house: House, account: OpenedAccount, serve: Serve) -> None:
    text = json.dumps({"apiKey": account.test_key, "text": "a" * 3 * MOST_BODY_BYTES})
    async with serve(**LIFTED) as http:
        await http.post("/v1/tts/send", content=text)
        await http.get("/v2/voices", headers={"authorization": f"Bearer {account.test_key}"})
    first = (await kept(house, account))[0]
    assert first.sent.is_cut
    assert first.sent.size == len(text)
    assert len(str(first.sent.text)) < MOST_BODY_BYTES


async def test_no_more_are_kept_a_second_than_are_allowed_and_the_rest_are_counted(
    house: House, account: OpenedAccount, stranger: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    async with serve(**LIFTED) as http:
        for _ in range(Exchange.MOST_A_SECOND + 5):
            await http.get(f"/v1/me/{account.test_key}")
        await http.get(f"/v1/me/{stranger.test_key}")
        clock.advance(seconds=1)
        await http.get(f"/v1/me/{account.test_key}")
    found = await kept(house, account)
    assert len(found) == Exchange.MOST_A_SECOND + 1
    assert [one.skipped for one in found] == [0] * Exchange.MOST_A_SECOND + [5]
    assert len(await kept(house, stranger)) == 1


async def test_no_more_are_kept_a_day_than_are_allowed(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exchange, "MOST_A_DAY", 3)
    async with serve(**LIFTED) as http:
        for _ in range(5):
            clock.advance(seconds=1)
            await http.get(f"/v1/me/{account.test_key}")
        clock.advance(days=1)
        await http.get(f"/v1/me/{account.test_key}")
    assert [one.skipped for one in await kept(house, account)] == [0, 0, 0, 2]


async def test_what_finds_the_queue_full_is_dropped_and_counted(
    house: House, account: OpenedAccount, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "MOST_WAITING", 2)
    monkeypatch.setattr(exchanges, "GATHER_S", 60.0)
    async with serve(**LIFTED) as http:
        for _ in range(5):
            await http.get(f"/v1/me/{account.test_key}")
    assert len(await kept(house, account)) == 2


async def test_what_was_not_kept_is_told_by_the_metrics(account: OpenedAccount, serve: Serve) -> None:
    async with serve(**LIFTED) as http:
        for _ in range(Exchange.MOST_A_SECOND + 5):
            await http.get(f"/v1/me/{account.test_key}")
        async with asyncio.timeout(PATIENCE_S):
            while FIVE_LEFT_OUT not in (await http.get("/metrics")).text:
                assert (await http.get("/readyz")).status_code == 200  # waits for the database, as the writer does


async def test_the_log_can_be_switched_off(house: House, account: OpenedAccount, serve: Serve) -> None:
    async with serve(**LIFTED, request_log="no") as http:
        assert (await http.get(f"/v1/me/{account.test_key}")).status_code == 200
    assert await kept(house, account) == []


def exchange(account_id: int, **changed: object) -> NewExchange:
    """One that has nothing special."""
    fields = {"at": BEGINNING, "method": "GET", "path": "/v1/me", "status": 200, "duration_us": 1_250}
    fields |= {"sent": Body("", 0), "told": Body("{}", 2), "skipped": 0}
    return NewExchange(account_id, **{**fields, **changed})  # type: ignore[arg-type]


async def test_they_are_read_by_status_and_page_by_page(house: House, account: OpenedAccount) -> None:
    number = await number_of(house, account)
    await house.exchanges.keep([exchange(number, status=status) for status in (200, 404, 500, 204, 429)])
    newest = await house.exchanges.newest(number, None, 2)
    assert [one.status for one in newest] == [429, 204]
    assert [one.status for one in await house.exchanges.newest(number, newest[-1].id, 9)] == [500, 404, 200]
    assert [one.status for one in await house.exchanges.newest(number, None, 9, 4)] == [429, 404]
    assert newest[0].duration_ms == "1.2"


async def test_another_accounts_are_not_found(house: House, account: OpenedAccount, stranger: OpenedAccount) -> None:
    await house.exchanges.keep([exchange(await number_of(house, account))])
    (one,) = await kept(house, account)
    for number in (one.id, 0, -1, 2**63):
        with pytest.raises(ExchangeNotFound):
            await house.exchanges.find(await number_of(house, stranger), number)


async def test_after_a_week_they_are_forgotten(
    house: House, opened: Opened, account: OpenedAccount, clock: ManualClock
) -> None:
    number = await number_of(house, account)
    await house.exchanges.keep([exchange(number), exchange(number, at=BEGINNING + KEPT / 2)])
    clock.advance(seconds=KEPT.total_seconds())
    assert len(await kept(house, account)) == 1
    await house.exchanges.sweep()
    assert await count_of(opened) == 1
