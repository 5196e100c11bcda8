"""Archived months as files, and the calls of old ones erased."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from portevoix.domain.archive import Exported, Month, StillOpen
from portevoix.domain.campaign import CallErased, CallNotFound
from portevoix.domain.errors import Busy, InvalidValue
from portevoix.ports import House
from portevoix.service import archive, credit, notices
from portevoix.service.reading import find_access
from portevoix.store import archive as store
from tests.conftest import Serve
from tests.parts import ManualClock, until
from tests.store.past import KEEP_MONTHS, Past, live_through
from tests.store.test_archive import ALL_OF_JANUARY, FEBRUARY, JANUARY, MARCH, WAITS, counts, rows
from tests.wire.modern import FAST, Client, problem

ROWS = {"campaign": 3, "call": 60, "attempt": 70, "webhook": 50, "webhook_attempt": 50, "hold": 60, "draw": 60,
        "transfer": 120}  # fmt: skip


@pytest.fixture
async def past(house: House, clock: ManualClock, url: str) -> Past:
    past = await live_through(house, clock, url)
    assert await archive.archive(house, KEEP_MONTHS) == ALL_OF_JANUARY
    return past


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check_sums(folder: Path) -> None:
    """Check the digests as a user would."""
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)


async def exported(house: House, folder: Path) -> list[Exported]:
    return [one async for one in archive.export(house, folder)]


async def test_a_month_is_written_whole_with_its_counts_and_digests(
    house: House, past: Past, url: str, tmp_path: Path
) -> None:
    assert await exported(house, tmp_path) == [Exported(JANUARY, "2026-01", ROWS, is_new=True)]
    folder = tmp_path / "2026-01"
    assert names(tmp_path) == ["2026-01"]
    assert folder.stat().st_mode & 0o777 == 0o700
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["month"], set(manifest["tables"])) == ("2026-01", set(ROWS))
    for table, told in manifest["tables"].items():
        raw = (folder / told["file"]).read_bytes()
        assert (hashlib.sha256(raw).hexdigest(), len(raw)) == (told["sha256"], told["bytes"])
        lines = list(csv.DictReader(io.StringIO(gzip.decompress(raw).decode())))
        assert len(lines) == told["rows"] == ROWS[table]
    check_sums(folder)
    (told,) = [line for line in lines if line["hold_id"] == str(past.refunded) and line["kind"] == "settle"]
    ((micros,),) = rows(url, "SELECT settled_micros FROM past_hold WHERE id = %s", past.refunded)
    assert told["amount_micros"] == str(micros)
    assert b"notify_token" not in gzip.decompress((folder / "campaign.csv.gz").read_bytes())


async def test_a_month_is_written_anew_where_something_has_changed_alone(
    house: House, past: Past, tmp_path: Path
) -> None:
    await exported(house, tmp_path)
    before = content(tmp_path / "2026-01")
    assert await exported(house, tmp_path) == [Exported(JANUARY, "2026-01", ROWS, is_new=False)]
    assert content(tmp_path / "2026-01") == before
    await credit.refund(house, past.refunded, 1, "later")
    assert await exported(house, tmp_path) == [Exported(JANUARY, "2026-01", ROWS, is_new=True)]
    after = content(tmp_path / "2026-01")
    assert {name for name in after if after[name] != before[name]} == {"hold.csv.gz", "SHA256SUMS", "manifest.json"}
    assert names(tmp_path) == ["2026-01"]


async def test_where_it_cannot_be_written_what_stood_there_still_does(
    house: House, past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await exported(house, tmp_path)
    await credit.refund(house, past.refunded, 1, "later")
    before = content(tmp_path / "2026-01")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        await exported(house, tmp_path)
    assert content(tmp_path / "2026-01") == before
    assert names(tmp_path) == ["2026-01"]


async def test_a_month_whose_files_were_damaged_is_written_again(house: House, past: Past, tmp_path: Path) -> None:
    await exported(house, tmp_path)
    before = content(tmp_path / "2026-01")
    (tmp_path / "2026-01" / "call.csv.gz").write_bytes(b"")
    (tmp_path / "2026-01" / "hold.csv.gz").unlink()
    assert await exported(house, tmp_path) == [Exported(JANUARY, "2026-01", ROWS, is_new=True)]
    assert content(tmp_path / "2026-01") == before


async def test_what_a_killed_export_left_is_put_away_and_what_it_had_taken_away_comes_back(
    house: House, past: Past, tmp_path: Path
) -> None:
    await exported(house, tmp_path)
    before = content(tmp_path / "2026-01")
    await archive.erase_calls(house, KEEP_MONTHS, FEBRUARY)
    (tmp_path / "2026-01").rename(tmp_path / ".2026-01.before")
    (tmp_path / ".2026-01.new").mkdir()
    (tmp_path / ".2026-01.new" / "call.csv.gz").write_bytes(b"numbers")
    assert await exported(house, tmp_path) == [Exported(JANUARY, "2026-01", ROWS, is_new=False)]
    assert (names(tmp_path), content(tmp_path / "2026-01")) == (["2026-01"], before)


async def test_one_export_is_under_way_at_a_time(house: House, past: Past, url: str, tmp_path: Path) -> None:
    with psycopg.connect(url) as other:
        assert other.execute(store.SQL["export_alone"]).fetchone() == (True,)
        with pytest.raises(Busy, match="another export is under way"):
            await exported(house, tmp_path)
        assert names(tmp_path) == []
    assert await exported(house, tmp_path) == [Exported(JANUARY, "2026-01", ROWS, is_new=True)]


def told_of_people(url: str, number: str) -> list[str]:
    """Name the tables in which a number still stands."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        found = [
            table
            for (table,) in tables
            for row in connection.execute(  # bytes are written in hexadecimal
                f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s OR t::text LIKE %s',
                [f"%{number}%", f"%{number.encode().hex()}%"],
            )
            if row[0]
        ]
    return sorted(found)


async def test_erased_calls_are_gone_with_their_numbers_and_what_they_cost_stays(
    house: House, past: Past, url: str, serve: Serve, clock: ManualClock
) -> None:
    number = rows(url, "SELECT number FROM past_call ORDER BY id LIMIT 1 OFFSET 20")[0][0]
    assert told_of_people(url, number) == ["event", "past_call_2026_01", "past_webhook_2026_01"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO attempt_recording SELECT call_id, number, 'a', now() FROM past_attempt ORDER BY id LIMIT 3"
        )
    async with serve(**FAST) as http:
        door = Client(http, past.alice.key)
        ledger, message = await door.walk("ledger", 100), await door.get(f"messages/{past.settled}")
        money = {table: both for table, both in counts(url).items() if table in ("hold", "draw", "transfer")}

        assert await archive.erase_calls(house, KEEP_MONTHS, FEBRUARY) == 50

        assert told_of_people(url, number) == []
        assert rows(url, "SELECT count(*) FROM attempt_recording") == [(0,)]
        assert {table: counts(url)[table] for table in money} == money
        assert await credit.check_ledger(house) == []
        assert await door.walk("ledger", 100) == ledger
        erased_at = clock.now().isoformat().replace("+00:00", "Z")
        assert await door.get(f"messages/{past.settled}") == message | {"calls_erased_at": erased_at}
        assert (await door.get(f"messages/{past.february}"))["calls_erased_at"] is None
        assert (await door.get(f"messages/{past.settled}/calls"))["items"] == []
        told = problem(await door.ask("GET", f"calls/{past.settled}-2"), 404, "call_erased")
        assert told["detail"] == "the calls of this message were erased"
    assert len(await past.alice.events()) > 50
    for message in (past.february, past.settled):
        with pytest.raises(CallNotFound, match="there is no such call"):
            await house.campaigns.call(past.alice.id, message, 99)
    with pytest.raises(CallErased):
        await house.campaigns.call(past.alice.id, past.settled, 30)
    assert await archive.erase_calls(house, KEEP_MONTHS, FEBRUARY) == 0


async def test_calls_that_are_kept_or_not_archived_are_not_erased(house: House, past: Past, url: str) -> None:
    with pytest.raises(StillOpen, match="from 2026-02 on are kept"):
        await archive.erase_calls(house, KEEP_MONTHS, MARCH)
    with pytest.raises(StillOpen, match="of 1 messages"):
        await archive.erase_calls(house, KEEP_MONTHS - 1, MARCH)
    assert counts(url)["call"][1] == ALL_OF_JANUARY.calls
    access = await find_access(house, past.alice.key)
    assert len(await notices.list_webhooks(house, access, None, 100)) == 50


async def test_what_was_exported_before_the_calls_were_erased_stays(house: House, past: Past, tmp_path: Path) -> None:
    await exported(house, tmp_path / "whole")
    await archive.erase_calls(house, KEEP_MONTHS, FEBRUARY)
    await credit.refund(house, past.refunded, 1, "later")
    assert await exported(house, tmp_path / "whole") == [Exported(JANUARY, "2026-01", ROWS, is_new=False)]
    money = {table: ROWS[table] for table in ("campaign", "hold", "draw", "transfer")}
    assert await exported(house, tmp_path / "money") == [Exported(JANUARY, "2026-01", money, is_new=True)]


async def test_calls_that_come_to_an_erased_month_are_written_beside_what_was_written_before(
    house: House, past: Past, url: str, tmp_path: Path, clock: ManualClock
) -> None:
    await exported(house, tmp_path)
    before = content(tmp_path / "2026-01")
    await archive.erase_calls(house, KEEP_MONTHS, FEBRUARY)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE campaign SET finished_at = '2026-01-30' WHERE public_id = %s", [past.february])
    clock.advance(hours=1)
    assert (await archive.archive(house, KEEP_MONTHS)).calls == 5
    late = "2026-01-after-20260520T090000Z"
    (one,) = await exported(house, tmp_path)
    assert (one.name, one.rows["call"], one.rows["hold"], one.is_new) == (late, 5, 65, True)
    assert names(tmp_path) == ["2026-01", late]
    assert await credit.check_ledger(house) == []
    await archive.erase_calls(house, KEEP_MONTHS, FEBRUARY)
    assert [one.is_new for one in await exported(house, tmp_path)] == [False]
    assert content(tmp_path / "2026-01") == before


async def test_erasing_waits_for_who_reads_and_does_not_make_others_wait(
    house: House, past: Past, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAUSE_S", 0.01)
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM every_call")
        erasing = asyncio.create_task(archive.erase_calls(house, KEEP_MONTHS, FEBRUARY))
        for _ in range(5):
            assert len(await house.campaigns.calls(past.alice.id, past.settled, 0, 100)) == 30
        assert not erasing.done()
        reader.rollback()
        assert await erasing == 50
    assert await house.campaigns.calls(past.alice.id, past.settled, 0, 100) == []


@contextmanager
def erasing_meanwhile(url: str) -> Iterator[Callable[[], None]]:
    """Erase January, but for the commit; what is lent commits as soon as somebody waits for it."""
    with psycopg.connect(url) as eraser:
        eraser.execute("SELECT erase_past_calls('2026-01-01', now())")

        def commit() -> None:
            until(lambda: rows(url, WAITS))
            eraser.commit()

        yield commit


async def test_a_check_while_calls_are_erased_misses_none(house: House, past: Past, url: str) -> None:
    with erasing_meanwhile(url) as commit:
        found, _ = await asyncio.gather(credit.check_ledger(house), asyncio.to_thread(commit))
    assert found == []


async def test_an_export_while_calls_are_erased_does_not_take_the_place_of_one_that_has_them(
    house: House, past: Past, url: str, tmp_path: Path
) -> None:
    await exported(house, tmp_path)
    with erasing_meanwhile(url) as commit:
        written, _ = await asyncio.gather(exported(house, tmp_path), asyncio.to_thread(commit))
    assert written == [Exported(JANUARY, "2026-01", ROWS, is_new=False)]


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-00", "0000-01", "2026-1", "2026-01-01", "٢٠٢٦-٠١"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Month.parse(text)


def test_a_month_is_written_as_it_is_read_and_counts_back_over_years() -> None:
    month = Month.parse("2026-02")
    assert (str(month), str(month.before(1)), str(month.before(14))) == ("2026-02", "2026-01", "2024-12")
    with pytest.raises(InvalidValue):
        month.before(12 * 2026)
