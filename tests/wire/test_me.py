"""GET /v1/me, to the letter of the contract."""

from __future__ import annotations

from portevoix.ports import House
from portevoix.service.accounts import open_account
from tests.conftest import Serve


async def test_the_answer_has_the_documented_keys_in_their_order(house: House, serve: Serve) -> None:
    account = await open_account(house, "Mairie", credit_micros=19_000_000)
    async with serve() as http:
        answer = await http.get(f"/v1/me/{account.live_key}")
    assert answer.status_code == 200
    assert answer.text == (
        '{"success":true,"credit":"19","currency":"€","details":{"tts":{"h":5,"m":16,"s":40},'
        '"tts_fixe":{"h":10,"m":33,"s":20},"voice":{"message":126}}}'
    )
