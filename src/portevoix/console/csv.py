"""Tables to take along: the same rows as on a page, all of them, as a file that spreadsheets open."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeAlias

from portevoix.web.answer import Headers, Stream
from portevoix.web.sheets import CSV, lines, neutral

#: Rows that are written at once.
AT_ONCE = 500


class Ours(str):
    """A text that the server itself wrote, such as a sum or a telephone number: it stays as it is.

    Any other text that a spreadsheet would take for a formula gets an apostrophe in front.
    """

    __slots__ = ()


Row: TypeAlias = Sequence[str | int | None]


async def csv_answer(
    name: str, header: Sequence[str], rows: AsyncGenerator[Row, None], headers: Headers = ()
) -> Stream:
    """Answer with a table, streamed; what goes wrong before its first rows is told as any refusal is.

    Args:
        name: of the file, without its ending.
        rows: ``None`` for an empty cell.
        headers: that the answer bears beside its own: ``visit.headers``.
    """
    safe = re.sub(r"[^0-9A-Za-z_.-]", "-", name)
    named = (b"content-disposition", f'attachment; filename="{safe}.csv"'.encode())
    return await Stream.begin(_written(header, rows), CSV, (named, *headers))


async def _written(header: Sequence[str], rows: AsyncGenerator[Row, None]) -> AsyncGenerator[bytes, None]:
    waiting = [[neutral(cell) for cell in header]]
    async with aclosing(rows):
        async for row in rows:
            waiting.append([_cell(cell) for cell in row])
            if len(waiting) >= AT_ONCE:
                yield lines(waiting)
                waiting.clear()
    if waiting:
        yield lines(waiting)


def _cell(cell: str | int | None) -> str:
    if cell is None:
        return ""
    return neutral(cell) if isinstance(cell, str) and not isinstance(cell, Ours) else str(cell)
