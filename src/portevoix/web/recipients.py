"""Recipients, one by one, out of a list or a CSV file: each once, the bad ones by name and line."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import IO

from portevoix.domain.campaign import Refused
from portevoix.domain.errors import InvalidValue
from portevoix.domain.number import LONGEST_TEXT, Number, NumberInvalid, NumbersMissing, TooManyNumbers

#: Entries that are read before others get their turn.
AT_ONCE = 1_000

#: What the column of the numbers may be called, in small letters.
COLUMNS = frozenset({"number", "phone", "telephone", "to", "numero", "numéro", "téléphone"})

_SEPARATORS = ",;\t"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class FileUnreadable(InvalidValue):
    """A file of recipients that is no CSV in UTF-8.

    Args:
        line: where that is seen, the first being 1.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Recipients:
    """Collects recipients.

    Args:
        most: that there may be, bad ones counted too.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers: dict[str, Number] = {}
        self._lines: dict[str, int | None] = {}
        self._refused: list[Refused] = []
        self._duplicates = 0

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Each once, in order."""
        return tuple(self._numbers.values())

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What is no number that can be called."""
        return tuple(self._refused)

    @property
    def duplicates(self) -> int:
        """How many entries named a number that another had named before."""
        return self._duplicates

    def entries(self) -> tuple[tuple[str, int], ...]:
        """Write down what was taken from a file, so that taking it again gives the same but for the duplicates."""
        good = [(f"+{digits}", self._lines[digits] or 0) for digits in self._numbers]
        bad = [(one.text, one.line or 0) for one in self._refused]
        return tuple(sorted((*good, *bad), key=lambda one: one[1]))

    async def take(self, entries: Iterable[tuple[str, int | None]]) -> None:
        """Take entries, each with its line in a file; blank ones are passed over in a list, but not in a file.

        Raises:
            NumbersMissing: there are none at all.
            TooManyNumbers.
        """
        for count, (text, line) in enumerate(entries, start=1):
            self._add(text, line)
            if not count % AT_ONCE:
                await asyncio.sleep(0)
        if not self._numbers and not self._refused:
            raise NumbersMissing("there is no telephone number")

    def _add(self, text: str, line: int | None) -> None:
        try:
            number = Number.parse(text)
            self._duplicates += number.digits in self._numbers
            self._numbers.setdefault(number.digits, number)
            self._lines.setdefault(number.digits, line)
        except NumberInvalid as fault:
            if text.strip():
                self._refused.append(Refused(text.strip()[:LONGEST_TEXT], fault.message, line))
            elif line is not None:
                self._refused.append(Refused("", "there is no number in this line", line))
        if len(self._numbers) + len(self._refused) > self._most:
            raise TooManyNumbers(f"there are more than {self._most} telephone numbers")

    def located(self, refused: Sequence[Refused]) -> tuple[Refused, ...]:
        """Tell where those stand that were refused later, and put all in the order of the file."""
        known = [replace(one, line=one.line or self._lines.get(one.text.removeprefix("+"))) for one in refused]
        return tuple(sorted(known, key=lambda one: one.line or 0))


def entries_of(file: IO[bytes]) -> Iterator[tuple[str, int]]:
    """Read the cells with the numbers out of a CSV file, each with its line, the first being 1; blank lines are none.

    The separator is the comma, semicolon or tab that parts the first line into most cells. A first line with one of
    ``COLUMNS`` names the column; else it is the first one, and a first line without a digit there is a header too.

    Raises:
        FileUnreadable: it is not UTF-8, or no CSV.
    """
    lines = _lines(file)
    skipped, first = 0, ""
    for first in lines:
        if first.strip():
            break
        skipped += 1
    reader = csv.reader(chain([first], lines), delimiter=max(_SEPARATORS, key=lambda mark: _cells(first, mark)))
    column: int | None = None
    while True:
        line = skipped + reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as fault:
            raise FileUnreadable(f"file: line {line}: {fault}", line) from None
        if row is None:
            return
        if not any(cell.strip() for cell in row):
            continue
        if column is None:
            column, is_header = _column(row)
            if is_header:
                continue
        yield row[column] if column < len(row) else "", line


def _lines(file: IO[bytes]) -> Iterator[str]:
    for number, raw in enumerate(file, start=1):
        try:
            yield (raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw).decode()
        except UnicodeDecodeError:
            message = f"file: line {number} is not UTF-8; save the file as CSV UTF-8"
            raise FileUnreadable(message, number) from None


def _cells(line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=separator), []))
    except csv.Error:
        return 0


def _column(row: Sequence[str]) -> tuple[int, bool]:
    names = [cell.strip().casefold() for cell in row]
    named = next((place for place, name in enumerate(names) if name in COLUMNS), None)
    if named is not None:
        return named, True
    return 0, not any(letter.isdigit() for letter in row[0])
