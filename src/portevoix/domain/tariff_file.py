"""The tariff file: CSV with a header, read whole or refused with every bad line named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from portevoix.domain.errors import InvalidValue, TariffInvalid
from portevoix.domain.money import format_euros, parse_euros
from portevoix.domain.tariff import Product, Rate

HEADER = ("product", "prefix", "price", "connection_fee", "minimum_s", "increment_s")
REQUIRED = frozenset(HEADER[:3])
MOST_LINES = 100_000
LONGEST_LINE = 1_000


def parse_rates(text: str) -> tuple[Rate, ...]:
    """Read a tariff file.

    Args:
        text: CSV with the columns ``product, prefix, price`` and, if wanted, ``connection_fee, minimum_s,
            increment_s``; prices in euros a minute, a message's for deposits. A file as a French spreadsheet
            saves it (semicolons, decimal commas, a byte order mark) reads as well.

    Raises:
        TariffInvalid: every bad line with its number; none is taken where one is bad.
    """
    lines = text.removeprefix("\ufeff").splitlines() or [""]
    if len(lines) > MOST_LINES:
        raise TariffInvalid([(MOST_LINES + 1, f"a tariff has at most {MOST_LINES} lines")])
    delimiter = ";" if ";" in lines[0] else ","
    header = _header(lines[0], delimiter)
    rates: dict[tuple[Product, str], Rate] = {}
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip(f' \t"{delimiter}'):
            continue
        try:
            rate = _parse_row(header, _cells(line, delimiter), decimal_comma=delimiter == ";")
        except InvalidValue as problem:
            problems.append((number, problem.message))
            continue
        place = (rate.product, rate.prefix)
        if place in rates:
            problems.append((number, f"{rate.product} to {rate.prefix} was priced on a line before"))
        rates[place] = rate
    if problems:
        raise TariffInvalid(problems)
    if not rates:
        raise TariffInvalid([(1, "the file has no rates")])
    return tuple(rates.values())


def write_rates(rates: Iterable[Rate]) -> str:
    """Write a tariff file that ``parse_rates`` reads back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for rate in rates:
        price, fee = format_euros(rate.price_micros), format_euros(rate.connection_micros)
        writer.writerow((rate.product, rate.prefix, price, fee, rate.minimum_s, rate.increment_s))
    return out.getvalue()


def _header(line: str, delimiter: str) -> list[str]:
    try:
        header = [name.strip() for name in _cells(line, delimiter)]
    except InvalidValue:
        header = []
    if set(header) - set(HEADER) or REQUIRED - set(header) or len(set(header)) != len(header):
        raise TariffInvalid([(1, f"the header is {','.join(HEADER)} (the last three optional)")])
    return header


def _cells(line: str, delimiter: str) -> list[str]:
    """Split one line; a cell goes on to no other, so that a quote left open spoils its own line alone."""
    if len(line) > LONGEST_LINE:
        raise InvalidValue(f"a line has at most {LONGEST_LINE} characters")
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as problem:
        raise InvalidValue(f"not CSV: {problem}") from None


def _parse_row(header: list[str], row: list[str], *, decimal_comma: bool) -> Rate:
    if len(row) != len(header):
        raise InvalidValue(f"{len(row)} cells under a header of {len(header)}")
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    cells = {name: cell for name, cell in cells.items() if cell}
    missing = sorted(REQUIRED - set(cells))
    if missing:
        raise InvalidValue(f"{', '.join(missing)}: empty")
    try:
        product = Product(cells["product"])
    except ValueError:
        raise InvalidValue(f"product: one of {', '.join(Product)}, not {cells['product'][:40]!r}") from None
    return Rate(
        product=product,
        prefix=cells["prefix"].removeprefix("+"),
        price_micros=_euros("price", cells["price"], decimal_comma),
        connection_micros=_euros("connection_fee", cells.get("connection_fee", "0"), decimal_comma),
        minimum_s=_seconds("minimum_s", cells.get("minimum_s", "0")),
        increment_s=_seconds("increment_s", cells.get("increment_s", "1")),
    )


def _euros(name: str, cell: str, decimal_comma: bool) -> int:
    try:
        return parse_euros(cell.replace(",", ".") if decimal_comma else cell)
    except InvalidValue as problem:
        raise InvalidValue(f"{name}: {problem.message}") from None


def _seconds(name: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 6):
        raise InvalidValue(f"{name}: not whole seconds: {cell[:40]!r}")
    return int(cell)
