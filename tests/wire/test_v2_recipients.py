"""Recipients in a file: whatever a spreadsheet makes of a list is read, and what cannot be called is named by line."""

from __future__ import annotations

import asyncio
import json
import tempfile
import tracemalloc
from typing import Any

import httpx2
import pytest
from starlette.requests import ClientDisconnect

from portevoix.domain.ids import Mode
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.credit import check_ledger
from portevoix.web.recipients import Recipients, entries_of
from tests.conftest import Serve
from tests.store.test_calls import BLOCKS
from tests.wire.modern import FAST, LATER, Client, problem
from tests.wire.sound import bearer, keep

ONE, TWO, THREE = "+33639980001", "+33639980002", "+33199000003"
FULL = (10 * MICROS_PER_EURO, 0)
BOUNDARY = "portevoix-boundary"

#: Files that name ONE, TWO and THREE.
FILES = {
    "no header": "0639980001\n0639980002\n0199000003\n",
    "no line end at the end": "0639980001\n0639980002\n0199000003",
    "lines as Windows ends them": "0639980001\r\n0639980002\r\n0199000003\r\n",
    "a mark in front": "\ufeff0639980001\n0639980002\n0199000003\n",
    "a mark in front of a header": "\ufeffto\n0639980001\n0639980002\n0199000003\n",
    "a mark on a line of its own": "\ufeff\r\n0639980001\n0639980002\n0199000003\n",
    "blank lines": "\n\n0639980001\n  \n0639980002\n\n0199000003\n\n",
    "a header that says nothing": "Destinataires\n0639980001\n0639980002\n0199000003\n",
    "semicolons": "nom;téléphone;ville\nAlice;06 39 98 00 01;Lyon\nBob;06.39.98.00.02;\nÉcole;01-99-00-00-03;Nîmes\n",
    "tabs": "TO\tname\n0639980001\tAlice, Bob; and Carol\n0639980002\t\n0199000003\tx\n",
    "commas": "name, Phone ,x\nAlice,+33 6 39 98 00 01,\nBob,0033639980002,\nCarol,33199000003,\n",
    "no header, the first column": "0639980001,0639980009\n0639980002,0639980009\n0199000003,0639980009\n",
    "quotes": '"number","name"\n"06 39 98 00 01","Alice, ""A"""\n"0639980002","Bob\nof two\nlines"\n"0199000003",""\n',
    "spaces of all kinds": "06\u00a039\u202f98 00 01\n 0639980002 \n01 99 00 00 03\n",
    "each of them twice": "0639980001\n0639980001\n+33639980002\n0639980002\n0199000003\n06 39 98 00 01\n",
    "rows of different lengths": "a;b;number\n;;0639980001;too;much\nx;y;0639980002\n1;2;0199000003\n",
    "the first of two columns that fit": "to,phone\n0639980001,1\n0639980002,2\n0199000003,3\n",
}

#: Files with something wrong, and which lines are named.
BAD_LINES: dict[str, tuple[str, list[tuple[str, int]]]] = {
    "in the middle": ("0639980001\n112\n0639980002\nnobody\n", [("112", 2), ("nobody", 4)]),
    "beneath a header, after blank lines": ("\n\nto\n0639980001\n\n0836651234\n", [("0836651234", 6)]),
    "after a cell of several lines": ('name;to\n"a\nb\nc";0639980001\nx;112\n', [("112", 5)]),
    "without a number": ("name;to\nAlice;0639980001\nBob;\nCarol\n", [("", 3), ("", 4)]),
    "that nobody would guess": ('=HYPERLINK("x")1\n0639980001\n', [('=HYPERLINK("x")1', 1)]),
    "cut after forty characters": (f"0639980001\n{'9' * 300}\n", [("9" * 40, 2)]),
    "of the sandbox, among others": ("112\n0639980040\n0639980001\nx1\n", [("112", 1), ("+33639980040", 2), ("x1", 4)]),
    "that the tariff does not sell": ("0639980001\n+1 212 555 0100\n1x\n", [("+12125550100", 2), ("1x", 3)]),
    "each as often as it is there": ("112\n112\n0639980001\n", [("112", 1), ("112", 2)]),
    "with what is no letter": ("0639980001\x00\n0639980002\n", [("0639980001\x00", 1)]),
    "in a quote that does not end": ('0639980001\n"0639980002\n0199000003\n', [("0639980002\n0199000003", 2)]),
}


async def untouched(door: Client, house: House) -> None:
    assert await door.balance() == FULL
    assert (await door.get("messages"))["items"] == []
    assert await check_ledger(house) == []


async def test_files_of_all_kinds_are_read(door: Client, token: str) -> None:
    order = {"audio": token, "at": LATER}
    called = {}
    for name, file in FILES.items():
        answer = await door.upload(file.encode(), order)
        assert answer.status_code == 201, (name, answer.text)
        calls = await door.get(f"messages/{answer.json()['id']}/calls")
        called[name] = [call["to"] for call in calls["items"]]
    assert called == {name: [ONE, TWO, THREE] for name in FILES}


async def test_a_file_is_priced_as_a_list_is(door: Client, token: str, house: House) -> None:
    order = {"audio": token, "at": LATER}
    listed = await door.done("quotes", order | {"to": [ONE, TWO, THREE]})
    assert (await door.upload(FILES["semicolons"].encode(), order, "quotes")).json() == listed
    await untouched(door, house)


async def test_every_bad_line_is_named_and_nothing_is_charged(door: Client, token: str, house: House) -> None:
    order = {"audio": token, "at": LATER}
    named, quoted = {}, {}
    for name, (file, _) in BAD_LINES.items():
        told = problem(await door.upload(file.encode(), order), 400, "destination_invalid", "errors")
        assert told["detail"].startswith(f"{len(told['errors'])} ")
        assert all(one["reason"] for one in told["errors"])
        named[name] = [(one["value"], one["line"]) for one in told["errors"]]
        quote = (await door.upload(file.encode(), order, "quotes")).json()
        quoted[name] = [(one["value"], one["line"]) for one in quote["refused"]]
    assert named == quoted == {name: lines for name, (_, lines) in BAD_LINES.items()}
    await untouched(door, house)


async def test_a_file_that_cannot_be_read_is_told_with_the_line(door: Client, token: str, house: House) -> None:
    order = {"audio": token}
    good = "0639980001\n"
    for file, detail in (
        (f"{good}André\n".encode("latin-1"), "file: line 2 is not UTF-8"),
        (good.encode("utf-16"), "file: line 1 is not UTF-8"),
        (good.encode() + b"\xff\xfe\n", "file: line 2 is not UTF-8"),
        (b"0639980001\r0639980002\r", "file: line 1: "),
        (good.encode() + b'"' + b"x" * 200_000, "file: line 2: "),
    ):
        assert problem(await door.upload(file, order), 400, "invalid_value")["detail"].startswith(detail)
    for empty in (b"", b"\n\n", b"number\n", b"\xef\xbb\xbf", b"name;to\n;\n"):
        problem(await door.upload(empty, order), 400, "phone_number_required")
    await untouched(door, house)


async def test_an_order_beside_a_file_is_refused_as_any_order_is(door: Client, token: str, house: House) -> None:
    for order, status, code in (
        ({}, 400, "text_required"),
        ({"text": "a", "audio": token}, 400, "invalid_value"),
        ({"audio": "0" * 32}, 404, "audio_not_found"),
        ({"audio": token, "at": "2026-01-01T00:00:00Z"}, 400, "scheduled_date_invalid"),
        ({"audio": token, "kind": 1}, 400, "invalid_value"),
    ):
        problem(await door.upload(b"0639980001", order), status, code)
    await untouched(door, house)


async def test_a_form_that_is_none_is_refused(door: Client, token: str, house: House) -> None:
    order, file = json.dumps({"audio": token}), ("a.csv", b"0639980001\n", "text/csv")
    forms: list[dict[str, Any]] = [
        {"files": {"file": file}},
        {"files": {"recipients": file}, "data": {"order": order}},
        {"files": {"order": ("order.json", order.encode())}, "data": {"file": "0639980001"}},
        {"files": {"file": file}, "data": {"order": "{"}},
        {"files": {"file": file}, "data": {"order": ""}},
        {"files": {"file": file}, "data": {"order": "[]"}},
        {"files": [("file", file), ("file", ("b.csv", b"0639980002\n"))], "data": {"order": order}},
        {"files": {"file": file}, "data": {"order": [order, order]}},
        {"files": {"file": file, "order": ("o.json", b" " * 70_000 + order.encode())}},
        {"files": [("file", file)] * 3, "data": {"order": order}},
        {"files": {"file": file}, "data": {"order": order} | {f"field {n}": "x" for n in range(9)}},
        {"content": order.encode(), "headers": {"content-type": "multipart/form-data"}},
        {"content": order.encode(), "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"", "headers": {"content-type": "multipart/form-data; boundary=x"}},
    ]
    for form in forms:
        answer = await door.ask("POST", "messages", **form)
        problem(answer, 400, "invalid_value")
    await untouched(door, house)


async def test_an_order_may_be_a_file_of_its_own(door: Client, token: str) -> None:
    order = json.dumps({"audio": token, "at": LATER}).encode()
    files = {"order": ("order.json", order, "application/json"), "file": ("a.csv", b"0639980001")}
    assert (await door.ask("POST", "messages", files=files)).status_code == 201


# What is cut off, and what is too much


def form(order: object, file: bytes) -> bytes:
    """Write a form by hand, the file last."""
    return (
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="order"\r\n\r\n{json.dumps(order)}\r\n'
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        + file
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )


async def test_a_form_that_is_cut_off_anywhere_sends_nothing(door: Client, token: str, house: House) -> None:
    whole = form({"audio": token, "at": LATER}, b"0639980001\n0639980002\n0199000003\n")
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    for cut in (*range(0, len(whole) - 20, 7), *range(len(whole) - 20, len(whole) - 2)):
        problem(await door.ask("POST", "messages", content=whole[:cut], headers=headers), 400, "invalid_value")
    await untouched(door, house)
    assert (await door.ask("POST", "messages", content=whole, headers=headers)).status_code == 201


async def test_a_client_that_leaves_in_the_middle_of_its_file_has_sent_nothing(
    door: Client, token: str, house: House
) -> None:
    whole = form({"audio": token, "at": LATER}, b"0639980001\n" * 1_000)
    for kind in (f"multipart/form-data; boundary={BOUNDARY}", "application/json"):
        pieces = [whole[:500], whole[500:9_000]]

        async def receive(pieces: list[bytes] = pieces) -> Any:
            if pieces:
                return {"type": "http.request", "body": pieces.pop(0), "more_body": True}
            return {"type": "http.disconnect"}

        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        headers = {**bearer(door.key), "content-type": kind}
        request = httpx2.Request("POST", "http://portevoix.test/v2/messages", headers=headers)
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v2/messages",
            "query_string": b"",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 50000),
        }
        try:
            await door.http._transport.app(scope, receive, send)  # type: ignore[attr-defined]
        except ClientDisconnect:
            pytest.fail("the client's leaving was taken for a defect")
        assert [message.get("status") for message in sent[:1]] in ([], [400])
    await untouched(door, house)


async def test_more_than_the_most_recipients_are_refused(
    account: OpenedAccount, token: str, serve: Serve, house: House
) -> None:
    async with serve(**FAST, most_recipients=1_000) as http:
        door = Client(http, account.test_key)
        order = {"audio": token, "at": LATER}
        numbers = [f"06399{80_000 + number}" for number in range(10_000) if number % 100 not in range(40, 53)][:1_000]
        for file in ("\n".join([*numbers, "0199000003"]), "\n".join([*numbers, "bad"])):
            problem(await door.upload(file.encode(), order), 400, "phone_number_size_error")
        too_large = "".join(f"{number},{'x' * 400}\n" for number in numbers)
        problem(await door.upload(too_large.encode(), order), 413, "body_too_large")
        await untouched(door, house)
        made = await door.upload("\n".join([*numbers, *numbers]).encode(), order)
        assert (made.status_code, made.json()["recipients"]) == (201, 1_000)


async def test_a_hundred_thousand_lines_are_read_while_others_are_answered(house: House, serve: Serve) -> None:
    opened = await open_account(house, "Région", sandbox_micros=1_000 * MICROS_PER_EURO)
    token = (await keep(house, opened.account, "annonce", 44_000, mode=Mode.SANDBOX)).token
    tails = [f"{tail:04}" for tail in range(10_000) if tail % 100 not in range(40, 53)]
    numbers = [f"+{block}{tail}" for block in BLOCKS for tail in tails]
    file = "number;name\n" + "".join(f"{numbers[line % len(numbers)]};nobody {line}\n" for line in range(100_000))
    async with serve(**FAST) as http:
        door = Client(http, opened.test_key)
        sending = asyncio.create_task(door.upload(file.encode(), {"audio": token, "at": LATER}))
        answered = 0
        while not sending.done():
            await door.get("voices")
            answered += 1
        made = (await sending).json()
        assert answered > 10
        assert (made["recipients"], made["open"]) == (len(numbers), len(numbers))
        assert await door.balance() == (1_000 * MICROS_PER_EURO - made["reserved_micros"], made["reserved_micros"])
        cancelled = await door.done(f"messages/{made['id']}/cancel")
        assert cancelled["released_micros"] == made["reserved_micros"]
    assert await check_ledger(house) == []


async def test_lines_are_read_one_by_one_however_many_there_are() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"name;x;to\n")
        for line in range(100_000):
            file.write(f"Nobody {line};{'x' * 200};0639980001\n".encode())
        file.seek(0)
        recipients = Recipients(most=1)
        tracemalloc.start()
        try:
            await recipients.take(entries_of(file))
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert [str(number) for number in recipients.numbers] == [ONE]
    assert peak_bytes < 1_000_000
