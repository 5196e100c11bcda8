"""The ledger's page: where the credit came from, and where it went."""

from __future__ import annotations

import csv
import io
import re

import httpx2
import pytest

from portevoix.console.pages import ledger
from portevoix.domain.ids import AccountRef, Mode
from portevoix.ports import House
from portevoix.service import sent
from portevoix.service.accounts import open_account
from portevoix.service.credit import adjust, allot, top_up
from tests.console.conftest import People
from tests.console.visitor import words_of
from tests.parts import ManualClock
from tests.wire.modern import Client
from tests.wire.sound import keep

EURO = 1_000_000
SCRIPT = "<script>alert(1)</script>\"'"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;"


@pytest.fixture
def ref(people: People) -> AccountRef:
    """The ledger of the account's sandbox, which begins with a top-up of 100 €."""
    return AccountRef(people.account.account, Mode.SANDBOX)


def lines(page: httpx2.Response) -> list[list[str]]:
    """What a page's table says, row by row."""
    assert page.status_code == 200, page.text
    body = page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.S)
    return [
        [re.sub(r"<[^>]+>|\s+", " ", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.S)] for row in rows
    ]


async def test_the_newest_line_is_the_first_and_each_has_the_balance_after_it(
    people: People, house: House, ref: AccountRef
) -> None:
    await top_up(house, ref, 5 * EURO, "gift", reason="a gift")
    await adjust(house, ref, -EURO, "fault", "a fault")
    assert [line[1:5] for line in lines(await people.viewer.get(f"{people.place}/ledger"))] == [
        ["debit adjustment", "-€1.00", "", "€104.00"],
        ["top-up", "+€5.00", "", "€105.00"],
        ["top-up", "+€100.00", "", "€100.00"],
    ]


async def test_a_call_sets_aside_is_spent_and_leads_to_its_page(people: People, house: House) -> None:
    door = Client(people.manager.http, people.account.test_key)
    token = (await keep(house, people.account.account, "annonce", 64_000, mode=Mode.SANDBOX)).token
    message = (await door.done("messages", {"to": ["0639980400"], "audio": token}))["id"]
    await door.over(message)
    page = await people.viewer.get(f"{people.place}/ledger")
    assert [line[1:5] for line in lines(page)] == [
        ["set free", "+€0.002", "-€0.002", "€99.994"],
        ["spent", "", "-€0.006", "€99.992"],
        ["set aside", "-€0.008", "+€0.008", "€99.992"],
        ["top-up", "+€100.00", "", "€100.00"],
    ]
    place = f"{people.place}/campaigns/{message}/calls/1"
    assert page.text.count(f'href="{place}"') == 3
    assert (await people.viewer.get(place)).status_code == 200


async def test_reasons_and_the_other_account_are_shown_as_they_were_written(
    people: People, house: House, ref: AccountRef
) -> None:
    child = await open_account(house, "Crèche", parent=people.account.account)
    await allot(house, ref, AccountRef(child.account, Mode.SANDBOX), EURO, "allot", SCRIPT)
    page = await people.viewer.get(f"{people.place}/ledger")
    assert ESCAPED in page.text
    assert "<script>alert" not in page.text
    assert f"account {child.account}" in words_of(page)


async def test_lines_are_filtered_by_what_they_are(people: People, house: House, ref: AccountRef) -> None:
    await adjust(house, ref, EURO, "more", "more")
    for kind, said in (("adjustment_credit", "credit adjustment"), ("top_up", "top-up")):
        (line,) = lines(await people.viewer.get(f"{people.place}/ledger?kind={kind}"))
        assert line[1] == said
    none = await people.viewer.get(f"{people.place}/ledger?kind=settle")
    assert "Nothing was posted like that." in words_of(none)
    assert len(lines(await people.viewer.get(f"{people.place}/ledger?kind=nonsense"))) == 2


async def test_days_are_those_of_paris_and_whole(
    people: People, house: House, ref: AccountRef, clock: ManualClock
) -> None:
    for hours, euros in ((11, 1), (1, 2), (11, 0), (11, 0), (1, 3), (1, 4)):  # a session is over after 12 idle hours
        clock.advance(hours=hours)
        await people.viewer.get("/console/me")
        if euros:
            await top_up(house, ref, euros * EURO, f"gift-{euros}")

    async def sums(query: str) -> list[str]:
        return [line[2] for line in lines(await people.viewer.get(f"{people.place}/ledger?{query}"))]

    assert await sums("first=2026-01-14&last=2026-01-14") == ["+€3.00", "+€2.00"]
    assert await sums("first=2026-01-14") == ["+€4.00", "+€3.00", "+€2.00"]
    assert await sums("last=2026-01-13") == ["+€1.00", "+€100.00"]
    assert await sums("first=2026-01-15&kind=top_up") == ["+€4.00"]
    assert await sums("first=2027-01-01") == []


@pytest.mark.parametrize("day", ["31/12/2026", "2026-02-30", "0000-01-01", "9999-12-31", "x"])
async def test_a_day_that_is_none_is_refused_and_what_was_typed_stays(people: People, day: str) -> None:
    page = await people.viewer.get(f"{people.place}/ledger?last={day}&kind=top_up")
    assert page.status_code == 422
    assert "Write days as 2026-12-31." in words_of(page)
    assert f'name="last" value="{day}"' in page.text
    assert '<option value="top_up" selected>' in page.text
    assert (await people.viewer.get(f"{people.place}/ledger.csv?last={day}")).status_code == 422


async def test_a_long_ledger_comes_a_page_at_a_time(
    people: People, house: House, ref: AccountRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LINES_SHOWN", 2)
    for euros in range(1, 5):
        await adjust(house, ref, euros * EURO, f"more-{euros}", "more")
    page, seen = await people.viewer.get(f"{people.place}/ledger?kind=adjustment_credit"), []
    while True:
        seen.append([line[2] for line in lines(page)])
        following = re.search(r'href="([^"]+)" rel="next"', page.text)
        if following is None:
            break
        page = await people.viewer.get(following[1].replace("&amp;", "&"))
    assert seen == [["+€4.00", "+€3.00"], ["+€2.00", "+€1.00"]]
    assert f'href="{people.place}/ledger?kind=adjustment_credit"' in page.text, "back to the beginning"


async def test_what_was_asked_for_can_be_taken_along_and_runs_nothing(
    people: People, house: House, ref: AccountRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent, "LINES_AT_ONCE", 2)
    await adjust(house, ref, -2 * EURO, "fault", "=HYPERLINK(1)")
    for place in range(3):
        await adjust(house, ref, EURO, f"more-{place}", f"more {place}")
    file = await people.viewer.get(f"{people.place}/ledger.csv")
    header, *rows = csv.reader(io.StringIO(file.text))
    assert header == [*("When", "What", "Available", "Set aside", "Available after", "Call", "Other account", "Reason")]
    assert [row[7] for row in rows] == ["more 2", "more 1", "more 0", "'=HYPERLINK(1)", "opening credit"]
    assert rows[3] == ["2026-01-13 12:35:00", "debit adjustment", "-2", "0", "98", "", "", "'=HYPERLINK(1)"]
    file = await people.viewer.get(f"{people.place}/ledger.csv?kind=top_up")
    assert [row[7] for row in csv.reader(io.StringIO(file.text))][1:] == ["opening credit"]
