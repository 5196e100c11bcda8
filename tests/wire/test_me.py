"""GET /v1/me, to the letter of the contract."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from ipaddress import ip_network
from xml.etree import ElementTree

import pytest

from portevoix.domain.account import KeyTerms, Scope, State
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.ledger import GrantKind, GrantTerms
from portevoix.ports import House
from portevoix.service import accounts, credit, tariffs
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.keys import create_key, list_keys, revoke_key, rotate_key
from tests.conftest import Serve
from tests.parts import ManualClock
from tests.wire.parts import DECLARATION, as_text, in_order, refusal_in_json, refusal_in_xml

NINETEEN_IN_JSON = (
    '{"success":true,"credit":"19","currency":"€","details":{"tts":{"h":5,"m":16,"s":40},'
    '"tts_fixe":{"h":10,"m":33,"s":20},"voice":{"message":126}}}'
)
NINETEEN_IN_XML = (
    f"{DECLARATION}<result><success>true</success><credit>19</credit><currency>€</currency><details>"
    "<tts><h>5</h><m>16</m><s>40</s></tts><tts_fixe><h>10</h><m>33</m><s>20</s></tts_fixe>"
    "<voice><message>126</message></voice></details></result>"
)
UNKNOWN = "pv_live_" + "0" * 64
LIFTED = {"limit_me": "off", "limit_wrong_key": "off"}


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    return await open_account(house, "Mairie", credit_micros=19_000_000, sandbox_micros=100_000_000)


async def ledger_of(house: House, account: OpenedAccount) -> int:
    return (await house.accounts.find(AccountRef(account.account))).id


async def key_of(house: House, account: OpenedAccount) -> str:
    return next(key.id for key in await list_keys(house, account.account) if key.account.mode is Mode.LIVE)


async def test_the_answer_has_the_documented_keys_in_their_order(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.get(f"/v1/me/{account.live_key}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.content == NINETEEN_IN_JSON.encode()


async def test_the_answer_in_xml_is_the_same_byte_for_byte(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.get(f"/v1/me/{account.live_key}?_format=xml")
        json_asked = await http.get(f"/v1/me/{account.live_key}?_format=json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml; charset=utf-8")
    assert answer.content == NINETEEN_IN_XML.encode()
    assert json_asked.content == NINETEEN_IN_JSON.encode()
    assert in_order(ElementTree.fromstring(answer.content)) == as_text(json_asked.json())


async def test_the_currency_is_the_raw_sign_in_utf_8(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        for form in ("json", "xml"):
            assert b"\xe2\x82\xac" in (await http.get(f"/v1/me/{account.live_key}?_format={form}")).content


@pytest.mark.parametrize("form", ["yaml", "JSON", "Xml", "xml ", "json,xml", "%00"])
async def test_any_other_format_is_a_bad_request(account: OpenedAccount, serve: Serve, form: str) -> None:
    async with serve() as http:
        answer = await http.get(f"/v1/me/{account.live_key}?_format={form}")
    assert (answer.status_code, answer.text) == (400, refusal_in_json(400, "Mauvaise requête"))


async def test_an_empty_format_is_a_bad_request_too(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.get(f"/v1/me/{account.live_key}?_format=")
    assert (answer.status_code, answer.text) == (400, refusal_in_json(400, "Mauvaise requête"))


async def test_the_key_travels_in_the_path_the_query_or_as_a_bearer_token(account: OpenedAccount, serve: Serve) -> None:
    key = account.live_key
    async with serve(**LIFTED) as http:
        answers = [
            await http.get(f"/v1/me/{key}"),
            await http.get(f"/v1/me/{key.replace('_', '%5F')}"),
            await http.get("/v1/me", params={"apiKey": key}),
            await http.get("/v1/me", params={"unknown": "1", "apiKey": f" {key} "}),
            *[await http.get("/v1/me", headers={"Authorization": f"{scheme} {key}"}) for scheme in BEARERS],
        ]
    assert {answer.text for answer in answers} == {NINETEEN_IN_JSON}


BEARERS = ("Bearer", "bearer", "BEARER", "Bearer  ")


async def test_a_key_left_empty_is_missing(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        for path in ("/v1/me/", "/v1/me/%20", "/v1/me?apiKey=", "/v1/me?apiKey=%20"):
            answer = await http.get(path)
            assert (answer.status_code, answer.text) == (401, refusal_in_json(1, "La clé API est requise")), path


async def test_another_authorization_scheme_is_no_key(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        for value in (f"Basic {account.live_key}", account.live_key, "Bearer", "Bearer ", f"Bearer{account.live_key}"):
            answer = await http.get("/v1/me", headers={"Authorization": value})
            assert (answer.status_code, answer.json()["code"]) == (401, 1), value


async def test_the_path_goes_before_the_query_and_the_query_before_the_header(
    account: OpenedAccount, serve: Serve
) -> None:
    right, wrong = account.live_key, UNKNOWN
    asked = [
        (f"/v1/me/{right}?apiKey={wrong}", wrong, 200),
        (f"/v1/me/{wrong}?apiKey={right}", right, 401),
        (f"/v1/me?apiKey={right}", wrong, 200),
        (f"/v1/me?apiKey={wrong}", right, 401),
        ("/v1/me?apiKey=", right, 200),
    ]
    async with serve(**LIFTED) as http:
        for path, bearer, status in asked:
            answer = await http.get(path, headers={"Authorization": f"Bearer {bearer}"})
            assert answer.status_code == status, path.replace(right, "RIGHT").replace(wrong, "WRONG")


async def test_a_key_opens_the_ledger_of_its_mode(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        assert (await http.get(f"/v1/me/{account.live_key}")).json()["credit"] == "19"
        assert (await http.get(f"/v1/me/{account.test_key}")).json()["credit"] == "100"


Provoke = Callable[[House, OpenedAccount], Awaitable[str]]


async def _no_key(house: House, account: OpenedAccount) -> str:
    return ""


async def _unknown_key(house: House, account: OpenedAccount) -> str:
    return UNKNOWN


async def _no_form_of_a_key(house: House, account: OpenedAccount) -> str:
    return "é&\x00'\"<script>"


async def _disabled(house: House, account: OpenedAccount) -> str:
    await accounts.change_state(house, AccountRef(account.account), State.DISABLED)
    return account.live_key


async def _twin_of_disabled(house: House, account: OpenedAccount) -> str:
    await _disabled(house, account)
    return account.test_key


async def _blocked(house: House, account: OpenedAccount) -> str:
    await accounts.change_state(house, AccountRef(account.account), State.BLOCKED)
    return account.live_key


async def _without_scope(house: House, account: OpenedAccount) -> str:
    terms = KeyTerms("send only", scopes=frozenset({Scope.SEND, Scope.MANAGE}))
    return (await create_key(house, AccountRef(account.account), terms)).secret


async def _from_elsewhere(house: House, account: OpenedAccount) -> str:
    terms = KeyTerms("elsewhere", allowed=(ip_network("192.0.2.0/24"),))
    return (await create_key(house, AccountRef(account.account), terms)).secret


REFUSED: list[tuple[Provoke, int, int, str]] = [
    (_no_key, 401, 1, "La clé API est requise"),
    (_unknown_key, 401, 10, "Clé API incorrecte"),
    (_no_form_of_a_key, 401, 10, "Clé API incorrecte"),
    (_disabled, 403, 20, "Compte désactivé"),
    (_twin_of_disabled, 403, 20, "Compte désactivé"),
    (_blocked, 403, 30, "Compte bloqué"),
    (_without_scope, 403, 40, "L'accès à l'API est refusé"),
    (_from_elsewhere, 403, 96, "L'IP n'est pas autorisée"),
]


@pytest.mark.parametrize(("provoke", "status", "code", "message"), REFUSED)
async def test_a_refusal_has_its_status_code_and_message_in_both_formats(
    house: House, account: OpenedAccount, serve: Serve, provoke: Provoke, status: int, code: int, message: str
) -> None:
    key = await provoke(house, account)
    async with serve() as http:
        in_json = await http.get("/v1/me", params={"apiKey": key})
        in_xml = await http.get("/v1/me", params={"apiKey": key, "_format": "xml"})
    assert (in_json.status_code, in_json.content.decode()) == (status, refusal_in_json(code, message))
    assert (in_xml.status_code, in_xml.content.decode()) == (status, refusal_in_xml(code, message))
    assert in_json.headers["content-type"] == "application/json"
    assert in_xml.headers["content-type"] == "application/xml; charset=utf-8"


async def test_too_many_requests_have_their_status_code_and_message_in_both_formats(
    account: OpenedAccount, serve: Serve
) -> None:
    async with serve(limit_me="1/minute") as http:
        assert (await http.get(f"/v1/me/{account.live_key}")).status_code == 200
        in_json = await http.get(f"/v1/me/{account.live_key}")
        in_xml = await http.get(f"/v1/me/{account.live_key}?_format=xml")
    assert (in_json.status_code, in_json.text) == (429, refusal_in_json(429, "Trop de requêtes"))
    assert (in_xml.status_code, in_xml.text) == (429, refusal_in_xml(429, "Trop de requêtes"))


async def test_a_sandbox_may_be_switched_off_alone(house: House, account: OpenedAccount, serve: Serve) -> None:
    await accounts.change_state(house, AccountRef(account.account, Mode.SANDBOX), State.DISABLED)
    async with serve() as http:
        assert (await http.get(f"/v1/me/{account.test_key}")).json()["code"] == 20
        assert (await http.get(f"/v1/me/{account.live_key}")).status_code == 200


async def test_a_revoked_key_is_wrong_at_once(house: House, account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        assert (await http.get(f"/v1/me/{account.live_key}")).status_code == 200
        await revoke_key(house, await key_of(house, account))
        answer = await http.get(f"/v1/me/{account.live_key}")
    assert (answer.status_code, answer.text) == (401, refusal_in_json(10, "Clé API incorrecte"))


async def test_a_key_is_wrong_from_the_moment_it_expires(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    terms = KeyTerms("short", expires_at=clock.now() + timedelta(hours=1))
    key = (await create_key(house, AccountRef(account.account), terms)).secret
    async with serve() as http:
        clock.advance(minutes=60, microseconds=-1)
        assert (await http.get(f"/v1/me/{key}")).status_code == 200
        clock.advance(microseconds=1)
        assert (await http.get(f"/v1/me/{key}")).json()["code"] == 10


async def test_both_keys_of_a_rotation_are_right_for_the_grace_time(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    new = await rotate_key(house, await key_of(house, account), timedelta(hours=1))
    async with serve() as http:
        clock.advance(minutes=60, microseconds=-1)
        assert (await http.get(f"/v1/me/{account.live_key}")).status_code == 200
        assert (await http.get(f"/v1/me/{new.secret}")).status_code == 200
        clock.advance(microseconds=1)
        assert (await http.get(f"/v1/me/{account.live_key}")).json()["code"] == 10
        assert (await http.get(f"/v1/me/{new.secret}")).status_code == 200


async def test_held_credit_is_not_shown(house: House, account: OpenedAccount, serve: Serve) -> None:
    held = await credit.reserve(house, await ledger_of(house, account), 18_850_000, "a-call")
    async with serve() as http:
        answer = (await http.get(f"/v1/me/{account.live_key}")).json()
        assert (answer["credit"], answer["details"]["voice"]["message"]) == ("0.15", 1)
        await credit.settle(house, held.hold_id, 1)
        assert (await http.get(f"/v1/me/{account.live_key}")).json()["credit"] == "18.999999"


async def test_lapsed_credit_is_not_shown_from_its_moment_on(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    terms = GrantTerms(GrantKind.PROMOTIONAL, clock.now() + timedelta(minutes=1))
    await credit.top_up(house, AccountRef(account.account), 5_000_000, "gift", terms=terms)
    async with serve() as http:
        clock.advance(minutes=1, microseconds=-1)
        assert (await http.get(f"/v1/me/{account.live_key}")).json()["credit"] == "24"
        clock.advance(microseconds=1)
        assert (await http.get(f"/v1/me/{account.live_key}")).json()["credit"] == "19"


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0"), (1, "0.000001"), (50_000, "0.05"), (1_500_000, "1.5"), (100_000_000, "100"),
        (10**15, "1000000000"), (123_456_789, "123.456789"),
    ],
)  # fmt: skip
async def test_credit_is_a_plain_decimal(house: House, serve: Serve, micros: int, text: str) -> None:
    account = await open_account(house, "Mairie", credit_micros=micros)
    async with serve() as http:
        answer = await http.get(f"/v1/me/{account.live_key}")
    assert f'"credit":"{text}",' in answer.text


async def _use_tariff(house: House, account: OpenedAccount, *lines: str) -> None:
    await tariffs.import_tariff(house, "own", "\n".join(("product,prefix,price", *lines)))
    await tariffs.assign_tariff(house, AccountRef(account.account), "own")


async def test_a_free_product_shows_null(house: House, account: OpenedAccount, serve: Serve) -> None:
    await _use_tariff(house, account, "voice_mobile,33,0", "voice_landline,33,0", "deposit,33,0")
    async with serve() as http:
        in_json = await http.get(f"/v1/me/{account.live_key}")
        in_xml = await http.get(f"/v1/me/{account.live_key}?_format=xml")
    assert in_json.text == (
        '{"success":true,"credit":"19","currency":"€","details":{"tts":{"h":null,"m":null,"s":null},'
        '"tts_fixe":{"h":null,"m":null,"s":null},"voice":{"message":null}}}'
    )
    assert in_order(ElementTree.fromstring(in_xml.content)) == as_text(json.loads(in_json.text))


async def test_an_accounts_own_tariff_prices_and_the_default_the_rest(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    await _use_tariff(house, account, "voice_mobile,33,1.2")
    async with serve() as http:
        for key in (account.live_key, account.test_key):
            bought = (await http.get(f"/v1/me/{key}")).json()
            micros = 19_000_000 if key == account.live_key else 100_000_000
            hours, minutes, seconds = (bought["details"]["tts"][unit] for unit in "hms")
            assert hours * 3600 + minutes * 60 + seconds == micros // 20_000
            assert bought["details"]["voice"]["message"] == micros // 150_000


async def test_a_tariffs_next_revision_counts_from_its_moment_on(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    dearer = "product,prefix,price\ndeposit,33,1\n"
    await tariffs.import_tariff(house, "default", dearer, clock.now() + timedelta(hours=1))
    async with serve() as http:
        clock.advance(minutes=60, microseconds=-1)
        assert (await http.get(f"/v1/me/{account.live_key}")).json()["details"]["voice"]["message"] == 126
        clock.advance(microseconds=1)
        details = (await http.get(f"/v1/me/{account.live_key}")).json()["details"]
    assert details["voice"]["message"] == 19
    assert details["tts"] == {"h": 0, "m": 0, "s": 0}, "what the revision does not sell counts 0"


async def test_head_answers_as_get_without_a_body(account: OpenedAccount, serve: Serve) -> None:
    async with serve(limit_me="off") as http:
        for form in ("json", "xml"):
            got = await http.get(f"/v1/me/{account.live_key}?_format={form}")
            headed = await http.head(f"/v1/me/{account.live_key}?_format={form}")
            assert (headed.status_code, headed.content) == (200, b"")
            assert headed.headers == got.headers
            assert int(got.headers["content-length"]) == len(got.content)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/me/a/b", "/v1/nothing/KEY", "/v3/me", "//v1/me", "/%ff"])
async def test_an_unknown_path_is_told_in_the_contracts_form(serve: Serve, path: str) -> None:
    async with serve() as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.text) == (404, refusal_in_json(404, "Ressource non trouvée"))
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
async def test_a_wrong_method_is_told_in_the_contracts_form(account: OpenedAccount, serve: Serve, method: str) -> None:
    async with serve() as http:
        answer = await http.request(method, f"/v1/me/{account.live_key}")
    assert (answer.status_code, answer.text) == (405, refusal_in_json(405, "Méthode non autorisée"))
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_no_answer_may_be_cached_or_taken_for_another_type(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        for path in (f"/v1/me/{account.live_key}", "/v1/me", "/nowhere", "/healthz", "/docs", "/openapi.json"):
            headers = (await http.get(path)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
