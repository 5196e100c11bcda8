"""The operator's pages: accounts, credit, people, tariffs, the machinery, what was done."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import httpx2
import pytest

from portevoix import __version__
from portevoix.bootstrap import Opened
from portevoix.domain.account import Account, State
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.ledger import StatementLine
from portevoix.domain.person import Role
from portevoix.domain.routing import Heard, Resting, Route
from portevoix.domain.tariff import DRAFT_KEPT
from portevoix.domain.trunk import CallerId, Credentials, Engine, Server, Trunk
from portevoix.ports import House
from portevoix.service.accounts import open_account
from portevoix.service.people import add_person
from tests.console.conftest import MANAGER, OPERATOR, People
from tests.console.visitor import Visitor, words_of
from tests.parts import BEGINNING, ManualClock

EVIL = """<script>alert(1)</script>"'"""
EURO = 1_000_000
FORM_KEY = re.compile(r'name="key" value="([0-9a-f]{32})"')
NEW = re.compile(r'action="/console/operator/open/(acct_\w{12})"')


def place(people: People, mode: str = "live") -> str:
    return f"/console/operator/accounts/{people.account.account}/{mode}"


async def account_of(house: House, people: People, mode: Mode = Mode.LIVE) -> Account:
    return await house.accounts.find(AccountRef(people.account.account, mode))


async def newest_line(house: House, people: People) -> StatementLine:
    account = await account_of(house, people)
    return [line async for line in house.ledger.statement(account.id)][-1]


async def form_key(people: People) -> str:
    """Open the account's page, and read the key that its forms bear."""
    page = await people.operator.get(place(people))
    (key,) = set(FORM_KEY.findall(page.text))
    return str(key)


async def test_accounts_are_found_by_name_and_id(people: People, house: House) -> None:
    await open_account(house, EVIL)
    page = await people.operator.get("/console/operator")
    assert all(name in words_of(page) for name in ("Mairie", "École", "€100.00"))
    assert "<script>alert" not in page.text
    found = await people.operator.get("/console/operator?q=mAIr")
    assert ("Mairie" in found.text, "École" in found.text) == (True, False)
    found = await people.operator.get(f"/console/operator?q={people.other.account[5:]}")
    assert ("Mairie" in found.text, "École" in found.text) == (False, True)
    assert "No account has that" in words_of(await people.operator.get("/console/operator?q=%25"))


async def test_accounts_are_read_page_by_page(people: People, house: House) -> None:
    for number in range(51):
        await open_account(house, f"Annexe {number}")
    first = await people.operator.get("/console/operator?q=annexe")
    (following,) = re.findall(r'href="(\?q=annexe&amp;before=\d+)"', first.text)
    second = await people.operator.get(f"/console/operator{unescape(following)}")
    names = [int(name) for page in (first, second) for name in re.findall(r">Annexe (\d+)</a>", page.text)]
    assert names == list(reversed(range(51)))


@pytest.mark.parametrize(
    ("amount", "micros"),
    [
        ("19", 19 * EURO),
        ("0,05", 50_000),
        (" 1 234.5 ", 1_234_500_000),
        ("1234,500", 1_234_500_000),
        ("0,005", 5_000),
        ("1.234", 1_234_000),
        ("1\u202f000,1", 1_000_100_000),
    ],
)
async def test_a_top_up_reaches_the_ledger_with_its_reason(
    people: People, house: House, amount: str, micros: int
) -> None:
    key = await form_key(people)
    answer = await people.operator.post(f"{place(people)}/top-up", key=key, amount=amount, reason=EVIL)
    account, line = await account_of(house, people), await newest_line(house, people)
    assert account.available_micros == 100 * EURO + micros
    assert (line.kind, line.amount_micros, line.reason) == ("top_up", micros, EVIL)
    assert f"Available now: €{account.available_micros / EURO:,.2f}"[:-2] in words_of(answer)
    newest = (await house.deeds.newest(None, 1, people.account.account))[0]
    assert (newest.who, newest.action, newest.outcome) == (OPERATOR, "top-up", "done")
    assert newest.account == people.account.account


async def test_a_form_that_is_sent_twice_moves_credit_once(people: People, house: House) -> None:
    key = await form_key(people)
    fields = {"key": key, "amount": "5", "reason": "virement"}
    answers = await asyncio.gather(*(people.operator.post(f"{place(people)}/top-up", **fields) for _ in range(3)))
    again = await people.operator.post(f"{place(people)}/top-up", **fields)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert "nothing more was changed" in words_of(again)
    assert (await account_of(house, people)).available_micros == 105 * EURO
    other = await people.operator.post(f"{place(people)}/top-up", **{**fields, "amount": "6"})
    assert (other.status_code, "sent before with something else" in words_of(other)) == (422, True)
    assert key not in other.text
    assert (await account_of(house, people)).available_micros == 105 * EURO


@pytest.mark.parametrize(
    ("form", "fields", "told"),
    [
        ("top-up", {"amount": "-5"}, "The sum must be above 0"),
        ("top-up", {"amount": "0"}, "The sum must be above 0"),
        ("top-up", {"amount": "1e9"}, "Write a sum in euros"),
        ("top-up", {"amount": "1,0000001"}, "Write a sum in euros"),
        ("top-up", {"amount": "1,000"}, "This sum can be read in two ways"),
        ("adjust", {"amount": "-12,500"}, "This sum can be read in two ways"),
        ("top-up", {"reason": " "}, "Write why"),
        ("top-up", {"key": ""}, "The form is incomplete"),
        ("adjust", {"amount": "0"}, "A correction of nothing"),
        ("adjust", {"amount": "-100,01"}, "There is not that much credit"),
        ("adjust", {"reason": ""}, "Write why"),
        ("allot", {"other": "OTHER"}, "Credit moves only between"),
        ("allot", {"other": "acct_000000000000"}, "There is no such account"),
        ("allot", {"other": "x"}, "There is no such account"),
    ],
)
async def test_what_would_not_do_moves_nothing_and_is_kept_to_be_mended(
    people: People, house: House, form: str, fields: dict[str, str], told: str
) -> None:
    typed = {"key": "0" * 32, "amount": "5", "reason": EVIL, **fields}
    typed = {name: people.other.account if value == "OTHER" else value for name, value in typed.items()}
    answer = await people.operator.post(f"{place(people)}/{form}", **typed)
    assert (answer.status_code, told in words_of(answer)) == (422, True)
    assert "<script>alert" not in answer.text
    assert typed["amount"] in answer.text
    assert (await account_of(house, people)).available_micros == 100 * EURO


async def test_a_correction_goes_up_and_down(people: People, house: House) -> None:
    for change, left in (("-30", 70), ("+", 70), ("10,5", 80.5)):
        await people.operator.post(
            f"{place(people)}/adjust", key=await form_key(people), amount=change, reason="erreur de saisie"
        )
        assert (await account_of(house, people)).available_micros == left * EURO
    assert (await newest_line(house, people)).kind == "adjustment_credit"


async def test_credit_moves_between_parent_and_sub_account(people: People, house: House) -> None:
    sub = await open_account(house, "Annexe", parent=people.account.account)
    for direction, amount, left in (("give", "40", 60), ("take", "15", 75)):
        answer = await people.operator.post(
            f"{place(people)}/allot", key=await form_key(people), other=sub.account, direction=direction, amount=amount
        )
        assert f"Available now: €{left}.00" in words_of(answer)
    assert (await account_of(house, people)).available_micros == 75 * EURO
    assert (await house.accounts.find(AccountRef(sub.account))).available_micros == 25 * EURO
    page = await people.operator.get(f"/console/operator/accounts/{sub.account}/live")
    assert "sub-account of" in words_of(page)
    assert await house.ledger.check() == []


async def test_states_thresholds_numbers_and_tariffs_are_changed(people: People, house: House) -> None:
    operator, at = people.operator, place(people)
    assert (await operator.post(f"{at}/state", state="blocked")).status_code == 303
    assert (await account_of(house, people, Mode.SANDBOX)).state is State.BLOCKED
    await operator.post(f"{place(people, 'sandbox')}/state", state="active")
    assert (await account_of(house, people)).state is State.BLOCKED
    assert (await operator.post(f"{at}/state", state="gone")).status_code == 422
    await operator.post(f"{at}/threshold", threshold="12,5")
    assert (await account_of(house, people)).low_balance_micros == 12_500_000
    assert 'value="12.5"' in (await operator.get(at)).text
    assert (await operator.post(f"{at}/threshold", threshold="-1")).status_code == 422
    await operator.post(f"{at}/threshold", threshold="")
    assert (await account_of(house, people)).low_balance_micros is None
    number = (await account_of(house, people)).id
    await operator.post(f"{at}/senders", number="01 99 00 12 34")
    assert await house.campaigns.senders(number) == ["33199001234"]
    assert (await operator.post(f"{at}/senders", number=EVIL)).status_code == 422
    await operator.post(f"{at}/senders/remove", number="33199001234")
    assert await house.campaigns.senders(number) == []
    await operator.post(f"{at}/tariff", tariff="default")
    assert (await account_of(house, people, Mode.SANDBOX)).tariff == "default"
    assert (await operator.post(f"{at}/tariff", tariff="no such")).status_code == 404
    await operator.post(f"{at}/tariff", tariff="")
    assert (await account_of(house, people)).tariff is None


async def opening(people: People, **fields: str) -> tuple[str, dict[str, str], httpx2.Response]:
    """Fill in the form for a new account, and send it."""
    (new,) = NEW.findall((await people.operator.get("/console/operator/open")).text)
    typed = {"name": "Lycée", "parent": "", "credit": "7,5", "sandbox": "", **fields}
    return new, typed, await people.operator.post(f"/console/operator/open/{new}", **typed)


async def test_an_account_is_opened_once_and_its_keys_are_shown_once(people: People, house: House) -> None:
    new, typed, answer = await opening(people, parent=people.account.account)
    opened = await house.accounts.find(AccountRef(new))
    assert (opened.name, opened.parent, opened.available_micros) == ("Lycée", people.account.account, 7_500_000)
    keys = set(re.findall(r"pv_(?:live|test)_[0-9a-f]{64}", answer.text))
    assert [(await people.operator.http.get(f"/v1/me/{key}")).status_code for key in keys] == [200, 200]
    again = await people.operator.post(f"/console/operator/open/{new}", **typed)
    assert (again.status_code, "sent twice" in words_of(again)) == (422, True)
    assert not any(key in again.text for key in keys)
    assert len(await house.accounts.search("Lycée", None, 9)) == 1
    noted = repr(await house.deeds.newest(None, 9))
    assert not any(key in noted for key in keys)
    deeds = await house.deeds.newest(None, 9, new)
    assert [(deed.action, deed.outcome) for deed in deeds] == [
        ("open-account", "account_opened"),
        ("open-account", "done"),
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": " "}, "An account has a name"),
        ({"credit": "-1"}, "does not begin with a debt"),
        ({"credit": "a lot"}, "Write a sum in euros"),
        ({"parent": "acct_000000000000"}, "There is no such parent"),
        ({"parent": EVIL}, "There is no such parent"),
    ],
)
async def test_an_account_that_will_not_do_is_not_opened(
    people: People, house: House, fields: dict[str, str], told: str
) -> None:
    _, _, answer = await opening(people, **fields)
    assert (answer.status_code, told in words_of(answer)) == (422, True)
    assert "<script>alert" not in answer.text
    assert len(await house.accounts.list()) == 4


async def adding(people: People, **fields: str) -> httpx2.Response:
    """Fill in the form for somebody new, and send it."""
    page = await people.operator.get("/console/operator/people")
    (new,) = re.findall(r'action="(/console/operator/people/user_\w{12})"', page.text)
    return await people.operator.post(new, **fields)


async def test_somebody_is_let_in_by_a_link_that_is_shown_once(people: People, house: House) -> None:
    answer = await adding(people, email="new@example.org", role="viewer", account=people.account.account)
    (link,) = re.findall(r"https://portevoix\.test(/console/welcome/[\w-]+)", answer.text)
    deeds = await house.deeds.newest(None, 9)
    assert link.rpartition("/")[2] not in repr(deeds)
    (new,) = [one for one in await house.people.list() if one.email.text == "new@example.org"]
    assert (deeds[0].action, deeds[0].subject) == ("add-person", new.public_id)
    visitor = Visitor(people.operator.http)
    await visitor.come(link)
    assert (await visitor.get(people.place)).status_code == 200
    again = await adding(people, email="NEW@example.org", role="viewer", account=people.account.account)
    assert (again.status_code, "Somebody has this e-mail address" in words_of(again)) == (422, True)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"email": f"{EVIL}@example"}, "This is not an e-mail address"),
        ({"role": "king"}, "There is no such role"),
        ({"role": "operator"}, "An operator has no account"),
        ({"account": ""}, "An operator has no account"),
        ({"account": EVIL}, "There is no such account"),
    ],
)
async def test_somebody_who_will_not_do_is_not_let_in(
    people: People, house: House, fields: dict[str, str], told: str
) -> None:
    typed = {"email": "new@example.org", "role": "manager", "account": people.account.account, **fields}
    answer = await adding(people, **typed)
    assert (answer.status_code, told in words_of(answer)) == (422, True)
    assert "<script>alert" not in answer.text
    assert len(await house.people.list()) == 4


async def test_people_are_shut_out_let_in_again_and_given_another_role(people: People, house: House) -> None:
    manager = next(one for one in await house.people.list() if one.email.text == MANAGER)
    at = f"/console/operator/people/{manager.public_id}"
    await people.operator.post(f"{at}/role", role="viewer")
    assert (await house.people.find(manager.public_id)).role is Role.VIEWER
    assert (await people.manager.post(f"{people.place}/developers/webhook-secret")).status_code == 403
    assert (await people.operator.post(f"{at}/role", role="operator")).status_code == 422
    await people.operator.post(f"{at}/disable")
    assert (await people.manager.get("/console/me")).status_code == 303
    await people.operator.post(f"{at}/enable")
    link = re.findall(r"(/console/welcome/[\w-]+)", (await people.operator.post(f"{at}/invite")).text)[0]
    await people.manager.come(link)
    assert (await people.manager.get("/console/me")).status_code == 200


async def test_whoever_has_lost_their_codes_is_asked_for_none_any_more(people: People, house: House) -> None:
    manager = next(one for one in await house.people.list() if one.email.text == MANAGER)
    at = f"/console/operator/people/{manager.public_id}/reset-codes"
    assert at not in (await people.operator.get("/console/operator/people")).text
    await house.people.set_totp(manager.id, 1, is_on=True)
    assert at in (await people.operator.get("/console/operator/people")).text
    assert (await people.operator.post(at)).status_code == 303
    found = await house.people.find(manager.public_id)
    assert (found.is_totp_on, found.totp_generation) == (False, 1)
    (deed,) = await house.deeds.newest(None, 1)
    assert (deed.action, deed.subject) == ("reset-codes", manager.public_id)


async def test_an_operator_neither_shuts_out_itself_nor_becomes_less(people: People, house: House) -> None:
    own = next(one for one in await house.people.list() if one.email.text == OPERATOR)
    answer = await people.operator.post(f"/console/operator/people/{own.public_id}/disable")
    assert (answer.status_code, "Nobody shuts themselves out" in words_of(answer)) == (422, True)
    other, _ = await add_person(house, "op2@example.org", Role.OPERATOR, None)
    answer = await people.operator.post(f"/console/operator/people/{other.public_id}/role", role="viewer")
    assert answer.status_code == 404
    assert (await house.people.find(other.public_id)).role is Role.OPERATOR


async def send_tariff(people: People, text: str | bytes, **fields: str) -> httpx2.Response:
    raw = text.encode() if isinstance(text, str) else text
    files = {"file": ("tariff.csv", raw, "text/csv")}
    return await people.operator.post(
        "/console/operator/tariffs", files=files, **{"name": "gold", "from": "", **fields}
    )


GOLD = "product,prefix,price\nvoice_mobile,336,0.10\nvoice_landline,331,0.02\n"


async def test_a_tariff_is_looked_at_and_imported_once(people: People, house: House, clock: ManualClock) -> None:
    await people.operator.follow(
        await people.operator.post((await send_tariff(people, GOLD)).headers["location"] + "/import")
    )
    clock.advance(hours=1)
    silver = "product;prefix;price\nvoice_mobile;336;0,12\ndeposit;336;0,15\n"
    led = await send_tariff(people, silver)
    page = await people.operator.get(led.headers["location"])
    said = words_of(page)
    assert "Rates read 2" in said
    assert "Changes 3" in said
    for change in ("336 – €0.15", "331 €0.02 0 s, then by 1 s –", "336 €0.10 0 s, then by 1 s €0.12"):
        assert change in said, said
    assert (await house.tariffs.in_force("gold")).rates[0].price_micros == 100_000
    done = await people.operator.follow(await people.operator.post(f"{led.headers['location']}/import"))
    assert "The tariff is imported" in words_of(done)
    assert {rate.price_micros for rate in (await house.tariffs.in_force("gold")).rates} == {120_000, 150_000}
    again = await people.operator.follow(await people.operator.post(f"{led.headers['location']}/import"))
    assert "imported already" in words_of(again)
    assert len([one for one in await house.tariffs.revisions() if one[0] == "gold"]) == 2


async def test_a_tariff_counts_from_the_moment_that_was_asked_for(people: People, house: House) -> None:
    led = await send_tariff(people, GOLD, **{"from": "2026-02-01T00:00"})
    await people.operator.post(f"{led.headers['location']}/import")
    (revision,) = [one for one in await house.tariffs.revisions() if one[0] == "gold"]
    assert revision[2].isoformat() == "2026-01-31T23:00:00+00:00"
    assert "to come" in words_of(await people.operator.get("/console/operator/tariffs"))
    led = await send_tariff(people, GOLD, **{"from": "2026-02-01T00:00"})
    refused = await people.operator.post(f"{led.headers['location']}/import")
    assert (refused.status_code, "from that very moment" in words_of(refused)) == (422, True)


async def test_bad_lines_are_named_and_nothing_of_them_is_run_or_taken(people: People, house: House) -> None:
    answer = await send_tariff(people, f"{GOLD}voice_mobile,44,free\n{EVIL},33,1\n")
    said = words_of(answer)
    assert (answer.status_code, "Bad lines: 2" in said) == (422, True)
    assert "4 price: not a sum in euros" in said
    assert "<script>alert" not in answer.text
    assert "gold" not in {name for name, *_ in await house.tariffs.revisions()}


@pytest.mark.parametrize(
    ("text", "fields", "told"),
    [
        (b"\xff\xfe", {}, "The file is not text in UTF-8"),
        (GOLD, {"name": " "}, "A tariff has a name"),
        (GOLD, {"from": "soon"}, "Write from when on it counts"),
    ],
)
async def test_a_file_that_will_not_do_is_refused(
    people: People, text: str | bytes, fields: dict[str, str], told: str
) -> None:
    answer = await send_tariff(people, text, **fields)
    assert (answer.status_code, told in words_of(answer)) == (422, True)


async def test_a_file_too_large_is_refused(people: People) -> None:
    assert (await send_tariff(people, "x" * 2_200_000)).status_code == 413


async def test_a_file_that_nobody_imports_is_forgotten(
    people: People, house: House, opened: Opened, clock: ManualClock
) -> None:
    led = await send_tariff(people, GOLD)
    clock.advance(seconds=DRAFT_KEPT.total_seconds() / 3)
    assert (await people.operator.get(led.headers["location"])).status_code == 200
    clock.advance(seconds=DRAFT_KEPT.total_seconds() / 3)
    await people.operator.get("/console/me")
    clock.advance(seconds=DRAFT_KEPT.total_seconds() / 3)
    assert (await people.operator.get(led.headers["location"])).status_code == 404
    await house.tariffs.forget_drafts()
    async with opened.database.connection() as connection:
        assert await (await connection.execute("SELECT count(*) FROM tariff_draft")).fetchone() == (0,)


async def test_a_tariffs_rates_are_shown_by_prefix(people: People) -> None:
    page = await people.operator.get("/console/operator/tariffs/rates?name=default&prefix=336")
    assert "voice SMS to a mobile 33 €0.06" in words_of(page)
    assert "590" not in words_of(page)
    assert (await people.operator.get("/console/operator/tariffs/rates?name=no+such")).status_code == 404


async def test_trunks_and_routes_are_shown_with_how_they_fare_and_without_passwords(
    people: People, house: House
) -> None:
    trunk = await house.trunks.add(
        Trunk(
            0, "alpha", Engine.SIP, Server.parse("192.0.2.10:5060"), Credentials("us", "hush hush"), False, CallerId()
        )
    )
    await house.trunks.add_route(Route(name="mobiles", trunk=trunk, prefix="336"))
    page = await people.operator.get("/console/operator/system")
    assert all(word in words_of(page) for word in ("alpha", "192.0.2.10:5060", "0 / 30", "mobiles", "+336"))
    assert "hush" not in page.text
    assert "no answer" not in words_of(page)
    await house.trunks.reachable(trunk.id, BEGINNING.replace(hour=23))
    await house.trunks.heard([Heard("mobiles", 3, False)], Resting(3, 60, 60))
    said = words_of(await people.operator.get("/console/operator/system"))
    assert ("no answer" in said, "rests" in said) == (True, True)


async def test_what_waits_is_counted(people: People, house: House, opened: Opened, clock: ManualClock) -> None:
    account = await account_of(house, people, Mode.SANDBOX)
    later = clock.now().replace(hour=20)
    async with opened.database.connection() as connection:
        for position, due in enumerate((clock.now(), later)):
            await connection.execute(
                "INSERT INTO call (campaign_id, account_id, position, number, product, state, due_at, reserved_micros)"
                " VALUES (1, %s, %s, '33639980010', 'voice_mobile', 'scheduled', %s, 0)",
                (account.id, position, due),
            )
        await house.nodes.queues()
        await house.calls.join("node-1", 30)
        found = await house.nodes.queues()
    assert (found.calls_due, found.oldest_due_at, found.calls_later) == (1, clock.now(), 1)
    said = words_of(await people.operator.get("/console/operator/system"))
    assert "Calls that are due 1" in said
    assert re.search(rf"node-1 \d+ answers, dials and delivers {re.escape(__version__)} alive", said)
    clock.advance(minutes=1)
    assert "silent" in words_of(await people.operator.get("/console/operator/system"))


async def test_the_ledger_is_checked_when_asked_for(people: People, opened: Opened) -> None:
    page = await people.operator.get("/console/operator/system")
    assert "The ledger is sound" not in words_of(page)
    assert "The ledger is sound" in words_of(await people.operator.post("/console/operator/system/check"))
    async with opened.database.connection() as connection:
        await connection.execute("UPDATE account SET held_micros = 5 WHERE name = 'Mairie' AND mode = 'live'")
    said = words_of(await people.operator.post("/console/operator/system/check"))
    assert "Rows that break an invariant" in said
    assert re.search(r"\w+: account \d+: ", said)


async def test_what_was_done_is_read_by_account_and_page_by_page(people: People, house: House) -> None:
    for _ in range(51):
        number = await house.deeds.begin(EVIL, None, AccountRef(people.other.account), "top-up", EVIL, "192.0.2.1")
    await people.operator.post(f"{place(people)}/state", state="active")
    page = await people.operator.get("/console/operator/deeds")
    assert "<script>alert" not in page.text
    assert "changed the state" in words_of(page)
    assert "cut short" in words_of(page)
    mine = await people.operator.get(f"/console/operator/deeds?account={people.account.account}")
    assert ("changed the state" in words_of(mine), "topped up" in words_of(mine)) == (True, False)
    theirs = await people.operator.get(f"/console/operator/deeds?account={people.other.account}")
    (following,) = re.findall(r'href="(\?account=acct_\w+&amp;before=\d+)"', theirs.text)
    rest = await people.operator.get(f"/console/operator/deeds{unescape(following)}")
    assert words_of(rest).count("topped up") == 1
    assert number > 50


async def test_names_of_accounts_are_never_run(people: People, house: House) -> None:
    opened = await open_account(house, EVIL, parent=people.account.account)
    for page in (f"/console/operator/accounts/{opened.account}/live", place(people), f"/console/{opened.account}/live"):
        answer = await people.operator.get(page)
        assert answer.status_code == 200
        assert EVIL in unescape(answer.text)
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("account", ["acct_000000000000", "nonsense"])
async def test_an_account_that_is_none_is_not_there(people: People, account: str) -> None:
    at = f"/console/operator/accounts/{account}/live"
    assert (await people.operator.get(at)).status_code == 404
    for form in ("top-up", "adjust", "allot", "state", "threshold", "senders", "senders/remove", "tariff"):
        fields = {"key": "0" * 32, "amount": "1", "reason": "x", "state": "active", "number": "0639980010"}
        assert (await people.operator.post(f"{at}/{form}", **fields)).status_code == 404, form


async def test_every_page_is_small(people: People, house: House) -> None:
    for number in range(60):
        await open_account(house, f"Un nom assez long pour une commune {number}", parent=people.account.account)
    for page in (
        "",
        "/people",
        "/tariffs",
        "/tariffs/rates?name=default",
        "/system",
        "/deeds",
        f"/accounts/{people.account.account}/live",
    ):
        assert len((await people.operator.get(f"/console/operator{page}")).content) < 100_000
