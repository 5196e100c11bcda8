"""/v2/audio: recordings come back as calls play them, to their owner alone."""

from __future__ import annotations

import httpx2
import pytest

from portevoix.api.v2.operation import Operation
from portevoix.api.v2.routes import OPERATIONS
from portevoix.domain.ids import Mode
from portevoix.ports import House
from portevoix.service.accounts import OpenedAccount, open_account
from tests.conftest import Serve
from tests.parts import ManualClock
from tests.wire.modern import problem
from tests.wire.sound import ask, bearer, keep

OF_A_TOKEN = [operation for operation in OPERATIONS if "{token}" in operation.path]


# Byte ranges


async def test_parts_of_the_content_are_served(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "a second", 8_000)
    async with serve() as http:

        async def fetch(**headers: str) -> httpx2.Response:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await http.get(f"/v2/audio/{kept.token}/content", headers=bearer(account.live_key) | sent)

        whole = await fetch()
        body, tag = whole.content, whole.headers["etag"]
        assert (len(body), whole.headers["accept-ranges"]) == (16_044, "bytes")
        for asked, part, where in (
            ("bytes=0-43", body[:44], "0-43"),
            ("bytes=100-100", body[100:101], "100-100"),
            ("bytes=44-1043", body[44:1044], "44-1043"),
            ("bytes=-44", body[-44:], "16000-16043"),
            ("bytes=-99999", body, "0-16043"),
            ("bytes=16000-", body[16_000:], "16000-16043"),
            ("bytes=0-99999", body, "0-16043"),
        ):
            answer = await fetch(Range=asked)
            assert (answer.status_code, answer.headers["content-range"]) == (206, f"bytes {where}/16044"), asked
            assert (answer.content, answer.headers["etag"]) == (part, tag), asked
        for asked in ("bytes=16044-", "bytes=99999-999999", "bytes=-0", "bytes=5-4"):
            answer = await fetch(Range=asked)
            assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */16044"), asked
        for asked in ("bytes=0-1,4-5", "bytes=-", "seconds=0-1", "bytes", "bytes=a-b", "bytes=1-0x2"):
            answer = await fetch(Range=asked)
            assert (answer.status_code, answer.content) == (200, body), asked
        assert (await fetch(Range="bytes=0-9", If_Range=tag)).status_code == 206
        for changed in ('"another"', f"W/{tag}", "Tue, 13 Jan 2026 11:35:00 GMT"):
            answer = await fetch(Range="bytes=0-9", If_Range=changed)
            assert (answer.status_code, answer.content) == (200, body), changed


async def test_content_that_the_client_has_is_not_sent_again(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    kept = await keep(house, account.account, "a second", 8_000)
    content = f"/v2/audio/{kept.token}/content"
    async with serve() as http:
        tags = [
            (await http.get(f"{content}?encoding={encoding}", headers=bearer(account.live_key))).headers["etag"]
            for encoding in ("linear", "alaw")
        ]
        headers = {**bearer(account.live_key), "If-None-Match": tags[0]}
        known = await http.get(content, headers=headers)
        other = await http.get(f"{content}?encoding=alaw", headers=headers)
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tags[0])
    assert (other.status_code, other.headers["etag"]) == (200, tags[1])
    assert tags[0] != tags[1]


@pytest.mark.parametrize("written", ["W/{tag}", '"another", {tag}', "*"])
async def test_if_none_match_is_read_as_the_rfc_says(
    house: House, account: OpenedAccount, serve: Serve, written: str
) -> None:
    """RFC 9110, 13.1.2: a list, compared weakly, or ``*``."""
    kept = await keep(house, account.account, "a second", 8_000)
    content = f"/v2/audio/{kept.token}/content"
    async with serve() as http:
        tag = (await http.get(content, headers=bearer(account.live_key))).headers["etag"]
        headers = {**bearer(account.live_key), "If-None-Match": written.format(tag=tag)}
        assert (await http.get(content, headers=headers)).status_code == 304


async def test_the_head_of_the_content_has_its_length_and_no_body(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    kept = await keep(house, account.account, "a second", 8_000)
    async with serve() as http:
        answer = await http.head(f"/v2/audio/{kept.token}/content", headers=bearer(account.live_key))
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "16044")


async def test_an_encoding_that_nobody_knows_is_a_problem(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "a second")
    async with serve() as http:
        answer = await http.get(f"/v2/audio/{kept.token}/content?encoding=mp3", headers=bearer(account.live_key))
    problem(answer, 400, "invalid_value")


# The list


async def test_the_list_comes_in_pages_oldest_first(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    kept = []
    for number in range(5):
        kept.append((await keep(house, account.account, f"number {number}")).token)
        clock.advance(microseconds=1)
    await keep(house, account.account, "the twin's", mode=Mode.SANDBOX)
    async with serve() as http:

        async def page(limit: int, after: str | None = None) -> tuple[list[str], str | None]:
            query = {"limit": limit, **({"after": after} if after else {})}
            answer = await http.get("/v2/audio", params=query, headers=bearer(account.live_key))
            assert answer.status_code == 200, answer.text
            return [item["token"] for item in answer.json()["items"]], answer.json()["next"]

        first, second = await page(2)
        assert first == kept[:2]
        kept.append((await keep(house, account.account, "a new one")).token)
        middle, third = await page(2, second)
        assert middle == kept[2:4]
        assert await page(2, third) == (kept[4:], None)  # as many as fit, and no empty page after
        assert await page(100) == (kept, None)
        assert await page(2, second) == (middle, third)
        # The place stays where it was, whatever becomes of what stood there.
        for token in (kept[1], kept[2]):
            await http.delete(f"/v2/audio/{token}", headers=bearer(account.live_key))
        assert (await page(2, second))[0] == kept[3:5]


async def test_recordings_of_one_moment_are_each_on_one_page(
    house: House, account: OpenedAccount, serve: Serve
) -> None:
    kept = [(await keep(house, account.account, f"number {number}")).token for number in range(7)]
    seen, after = [], ""
    async with serve() as http:
        while after is not None:
            answer = await http.get("/v2/audio", params={"limit": 3, "after": after}, headers=bearer(account.live_key))
            seen += [item["token"] for item in answer.json()["items"]]
            after = answer.json()["next"]
    assert sorted(seen) == sorted(kept)


async def test_a_page_has_fifty_items_where_nothing_is_said(
    house: House, account: OpenedAccount, serve: Serve, clock: ManualClock
) -> None:
    kept = []
    for number in range(51):
        kept.append((await keep(house, account.account, f"number {number}", 10)).token)
        clock.advance(seconds=1)
    async with serve() as http:
        first = (await http.get("/v2/audio", headers=bearer(account.live_key))).json()
    assert [item["token"] for item in first["items"]] == kept[:50]
    assert first["next"]


async def test_a_page_that_is_none_is_a_problem(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "a second")
    async with serve() as http:
        for query in (
            *({"limit": limit} for limit in ("0", "101", "-1", "two", "1.5")),
            *({"after": after} for after in (kept.token, "0" * 32, "nonsense", "_", "2026-01-13_" + kept.token)),
        ):
            answer = await http.get("/v2/audio", params=query, headers=bearer(account.live_key))
            problem(answer, 400, "invalid_value")
        for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-01-13T11:35:00Z"):
            query = {"after": f"{moment}_{kept.token}"}
            answer = await http.get("/v2/audio", params=query, headers=bearer(account.live_key))
            assert answer.status_code == 200, moment


async def test_another_accounts_place_shows_nothing_of_it(house: House, account: OpenedAccount, serve: Serve) -> None:
    stranger = await open_account(house, "Clinique")
    for number in range(2):
        await keep(house, stranger.account, f"a stranger's {number}")
    own = await keep(house, account.account, "my own")
    async with serve() as http:
        theirs = await http.get("/v2/audio?limit=1", headers=bearer(stranger.live_key))
        after = theirs.json()["next"]
        answer = await http.get("/v2/audio", params={"after": after}, headers=bearer(account.live_key))
    assert {item["token"] for item in answer.json()["items"]} <= {own.token}


# One recording


async def test_a_recording_gets_another_name(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "before")
    async with serve() as http:
        path = f"/v2/audio/{kept.token}"
        renamed = await http.patch(path, json={"name": "  e\u0301te\u0301  ", "x": 1}, headers=bearer(account.live_key))
        shown = await http.get(path, headers=bearer(account.live_key))
        for name in ("ab", "x" * 51, "a\x00bc"):
            answer = await http.patch(path, json={"name": name}, headers=bearer(account.live_key))
            problem(answer, 400, "audio_name_invalid")
        for body in (b"", b"{}", b'{"name":null}', b'{"name":"after",}', b"[]"):
            answer = await http.patch(path, content=body, headers=bearer(account.live_key))
            problem(answer, 400, "invalid_value")
        after = await http.get(path, headers=bearer(account.live_key))
    assert (renamed.status_code, renamed.json()["name"]) == (200, "été")
    assert renamed.json() == shown.json() == after.json()


async def test_a_deleted_recording_is_gone_everywhere(house: House, account: OpenedAccount, serve: Serve) -> None:
    kept = await keep(house, account.account, "short-lived")
    async with serve() as http:
        path, headers = f"/v2/audio/{kept.token}", bearer(account.live_key)
        gone = await http.delete(path, headers=headers)
        for answer in (
            await http.get(path, headers=headers),
            await http.get(f"{path}/content", headers=headers),
            await http.delete(path, headers=headers),
        ):
            problem(answer, 404, "audio_not_found")
        listed = [await http.get(f"/{door}", headers=headers) for door in ("v2/audio", "v1/audios")]
    assert (gone.status_code, gone.content) == (204, b"")
    assert [answer.json() for answer in listed] == [{"items": [], "next": None}, {"nb_datas": 0, "datas": []}]


@pytest.mark.parametrize("operation", OF_A_TOKEN, ids=lambda operation: operation.name)
async def test_another_accounts_recording_does_not_exist(
    house: House, account: OpenedAccount, serve: Serve, operation: Operation
) -> None:
    stranger = await open_account(house, "Clinique")
    parent = await open_account(house, "École", parent=account.account)
    kept = await keep(house, account.account, "private")
    async with serve() as http:
        for key in (stranger.live_key, account.test_key, parent.live_key):
            problem(await ask(http, operation, key, kept.token), 404, "audio_not_found")
        for token in ("0" * 32, "nonsense", kept.token.upper()):
            problem(await ask(http, operation, account.live_key, token), 404, "audio_not_found")
        untouched = await http.get(f"/v2/audio/{kept.token}", headers=bearer(account.live_key))
        own = await ask(http, operation, account.live_key, kept.token)
    assert untouched.json()["name"] == "private"
    assert own.status_code == operation.status, own.text
