"""Two ways to print, for people and for scripts; stands on nothing of the server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def print_json(value: object) -> None:
    """Print a value for scripts."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Print rows under a header, in columns as wide as they need."""
    table = [header, *(tuple("" if cell is None else str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def plain(value: object) -> object:
    """Write a value of the client as JSON has it: sums as plain decimals, durations in seconds, under NAME_s."""
    if is_dataclass(value) and not isinstance(value, type):
        found = [(field.name, getattr(value, field.name)) for field in fields(value)]
        return {f"{name}_s" if isinstance(of, timedelta) else name: plain(of) for name, of in found}
    if isinstance(value, Decimal):
        return euros(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def euros(sum_euros: Decimal) -> str:
    """Write a sum as a plain decimal, without needless zeros."""
    text = f"{sum_euros:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
