"""Tables as files that spreadsheets open (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

CSV = b"text/csv; charset=utf-8"

#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def neutral(cell: str) -> str:
    """Keep a spreadsheet from running a cell as a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Write rows as lines of a file."""
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    return target.getvalue().encode()
