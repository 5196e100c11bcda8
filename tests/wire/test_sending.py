"""POST /v1/tts/send, POST /v1/campaign/send and DELETE /v1/campaign/cancel, to the letter of the contract."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from portevoix.domain.account import Scope
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.routing import Serves
from portevoix.domain.trunk import Engine
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.credit import check_ledger
from tests.conftest import Serve
from tests.parts import ManualClock
from tests.trunks import add_route, add_trunk
from tests.wire.sound import keep, key_with

EURO = MICROS_PER_EURO
MOBILE, OTHER_MOBILE, LANDLINE = "0639980000", "0639980001", "0199000000"
TEXT = "Bonjour, ceci est un message."

REFUSALS = {
    "DESTINATION_INVALID": (400, "Le numéro de téléphone n'est pas autorisé"),
    "PHONE_NUMBER_REQUIRED": (400, "Le numéro de téléphone est requis"),
    "PHONE_NUMBER_SIZE_ERROR": (400, "Le nombre de numéros est supérieur à 500"),
    "TEXT_REQUIRED": (400, "Le texte est requis"),
    "TEXT_TOO_LONG": (400, "Le texte est trop long"),
    "LANG_INVALID": (400, "La langue est invalide"),
    "SPEECH_RATE_INVALID": (400, "La vitesse de lecture est invalide"),
    "SCHEDULED_DATE_INVALID": (400, "La date d'envoi est invalide"),
    "NOTIFY_URL_INVALID": (400, "L'url de notification est invalide"),
    "EMAIL_INVALID": (400, "L'adresse e-mail est invalide"),
    "SENDER_INVALID": (400, "Le sender est invalide"),
    "SENDER_NOT_AUTHORIZED": (403, "Le sender n'est pas autorisé"),
    "TOKEN_AUDIO_REQUIRED": (400, "Le token de l'audio est requis"),
    "AUDIO_FILE_NOT_FOUND": (404, "Le fichier audio est introuvable"),
    "NOT_CREDIT": (402, "Crédit insuffisant"),
    400: (400, "Mauvaise requête"),
    90: (400, "Le JSON est malformé : erreur de syntaxe"),
}


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    return await open_account(house, "Mairie", credit_micros=10 * EURO, sandbox_micros=10 * EURO)


def tts(account: OpenedAccount, **fields: object) -> dict[str, object]:
    return {"apiKey": account.test_key, "phoneNumbers": MOBILE, "text": TEXT} | fields


async def send(http: httpx2.AsyncClient, body: dict[str, object], **headers: str) -> httpx2.Response:
    return await http.post("/v1/tts/send", content=json.dumps(body).encode(), headers=headers)


async def credit(http: httpx2.AsyncClient, account: OpenedAccount) -> str:
    answer = await http.get(f"/v1/me/{account.test_key}")
    return str(answer.json()["credit"])


def refused(answer: httpx2.Response, code: int | str) -> None:
    told = answer.json()
    assert (answer.status_code, told["code"], told["message"]) == (REFUSALS[code][0], code, REFUSALS[code][1])
    assert told["success"] is False


async def test_an_accepted_voice_sms_has_the_documented_keys_in_their_order(
    account: OpenedAccount, serve: Serve
) -> None:
    async with serve(calls_per_second=1) as http:
        answer = await send(http, tts(account, phoneNumbers=f"{MOBILE},{OTHER_MOBILE},{LANDLINE}"))
    told = answer.json()
    assert list(told) == ["success", "campaignId", "cost", "currency", "nbSms", "lang", "duration", "detail"]
    assert (told["success"], told["currency"], told["nbSms"], told["lang"]) == (True, "EUR", 3, "fr")
    assert len(told["campaignId"]) == 10
    share = told["detail"]["33"]
    assert list(share) == ["nbSms", "cost_unity", "cost", "country_code", "duration"]
    assert (share["nbSms"], share["cost"], share["country_code"], share["duration"]) == (
        3,
        told["cost"],
        "fr",
        told["duration"],
    )


async def test_the_cost_is_the_most_that_the_calls_can_cost(account: OpenedAccount, serve: Serve) -> None:
    async with serve(calls_per_second=1, limit_me="off") as http:
        told = (await send(http, tts(account, scheduledDate="2026-02-01 10:00:00"))).json()
        left = await credit(http, account)
    seconds = -(-int(told["duration"] * 10) // 10)
    assert told["cost"] == pytest.approx(seconds * 0.001)
    assert left == f"{10 - told['cost']:.3f}".rstrip("0")


async def test_the_duration_is_measured_on_what_is_said(account: OpenedAccount, serve: Serve) -> None:
    async with serve(calls_per_second=1) as http:
        short = (await send(http, tts(account, text="un deux"))).json()["duration"]
        paused = (await send(http, tts(account, text="un ,,,,,, deux"))).json()["duration"]
        slow = (await send(http, tts(account, text="un deux", speechRate=0.5))).json()["duration"]
    assert paused == pytest.approx(short + 3, abs=0.35)
    assert slow > short * 1.5


async def test_each_country_has_its_share(account: OpenedAccount, serve: Serve) -> None:
    async with serve(calls_per_second=1) as http:
        told = (await send(http, tts(account, phoneNumbers=f"{MOBILE},0692000000"))).json()
    assert {code: share["country_code"] for code, share in told["detail"].items()} == {"33": "fr", "262": "re"}
    assert told["cost"] == pytest.approx(sum(share["cost"] for share in told["detail"].values()))


async def test_the_answer_in_xml_says_the_same(account: OpenedAccount, serve: Serve) -> None:
    async with serve(calls_per_second=1) as http:
        answer = await http.post("/v1/tts/send?_format=xml", content=json.dumps(tts(account)).encode())
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    assert answer.text.startswith('<?xml version="1.0" encoding="UTF-8"?><result><success>true</success><campaignId>')
    assert '<detail><entry key="33"><nbSms>1</nbSms>' in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"speechRate": "1"},
        {"speechRate": "1.5"},
        {"speed": "2"},
        {"speechRate": 9},
        {"phoneNumbers": [MOBILE, 33639980001]},
        {"phoneNumbers": "06 39.98-00 00"},
        {"phoneNumbers": f"+33639980000 ; {OTHER_MOBILE}\n"},
        {"lang": None, "notifyUrl": "", "scheduledDate": "", "tokenAudio": ""},
        {"nobodyKnows": {"this": ["field"]}},
    ],
    ids=str,
)
async def test_what_real_clients_send_is_taken(account: OpenedAccount, serve: Serve, fields: dict[str, object]) -> None:
    async with serve(calls_per_second=1) as http:
        answer = await send(http, tts(account, **fields))
        without_type = await http.post("/v1/tts/send", content=json.dumps(tts(account, **fields)).encode())
    assert answer.json()["success"] is True, answer.text
    assert without_type.status_code == 200


async def test_a_number_that_is_given_twice_is_called_once(account: OpenedAccount, serve: Serve) -> None:
    async with serve(calls_per_second=1) as http:
        told = (await send(http, tts(account, phoneNumbers=f"{MOBILE},+33 6 39 98 00 00,0033639980000"))).json()
    assert told["nbSms"] == 1


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"phoneNumbers": None}, "PHONE_NUMBER_REQUIRED"),
        ({"phoneNumbers": " , "}, "PHONE_NUMBER_REQUIRED"),
        ({"phoneNumbers": [f"06399{80000 + number}" for number in range(501)]}, "PHONE_NUMBER_SIZE_ERROR"),
        ({"phoneNumbers": "0836651234"}, "DESTINATION_INVALID"),
        ({"phoneNumbers": "0639980040"}, "DESTINATION_INVALID"),
        ({"phoneNumbers": "3615"}, "DESTINATION_INVALID"),
        ({"text": ""}, "TEXT_REQUIRED"),
        ({"text": " "}, "TEXT_REQUIRED"),
        ({"text": "a" * 2001}, "TEXT_TOO_LONG"),
        ({"lang": "!"}, "LANG_INVALID"),
        ({"speechRate": "vite"}, "SPEECH_RATE_INVALID"),
        ({"scheduledDate": "2026-01-13 12:34:59"}, "SCHEDULED_DATE_INVALID"),
        ({"scheduledDate": "2026-03-29 02:30:00"}, "SCHEDULED_DATE_INVALID"),
        ({"scheduledDate": "demain"}, "SCHEDULED_DATE_INVALID"),
        ({"notifyUrl": "ftp://example.com"}, "NOTIFY_URL_INVALID"),
        ({"tokenAudio": "0" * 32}, "AUDIO_FILE_NOT_FOUND"),
        ({"tokenAudio": "nonsense"}, "AUDIO_FILE_NOT_FOUND"),
        ({"phoneNumbers": "0639980042"}, "NOT_CREDIT"),
        ({"text": ["a", "list"]}, 400),
    ],
    ids=str,
)
async def test_a_request_that_is_refused_charges_nothing(
    house: House, account: OpenedAccount, serve: Serve, fields: dict[str, object], code: int | str
) -> None:
    async with serve(calls_per_second=1) as http:
        answer = await send(http, tts(account, **fields))
        refused(answer, code)
        assert await credit(http, account) == "10"
    assert await check_ledger(house) == []


async def test_every_bad_number_is_named(account: OpenedAccount, serve: Serve) -> None:
    async with serve(calls_per_second=1) as http:
        answer = await send(http, tts(account, phoneNumbers=f"0836651234,{MOBILE},112,+441632960000000,0639980040"))
        assert await credit(http, account) == "10"
    refused(answer, "DESTINATION_INVALID")
    at_fault = answer.json()["errors"]
    assert {error["field"] for error in at_fault} == {"phoneNumbers"}
    named = [error["message"].rpartition(" : ")[2] for error in at_fault]
    assert named == ["0836651234", "112", "+441632960000000", "+33639980040"]


@pytest.mark.parametrize("body", [b'{"apiKey": "KEY", "text": "a",}', b'{"apiKey": "KEY", // a comment\n "text": 1}'])
async def test_the_malformed_json_of_some_samples_is_told(account: OpenedAccount, serve: Serve, body: bytes) -> None:
    async with serve(calls_per_second=1) as http:
        headers = {"authorization": f"Bearer {account.test_key}"}
        refused(await http.post("/v1/tts/send", content=body, headers=headers), 90)


async def test_too_little_credit_refuses_all_of_it(house: House, serve: Serve) -> None:
    poor = await open_account(house, "Pauvre", sandbox_micros=2_000)
    async with serve(calls_per_second=1) as http:
        refused(await send(http, tts(poor, phoneNumbers=f"{MOBILE},{OTHER_MOBILE}")), "NOT_CREDIT")
        assert await credit(http, poor) == "0.002"
    assert await check_ledger(house) == []


async def test_a_key_that_may_only_read_sends_nothing(house: House, account: OpenedAccount, serve: Serve) -> None:
    key = await key_with(house, account.account, Scope.READ)
    async with serve(calls_per_second=1) as http:
        answer = await send(http, tts(account, apiKey=key))
    assert (answer.status_code, answer.json()["code"]) == (403, 40)


async def test_the_limits_are_those_of_the_contract(account: OpenedAccount, serve: Serve, house: House) -> None:
    recording = await keep(house, account.account, "annonce", 53_482, mode=Mode.SANDBOX)
    body = {"apiKey": account.test_key, "tokenAudio": recording.token, "phoneNumbers": MOBILE}
    async with serve(calls_per_second=1) as http:
        told = await send(http, tts(account))
        assert told.headers["x-ratelimit-limit"] == "2000"
        answers = [await http.post("/v1/campaign/send", json=body) for _ in range(6)]
        cancel = await http.delete(f"/v1/campaign/cancel/{account.test_key}/0000000000")
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert cancel.headers["x-ratelimit-limit"] == "60"


async def test_an_accepted_deposit_has_the_documented_keys_in_their_order(
    account: OpenedAccount, serve: Serve, house: House
) -> None:
    recording = await keep(house, account.account, "annonce.wav", 69_530, mode=Mode.SANDBOX)
    body = {"apiKey": account.test_key, "tokenAudio": recording.token, "phoneNumbers": MOBILE}
    async with serve(calls_per_second=1) as http:
        answer = await http.post("/v1/campaign/send", json=body | {"emailForNotification": "mairie@example.com"})
    told = answer.json()
    assert list(told) == ["success", "campaignId", "cost", "currency", "nbSms", "audioFile", "detail"]
    assert (told["cost"], told["nbSms"]) == (0.15, 1)
    assert told["audioFile"] == {"filename": "annonce.wav", "size": "135.8Ko"}
    assert told["detail"] == {"33": {"nbSms": 1, "cost_unity": 0.15, "cost": 0.15}}
    assert '"cost":0.15,' in answer.text


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"tokenAudio": ""}, "TOKEN_AUDIO_REQUIRED"),
        ({"tokenAudio": "0" * 32}, "AUDIO_FILE_NOT_FOUND"),
        ({"emailForNotification": "nobody"}, "EMAIL_INVALID"),
        ({"sender": "Mairie"}, "SENDER_INVALID"),
        ({"sender": "0710000000"}, "SENDER_NOT_AUTHORIZED"),
    ],
    ids=str,
)
async def test_a_deposit_that_is_refused_charges_nothing(
    house: House, account: OpenedAccount, serve: Serve, fields: dict[str, object], code: str
) -> None:
    recording = await keep(house, account.account, "annonce", 53_482, mode=Mode.SANDBOX)
    body = {"apiKey": account.test_key, "tokenAudio": recording.token, "phoneNumbers": MOBILE}
    async with serve(calls_per_second=1) as http:
        refused(await http.post("/v1/campaign/send", json=body | fields), code)
        assert await credit(http, account) == "10"


async def test_a_verified_sender_may_be_shown(account: OpenedAccount, serve: Serve, house: House) -> None:
    found = await house.accounts.find(AccountRef(account.account))
    await house.campaigns.verify_sender(found.id, "33710000000")
    recording = await keep(house, account.account, "annonce", 53_482)
    body = {"tokenAudio": recording.token, "phoneNumbers": MOBILE, "sender": "07 10 00 00 00"}
    await add_route(house, await add_trunk(house, engine=Engine.ASTERISK), serves=Serves.DEPOSIT)
    async with serve(calls_per_second=1, trunk_fiction="yes") as http:
        answer = await http.post("/v1/campaign/send", json={"apiKey": account.live_key, **body})
    assert answer.status_code == 200, answer.text


async def test_a_scheduled_send_is_cancelled_once_and_its_credit_comes_back(
    account: OpenedAccount, serve: Serve, house: House
) -> None:
    async with serve(limit_me="off") as http:
        told = (await send(http, tts(account, scheduledDate="2026-02-01T10:00:00"))).json()
        path = f"/v1/campaign/cancel/{account.test_key}/{told['campaignId']}"
        answer, again = await http.delete(path), await http.delete(path)
        assert await credit(http, account) == "10"
        unknown = await http.delete(f"/v1/campaign/cancel/{account.test_key}/0000000000")
    assert answer.json() == {
        "success": True,
        "campaignId": told["campaignId"],
        "assignedCredit": f"{told['cost']:g}",
        "currency": "EUR",
    }
    assert (again.status_code, again.json()["code"], again.json()["message"]) == (403, 10, "Action non autorisée")
    assert (unknown.status_code, unknown.json()["code"]) == (404, 404)
    assert await check_ledger(house) == []


async def test_another_accounts_send_is_not_found(account: OpenedAccount, serve: Serve, house: House) -> None:
    stranger = await open_account(house, "Autre")
    async with serve(calls_per_second=1) as http:
        told = (await send(http, tts(account, scheduledDate="2026-02-01 10:00:00"))).json()
        for key in (stranger.live_key, stranger.test_key, account.live_key):
            answer = await http.delete(f"/v1/campaign/cancel/{key}/{told['campaignId']}")
            assert (answer.status_code, answer.json()["code"]) == (404, 404)


async def test_a_repeat_under_the_same_key_gets_the_first_answer_and_sends_nothing(
    account: OpenedAccount, serve: Serve, house: House
) -> None:
    async with serve(calls_per_second=1, limit_me="off") as http:
        body = tts(account, scheduledDate="2026-02-01 10:00:00")
        first = await send(http, body, **{"idempotency-key": "k"})
        left = await credit(http, account)
        again = await send(http, body, **{"idempotency-key": "k"})
        other = await send(http, body | {"text": "Autre"}, **{"idempotency-key": "k"})
        assert await credit(http, account) == left
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert "idempotent-replayed" not in first.headers
    assert (other.status_code, other.json()["code"]) == (409, 409)
    assert await check_ledger(house) == []


async def test_twins_at_the_same_time_send_once(account: OpenedAccount, serve: Serve, house: House) -> None:
    async with serve(calls_per_second=1) as http:
        body = tts(account, scheduledDate="2026-02-01 10:00:00")
        answers = await asyncio.gather(*(send(http, body, **{"idempotency-key": "k"}) for _ in range(8)))
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7
    found = await house.accounts.find(AccountRef(account.account, Mode.SANDBOX))
    assert len(await house.campaigns.newest(found.id, None, 10)) == 1


async def test_a_refusal_is_not_kept_under_the_key(account: OpenedAccount, serve: Serve, house: House) -> None:
    poor = await open_account(house, "Pauvre")
    async with serve(calls_per_second=1) as http:
        headers = {"idempotency-key": "k"}
        refused(await send(http, tts(poor), **headers), "NOT_CREDIT")
        found = await house.accounts.find(AccountRef(poor.account, Mode.SANDBOX))
        await give(house, found.id)
        assert (await send(http, tts(poor), **headers)).status_code == 200


async def give(house: House, account_id: int) -> None:
    from portevoix.domain.ledger import PAID, Kind

    await house.ledger.credit(account_id, Kind.TOP_UP, EURO, PAID, "given", None)


async def test_a_bad_idempotency_key_is_told(account: OpenedAccount, serve: Serve) -> None:
    async with serve(calls_per_second=1) as http:
        refused(await send(http, tts(account), **{"idempotency-key": "k" * 256}), 400)


async def test_the_sandbox_spoils_answers_on_purpose_but_not_the_send(
    account: OpenedAccount, serve: Serve, house: House
) -> None:
    async with serve(calls_per_second=1) as http:
        body = tts(account, phoneNumbers="0639980050", scheduledDate="2026-02-01 10:00:00")
        spoiled = await send(http, body, **{"idempotency-key": "k"})
        again = await send(http, body, **{"idempotency-key": "k"})
        too_many = await send(http, tts(account, phoneNumbers="0639980051"))
    assert (spoiled.status_code, again.status_code, again.json()["success"]) == (500, 200, True)
    assert (too_many.status_code, too_many.json()["code"]) == (429, 429)
    found = await house.accounts.find(AccountRef(account.account, Mode.SANDBOX))
    assert len(await house.campaigns.newest(found.id, None, 10)) == 1


async def test_live_keys_meet_no_faults_on_purpose(account: OpenedAccount, serve: Serve, house: House) -> None:
    numbers = "0639980040,0639980042,0639980050,0639980051"
    await add_route(house, await add_trunk(house, engine=Engine.ASTERISK))
    async with serve(calls_per_second=1, trunk_fiction="yes") as http:
        answer = await send(http, tts(account, apiKey=account.live_key, phoneNumbers=numbers))
    assert answer.status_code == 200, answer.text


async def test_a_scheduled_date_is_one_of_paris(
    account: OpenedAccount, serve: Serve, house: House, clock: ManualClock
) -> None:
    async with serve(calls_per_second=1) as http:
        told: dict[str, Any] = (await send(http, tts(account, scheduledDate="2026-07-14 10:00:00"))).json()
    found = await house.accounts.find(AccountRef(account.account, Mode.SANDBOX))
    sent = await house.campaigns.find(found.id, told["campaignId"])
    assert sent.due_at.isoformat() == "2026-07-14T08:00:00+00:00"
    assert sent.created_at == clock.now()
