"""portevoix ledger: prove the ledger, print statements."""

from __future__ import annotations

import csv
import sys

import click

from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import ACCOUNT, on_house
from portevoix.domain.ids import AccountRef
from portevoix.domain.ledger import StatementLine
from portevoix.domain.money import format_euros
from portevoix.ports import House
from portevoix.service import credit

COLUMNS = (
    "transfer", "at", "kind", "amount", "available_change", "held_change", "available_after", "hold", "counterpart",
    "reason", "idempotency_key",
)  # fmt: skip


@click.group(name="ledger")
def command() -> None:
    """Prove the ledger, print statements."""


@command.command()
@json_option
@on_house
async def check(house: House, as_json: bool) -> None:
    """Prove the ledger's invariants; exits 1 and names every row that breaks one."""
    found = await credit.check_ledger(house)
    if as_json:
        print_json([{"invariant": v.invariant, "row": v.row, "detail": v.detail} for v in found])
    else:
        for violation in found:
            click.echo(f"{violation.invariant}: {violation.row}: {violation.detail}")
        click.echo(f"{len(found)} rows break an invariant" if found else "the ledger is sound")
    if found:
        sys.exit(1)


@command.command()
@click.argument("account", type=ACCOUNT)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets.")
@on_house
async def statement(house: House, account: AccountRef, as_csv: bool) -> None:
    """Print an account's transfers, oldest first, amounts in euros."""
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        async for line in credit.statement(house, account):
            writer.writerow([_inert(cell) for cell in _cells(line)])
        return
    rows = [_cells(line) async for line in credit.statement(house, account)]
    print_table(COLUMNS, rows)


def _cells(line: StatementLine) -> tuple[object, ...]:
    return (
        line.transfer_id,
        line.at.isoformat(timespec="seconds"),
        line.kind.value,
        format_euros(line.amount_micros),
        format_euros(line.available_change_micros),
        format_euros(line.held_change_micros),
        format_euros(line.available_after_micros),
        line.hold_id,
        line.counterpart,
        line.reason,
        line.idempotency_key,
    )


def _inert(cell: object) -> object:
    """Keep a spreadsheet from running free text as a formula; a negative sum stays a sum."""
    if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and not cell.removeprefix("-").replace(".", "").isdigit():
        return f"'{cell}"
    return cell
