"""Tables to take along: what a spreadsheet would run as a formula is none."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from portevoix.console import csv
from portevoix.console.csv import Ours, Row, csv_answer
from portevoix.domain.errors import NotFound


async def rows(*given: Row) -> AsyncGenerator[Row, None]:
    """Give rows as a database does."""
    for row in given:
        yield row


async def written(*given: Row, header: tuple[str, ...] = ("a", "b")) -> str:
    """Write a file."""
    answer = await csv_answer("name", header, rows(*given))
    return (answer.first + b"".join([part async for part in answer.rest])).decode()


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")'])
async def test_a_text_that_would_run_gets_an_apostrophe(cell: str) -> None:
    told = await written((cell, "plain"), header=(cell, "b"))
    quoted = f"'{cell}".replace('"', '""')
    quoted = f'"{quoted}"' if quoted != f"'{cell}" or "\r" in cell else quoted
    assert told == f"{quoted},b\r\n{quoted},plain\r\n"


async def test_numbers_and_what_the_server_itself_wrote_stay_as_they_are() -> None:
    told = await written((-5, Ours("-0.05")), (Ours("+33639980400"), None))
    assert told == "a,b\r\n-5,-0.05\r\n+33639980400,\r\n"


async def test_a_text_with_commas_quotes_and_lines_is_one_cell() -> None:
    assert await written(('a,"b"\nc', "d")) == 'a,b\r\n"a,""b""\nc",d\r\n'


async def test_a_long_file_is_written_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "AT_ONCE", 2)
    answer = await csv_answer("name", ["n"], rows(*((n,) for n in range(4))))
    assert [answer.first, *[part async for part in answer.rest]] == [b"n\r\n0\r\n", b"1\r\n2\r\n", b"3\r\n"]


async def test_a_file_without_rows_has_its_header() -> None:
    assert await written() == "a,b\r\n"


async def test_a_name_cannot_leave_its_header() -> None:
    answer = await csv_answer('x"\r\nset-cookie: a=b', ["a"], rows())
    assert answer.headers[0] == (b"content-disposition", b'attachment; filename="x---set-cookie--a-b.csv"')


async def test_what_is_not_there_is_told_before_the_file_begins() -> None:
    async def missing() -> AsyncGenerator[Row, None]:
        raise NotFound("there is no such message")
        yield ()

    with pytest.raises(NotFound):
        await csv_answer("name", ["a"], missing())
