"""GET /v1/audios and POST /v1/audio-file/rename, to the letter of the contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portevoix.domain.account import Scope, State
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, change_state, open_account
from tests.conftest import Serve
from tests.parts import ManualClock
from tests.wire.sound import bearer, keep, key_with

NOT_FOUND = '{"success":false,"code":"AUDIO_FILE_NOT_FOUND","message":"Le fichier audio est introuvable"}'
NAME_INVALID = '{"success":false,"code":"FILENAME_INVALID","message":"Le nom du fichier est invalide"}'
TOKEN_REQUIRED = '{"success":false,"code":"TOKEN_AUDIO_REQUIRED","message":"Le token de l\'audio est requis"}'
MALFORMED = '{"success":false,"code":90,"message":"Le JSON est malformé : erreur de syntaxe"}'
BAD_REQUEST = '{"success":false,"code":400,"message":"Mauvaise requête"}'
KEY_REQUIRED = '{"success":false,"code":1,"message":"La clé API est requise"}'
KEY_WRONG = '{"success":false,"code":10,"message":"Clé API incorrecte"}'
NO_TOKEN = "0" * 32


@pytest.fixture
async def account(house: House) -> OpenedAccount:
    return await open_account(house, "Mairie")


async def test_an_empty_library_has_no_entries(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.get(f"/v1/audios/{account.live_key}")
        in_xml = await http.get(f"/v1/audios/{account.live_key}?_format=xml")
    assert (answer.status_code, answer.text) == (200, '{"nb_datas":0,"datas":[]}')
    assert in_xml.text == '<?xml version="1.0" encoding="UTF-8"?><result><nb_datas>0</nb_datas><datas /></result>'


async def test_the_list_has_the_documented_keys_in_their_order(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    first = await keep(house, account.account, "filename1", 53_482)
    clock.advance(days=1, microseconds=250)
    second = await keep(house, account.account, "Été & <co>", 390_480)
    async with serve() as http:
        answer = await http.get(f"/v1/audios/{account.live_key}")
        in_xml = await http.get(f"/v1/audios/{account.live_key}?_format=xml")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.text == (
        '{"nb_datas":2,"datas":['
        f'{{"name":"filename1","token":"{first.token}","size":"104.5Ko","duration":"0:07","created_at":'
        '{"date":"2026-01-13 12:35:00.000000","timezone_type":3,"timezone":"Europe/Paris"}},'
        f'{{"name":"Été & <co>","token":"{second.token}","size":"762.7Ko","duration":"0:49","created_at":'
        '{"date":"2026-01-14 12:35:00.000250","timezone_type":3,"timezone":"Europe/Paris"}}]}'
    )
    assert (in_xml.status_code, in_xml.headers["content-type"]) == (200, "application/xml; charset=utf-8")
    assert in_xml.text == (
        '<?xml version="1.0" encoding="UTF-8"?><result><nb_datas>2</nb_datas><datas>'
        f"<entry><name>filename1</name><token>{first.token}</token><size>104.5Ko</size><duration>0:07</duration>"
        "<created_at><date>2026-01-13 12:35:00.000000</date><timezone_type>3</timezone_type>"
        "<timezone>Europe/Paris</timezone></created_at></entry>"
        f"<entry><name>Été &amp; &lt;co&gt;</name><token>{second.token}</token><size>762.7Ko</size>"
        "<duration>0:49</duration><created_at><date>2026-01-14 12:35:00.000250</date><timezone_type>3</timezone_type>"
        "<timezone>Europe/Paris</timezone></created_at></entry></datas></result>"
    )


async def test_the_key_may_be_in_the_path_the_query_or_a_header(account: OpenedAccount, serve: Serve) -> None:
    key = account.live_key
    async with serve() as http:
        answers = [
            await http.get(f"/v1/audios/{key}"),
            await http.get(f"/v1/audios?apiKey={key}"),
            await http.get(f"/v1/audios/?apiKey={key}"),
            await http.get("/v1/audios", headers=bearer(key)),
            await http.get(f"/v1/audios/{key}?apiKey=another", headers=bearer("another")),
        ]
    assert [answer.status_code for answer in answers] == [200] * 5


async def test_without_a_right_key_there_is_no_list(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answers = [
            await http.get("/v1/audios"),
            await http.get("/v1/audios/"),
            await http.get("/v1/audios/nonsense"),
            await http.get(f"/v1/audios/{account.live_key[:-1]}"),
        ]
    assert [(answer.status_code, answer.text) for answer in answers] == [
        (401, KEY_REQUIRED),
        (401, KEY_REQUIRED),
        (401, KEY_WRONG),
        (401, KEY_WRONG),
    ]


async def test_the_oldest_comes_first(house: House, account: OpenedAccount, serve: Serve, clock: ManualClock) -> None:
    beginning = clock.now()
    for second in (2, 0, 3, 1):
        clock.moment = beginning + timedelta(seconds=second)
        await keep(house, account.account, f"number {second}")
    twins = [await keep(house, account.account, "of the same moment") for _ in range(3)]
    async with serve() as http:
        first = await http.get(f"/v1/audios/{account.live_key}")
        again = await http.get(f"/v1/audios/{account.live_key}")
    entries = first.json()["datas"]
    assert [entry["name"] for entry in entries if "number" in entry["name"]] == [f"number {n}" for n in range(4)]
    dates = [entry["created_at"]["date"] for entry in entries]
    assert dates == sorted(dates)
    assert {entry["token"] for entry in entries} >= {recording.token for recording in twins}
    assert first.text == again.text


@pytest.mark.parametrize(
    ("samples", "size", "duration"),
    [
        (1, "0.0Ko", "0:00"),
        (3_999, "7.9Ko", "0:00"),
        (4_000, "7.9Ko", "0:01"),
        (53_482, "104.5Ko", "0:07"),  # 6.7 s
        (390_480, "762.7Ko", "0:49"),
        (475_999, "929.7Ko", "0:59"),
        (476_000, "929.7Ko", "1:00"),
        (524_266, "1024.0Ko", "1:06"),  # to the byte
        (524_267, "1.0Mo", "1:06"),
        (4_800_000, "9.2Mo", "10:00"),
    ],
)
async def test_sizes_and_durations_are_rounded_to_the_nearest(
    house: House, account: OpenedAccount, serve: Serve, samples: int, size: str, duration: str
) -> None:
    await keep(house, account.account, "rounded", samples)
    async with serve() as http:
        answer = await http.get(f"/v1/audios/{account.live_key}")
    (entry,) = answer.json()["datas"]
    assert (entry["size"], entry["duration"]) == (size, duration)


async def test_dates_are_paris_time_in_winter_and_summer(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    for moment in (
        datetime(2026, 1, 31, 23, 30, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 7, 14, 22, 0, 0, 123_456, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ):
        clock.moment = moment
        await keep(house, account.account, "dated")
    async with serve() as http:
        answer = await http.get(f"/v1/audios/{account.live_key}")
    entries = [entry["created_at"] for entry in answer.json()["datas"]]
    assert [entry["date"] for entry in entries] == [
        "2026-02-01 00:30:00.000001",
        "2026-03-29 01:59:59.000000",
        "2026-03-29 03:00:00.000000",
        "2026-07-15 00:00:00.123456",
        "2026-10-25 02:30:00.000000",
        "2026-10-25 02:30:00.000000",
    ]
    assert {(entry["timezone_type"], entry["timezone"]) for entry in entries} == {(3, "Europe/Paris")}


async def test_other_accounts_and_the_sandbox_twin_are_not_shown(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    stranger = await open_account(house, "Clinique")
    sub_account = await open_account(house, "École", parent=account.account)
    await keep(house, stranger.account, "a stranger's")
    await keep(house, sub_account.account, "a sub-account's")
    own = await keep(house, account.account, "the live one")
    twin = await keep(house, account.account, "the twin's", mode=Mode.SANDBOX)
    async with serve() as http:
        live = await http.get(f"/v1/audios/{account.live_key}")
        test = await http.get(f"/v1/audios/{account.test_key}")
    assert [entry["token"] for entry in live.json()["datas"]] == [own.token]
    assert [entry["token"] for entry in test.json()["datas"]] == [twin.token]


async def test_a_rename_answers_with_the_name_and_the_token(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "before")
    wanted = {"apiKey": account.live_key, "tokenAudio": kept.token, "filename": "Rendez-vous d'été"}
    async with serve() as http:
        answer = await http.post("/v1/audio-file/rename", json=wanted)
        in_xml = await http.post("/v1/audio-file/rename?_format=xml", json=wanted)
        listed = await http.get(f"/v1/audios/{account.live_key}")
    assert (answer.status_code, answer.text) == (
        200,
        f'{{"success":true,"filename":"Rendez-vous d\'été","tokenAudio":"{kept.token}"}}',
    )
    assert in_xml.text == (
        '<?xml version="1.0" encoding="UTF-8"?><result><success>true</success>'
        f"<filename>Rendez-vous d'été</filename><tokenAudio>{kept.token}</tokenAudio></result>"
    )
    assert [entry["name"] for entry in listed.json()["datas"]] == ["Rendez-vous d'été"]


async def test_the_key_of_a_rename_may_be_in_the_body_the_query_or_a_header(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    kept = await keep(house, account.account, "before")
    key, wanted = account.live_key, {"tokenAudio": kept.token, "filename": "after"}
    async with serve() as http:
        answers = [
            await http.post("/v1/audio-file/rename", json={**wanted, "apiKey": key}),
            await http.post(f"/v1/audio-file/rename?apiKey={key}", json=wanted),
            await http.post("/v1/audio-file/rename", json=wanted, headers=bearer(key)),
        ]
        without = await http.post("/v1/audio-file/rename", json=wanted)
        wrong = await http.post("/v1/audio-file/rename", json={**wanted, "apiKey": 12})
    assert [answer.status_code for answer in answers] == [200] * 3
    assert (without.status_code, without.text) == (401, KEY_REQUIRED)
    assert (wrong.status_code, wrong.text) == (401, KEY_WRONG)


async def test_what_is_not_the_accounts_own_is_never_renamed(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    stranger = await open_account(house, "Clinique")
    theirs = await keep(house, stranger.account, "a stranger's")
    twins = await keep(house, account.account, "the twin's", mode=Mode.SANDBOX)
    tokens = (theirs.token, twins.token, NO_TOKEN, "nonsense", theirs.token.upper(), "../" + theirs.token)
    async with serve(limit_rename="off") as http:
        for token in tokens:
            wanted = {"apiKey": account.live_key, "tokenAudio": token, "filename": "mine now"}
            answer = await http.post("/v1/audio-file/rename", json=wanted)
            assert (answer.status_code, answer.text) == (404, NOT_FOUND), token
        lists = [await http.get(f"/v1/audios/{key}") for key in (stranger.live_key, account.test_key)]
    assert [listed.json()["datas"][0]["name"] for listed in lists] == ["a stranger's", "the twin's"]


@pytest.mark.parametrize(
    "name",
    [
        *("", "ab", "  ab  ", "x" * 51, "é" * 51),
        *("a\nb c", "abc\x00", "a\tbc", "abc\x7f", "ab\u200bc", "\u202eabc", "ab\u2028c"),
        *("a/bc", "a\\bc", ".abc"),
        pytest.param(None, id="none"),
    ],
)
async def test_a_name_that_may_not_be_is_refused(
    house: House, account: OpenedAccount, serve: Serve, name: str | None
) -> None:
    kept = await keep(house, account.account, "before")
    wanted = {"tokenAudio": kept.token, **({} if name is None else {"filename": name})}
    async with serve() as http:
        answer = await http.post("/v1/audio-file/rename", json=wanted, headers=bearer(account.live_key))
        listed = await http.get(f"/v1/audios/{account.live_key}")
    assert (answer.status_code, answer.text) == (400, NAME_INVALID)
    assert listed.json()["datas"][0]["name"] == "before"


@pytest.mark.parametrize(
    ("name", "kept_as"),
    [
        ("abc", "abc"),
        ("é" * 50, "é" * 50),
        ("  deux mots  ", "deux mots"),
        ("e\u0301te\u0301", "été"),
        ("📣 alerte", "📣 alerte"),
        ("message.wav", "message.wav"),
    ],
)
async def test_a_name_is_kept_composed_and_without_outer_spaces(
    house: House, account: OpenedAccount, serve: Serve, name: str, kept_as: str
) -> None:
    kept = await keep(house, account.account, "before")
    async with serve() as http:
        wanted = {"tokenAudio": kept.token, "filename": name}
        answer = await http.post("/v1/audio-file/rename", json=wanted, headers=bearer(account.live_key))
    assert (answer.status_code, answer.json()["filename"]) == (200, kept_as)


@pytest.mark.parametrize("body", ["", "{}", '{"filename":"after"}', '{"tokenAudio":"","filename":"ab"}'])
async def test_a_rename_without_a_token_is_told_so(account: OpenedAccount, serve: Serve, body: str) -> None:
    async with serve() as http:
        answer = await http.post("/v1/audio-file/rename", content=body, headers=bearer(account.live_key))
    assert (answer.status_code, answer.text) == (400, TOKEN_REQUIRED)


@pytest.mark.parametrize(
    "body",
    [
        '{"tokenAudio": "abc", "filename": "after",}',
        '{\n"tokenAudio": "abc", // the token\n"filename": "after"\n}',
        '{"tokenAudio": "abc", "filename": "aft',
        "{'tokenAudio': 'abc'}",
        "tokenAudio=abc&filename=after",
        b'{"tokenAudio": "abc", "filename": "\xe9t\xe9"}',
        b'{"filename": "\\ud800"}',
    ],
)
async def test_malformed_json_is_code_90(account: OpenedAccount, serve: Serve, body: str | bytes) -> None:
    async with serve() as http:
        answers = [
            await http.post("/v1/audio-file/rename", content=body, headers=bearer(account.live_key)),
            await http.post(f"/v1/audio-file/rename?apiKey={account.live_key}", content=body),
        ]
    assert [(answer.status_code, answer.text) for answer in answers] == [(400, MALFORMED)] * 2


@pytest.mark.parametrize("broken", ['{{"apiKey": "{key}", "filename": "after",}}', '{{"apiKey": "{key}", // mine\n}}'])
async def test_malformed_json_is_code_90_also_with_the_key_inside(
    account: OpenedAccount, serve: Serve, broken: str
) -> None:
    async with serve() as http:
        answer = await http.post("/v1/audio-file/rename", content=broken.format(key=account.live_key))
    assert (answer.status_code, answer.text) == (400, MALFORMED)


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json;charset=utf-8", "application/json", "text/plain", "application/x-www-form-urlencoded"],
)
async def test_the_body_is_json_whatever_its_content_type(
    house: House, account: OpenedAccount, serve: Serve, content_type: str | None
) -> None:
    kept = await keep(house, account.account, "before")
    body = json.dumps({"apiKey": account.live_key, "tokenAudio": kept.token, "filename": "après"}, ensure_ascii=False)
    headers = {"Content-Type": content_type} if content_type else {}
    async with serve() as http:
        answer = await http.post("/v1/audio-file/rename", content=body.encode(), headers=headers)
    assert (answer.status_code, answer.json()["filename"]) == (200, "après")


async def test_fields_that_nobody_knows_are_ignored(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "before")
    wanted = {"tokenAudio": kept.token, "filename": "after", "name": "x", "speed": 1, "deep": {"er": [None]}}
    async with serve() as http:
        answer = await http.post("/v1/audio-file/rename?colour=red", json=wanted, headers=bearer(account.live_key))
    assert (answer.status_code, answer.json()["filename"]) == (200, "after")


@pytest.mark.parametrize("body", ["[]", '"text"', "12", "true", "null", '[{"tokenAudio":"abc"}]'])
async def test_a_body_that_is_no_object_is_a_bad_request(account: OpenedAccount, serve: Serve, body: str) -> None:
    async with serve() as http:
        answer = await http.post("/v1/audio-file/rename", content=body, headers=bearer(account.live_key))
    assert (answer.status_code, answer.text) == (400, BAD_REQUEST)


@pytest.mark.parametrize("field", ["filename", "tokenAudio"])
async def test_a_field_of_another_type_is_named(account: OpenedAccount, serve: Serve, field: str) -> None:
    for wrong in (12, ["after"], {"text": "after"}, True):
        wanted = {"tokenAudio": NO_TOKEN, "filename": "after", field: wrong}
        async with serve(limit_rename="off") as http:
            answer = await http.post("/v1/audio-file/rename", json=wanted, headers=bearer(account.live_key))
        told = answer.json()
        assert (answer.status_code, told["success"], told["code"]) == (400, False, 400)
        assert told["message"] == "Mauvaise requête"
        assert [(each["field"], each["code"]) for each in told["errors"]] == [(field, 400)]


async def test_a_body_that_is_too_large_is_a_bad_request(account: OpenedAccount, serve: Serve) -> None:
    body = json.dumps({"tokenAudio": NO_TOKEN, "filename": "x" * 1_100_000})
    async with serve() as http:
        answer = await http.post("/v1/audio-file/rename", content=body, headers=bearer(account.live_key))
        after = await http.get(f"/v1/audios/{account.live_key}")
    assert (answer.status_code, answer.text) == (400, BAD_REQUEST)
    assert after.status_code == 200


async def test_audios_are_limited_to_360_a_minute(account: OpenedAccount, serve: Serve, clock: ManualClock) -> None:
    now = int(clock.now().timestamp())
    async with serve() as http:
        first = await http.get(f"/v1/audios/{account.live_key}")
        for _ in range(358):
            await http.get(f"/v1/audios/{account.live_key}")
        last = await http.get(f"/v1/audios/{account.live_key}")
        refused = await http.get(f"/v1/audios/{account.live_key}")
        twin = await http.get(f"/v1/audios/{account.test_key}")
        clock.advance(seconds=1)
        again = await http.get(f"/v1/audios/{account.live_key}")
    assert _allowance(first) == ("360", "359", str(now + 1), None)
    assert (last.status_code, _allowance(last)) == (200, ("360", "0", str(now + 60), None))
    assert (refused.status_code, refused.text) == (429, '{"success":false,"code":429,"message":"Trop de requêtes"}')
    assert _allowance(refused) == ("360", "0", str(now + 60), "1")
    assert (twin.status_code, _allowance(twin)[1]) == (200, "359")
    assert (again.status_code, _allowance(again)[1]) == (200, "5")


async def test_renames_are_limited_to_5_a_minute_refused_ones_included(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    kept = await keep(house, account.account, "before")
    now = int(clock.now().timestamp())
    wanted = {"apiKey": account.live_key, "tokenAudio": kept.token, "filename": "after"}
    async with serve() as http:
        answers = [await http.post("/v1/audio-file/rename", json=wanted) for _ in range(4)]
        answers.append(await http.post("/v1/audio-file/rename", json={**wanted, "filename": ""}))
        refused = await http.post("/v1/audio-file/rename", json=wanted)
        listed = await http.get(f"/v1/audios/{account.live_key}")
        clock.advance(seconds=12)
        again = await http.post("/v1/audio-file/rename", json=wanted)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 400]
    assert [_allowance(answer) for answer in answers] == [
        ("5", str(4 - number), str(now + 12 * (number + 1)), None) for number in range(5)
    ]
    assert (refused.status_code, _allowance(refused)) == (429, ("5", "0", str(now + 60), "12"))
    assert listed.status_code == 200
    assert again.status_code == 200


async def test_a_key_does_only_what_its_scopes_say(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "before")
    reading = await key_with(house, account.account, Scope.READ)
    sending = await key_with(house, account.account, Scope.SEND)
    wanted = {"tokenAudio": kept.token, "filename": "after"}
    async with serve() as http:
        may_not = [
            await http.post("/v1/audio-file/rename", json=wanted, headers=bearer(reading)),
            await http.get("/v1/audios", headers=bearer(sending)),
        ]
        may = [
            await http.get("/v1/audios", headers=bearer(reading)),
            await http.post("/v1/audio-file/rename", json=wanted, headers=bearer(sending)),
        ]
    refused = '{"success":false,"code":40,"message":"L\'accès à l\'API est refusé"}'
    assert [(answer.status_code, answer.text) for answer in may_not] == [(403, refused)] * 2
    assert [answer.status_code for answer in may] == [200, 200]


@pytest.mark.parametrize(("state", "code"), [(State.DISABLED, 20), (State.BLOCKED, 30)])
async def test_an_account_that_is_off_sees_nothing(
    house: House, account: OpenedAccount, serve: Serve, state: State, code: int
) -> None:
    await keep(house, account.account, "before")
    await change_state(house, AccountRef(account.account), state)
    async with serve() as http:
        answer = await http.get(f"/v1/audios/{account.live_key}")
    assert (answer.status_code, answer.json()["code"]) == (403, code)


async def test_another_format_than_json_and_xml_is_a_bad_request(account: OpenedAccount, serve: Serve) -> None:
    async with serve() as http:
        answer = await http.get(f"/v1/audios/{account.live_key}?_format=csv")
        in_xml = await http.post(f"/v1/audio-file/rename?_format=xml&apiKey={account.live_key}")
    assert (answer.status_code, answer.text) == (400, BAD_REQUEST)
    assert in_xml.status_code == 400
    assert in_xml.text == (
        '<?xml version="1.0" encoding="UTF-8"?><result><success>false</success><code>TOKEN_AUDIO_REQUIRED</code>'
        "<message>Le token de l'audio est requis</message></result>"
    )


async def test_the_other_methods_are_not_allowed(serve: Serve) -> None:
    async with serve() as http:
        answers = [await http.post("/v1/audios/key"), await http.get("/v1/audio-file/rename")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(405, 405)] * 2
    assert [set(answer.headers["allow"].split(", ")) for answer in answers] == [{"GET", "HEAD"}, {"POST"}]


def _allowance(answer: Any) -> tuple[str | None, ...]:
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after")
    return tuple(answer.headers.get(name) for name in names)
