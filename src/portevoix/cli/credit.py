"""portevoix credit: add, correct and move credit."""

from __future__ import annotations

from datetime import datetime

import click

from portevoix.cli.printing import json_option, print_json
from portevoix.cli.session import ACCOUNT, EUROS, MOMENT, idempotency_key_of, idempotency_option, on_house
from portevoix.domain.ids import AccountRef
from portevoix.domain.ledger import GrantKind, GrantTerms, Posted
from portevoix.domain.money import format_euros
from portevoix.ports import House
from portevoix.service import credit


@click.group(name="credit")
def command() -> None:
    """Add, correct and move credit. Amounts are in euros."""


@command.command()
@click.argument("account", type=ACCOUNT)
@click.argument("amount", type=EUROS)
@click.option("--promotional", is_flag=True, help="A gift, told apart from paid credit.")
@click.option("--expires", type=MOMENT, help="When what is left of it lapses.")
@click.option("--reason", help="Shown in the statement.")
@idempotency_option
@json_option
@on_house
async def add(
    house: House,
    account: AccountRef,
    amount: int,
    promotional: bool,
    expires: datetime | None,
    reason: str | None,
    idempotency_key: str | None,
    as_json: bool,
) -> None:
    """Add credit to an account."""
    terms = GrantTerms(GrantKind.PROMOTIONAL if promotional else GrantKind.PAID, expires)
    key = idempotency_key_of(idempotency_key)
    _tell(account, await credit.top_up(house, account, amount, key, terms=terms, reason=reason), as_json)


@command.command()
@click.argument("account", type=ACCOUNT)
@click.argument("change", type=EUROS)
@click.option("--reason", required=True, help="Shown in the statement.")
@idempotency_option
@json_option
@on_house
async def adjust(
    house: House, account: AccountRef, change: int, reason: str, idempotency_key: str | None, as_json: bool
) -> None:
    """Correct an account's credit, up or down ('credit adjust ACCOUNT --reason … -- -5')."""
    key = idempotency_key_of(idempotency_key)
    _tell(account, await credit.adjust(house, account, change, key, reason), as_json)


@command.command()
@click.argument("hold", type=click.IntRange(1, 2**63 - 1))
@click.argument("amount", type=EUROS)
@click.option("--reason", help="Shown in the statement.")
@idempotency_option
@json_option
@on_house
async def refund(
    house: House, hold: int, amount: int, reason: str | None, idempotency_key: str | None, as_json: bool
) -> None:
    """Give back credit that a hold settled; its number is in the statement."""
    key = idempotency_key_of(idempotency_key)
    _tell(f"hold {hold}", await credit.refund(house, hold, amount, key, reason=reason), as_json)


@command.command()
@click.argument("giver", type=ACCOUNT)
@click.argument("receiver", type=ACCOUNT)
@click.argument("amount", type=EUROS)
@click.option("--reason", help="Shown in the giver's statement.")
@idempotency_option
@json_option
@on_house
async def allot(
    house: House,
    giver: AccountRef,
    receiver: AccountRef,
    amount: int,
    reason: str | None,
    idempotency_key: str | None,
    as_json: bool,
) -> None:
    """Move credit from a parent account to its sub-account, or back."""
    key = idempotency_key_of(idempotency_key)
    _tell(giver, await credit.allot(house, giver, receiver, amount, key, reason), as_json)


@command.command()
@on_house
async def expire(house: House) -> None:
    """Take what is left of lapsed credit now; a running server does so by itself."""
    click.echo(f"{await credit.expire_due(house)} accounts had credit to expire")


def _tell(subject: object, posted: Posted, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "transfer": posted.transfer_id,
                "available": format_euros(posted.available_after_micros),
                "repeated": posted.repeated,
            }
        )
        return
    again = " (done before; nothing more was changed)" if posted.repeated else ""
    available = format_euros(posted.available_after_micros)
    click.echo(f"{subject}: transfer {posted.transfer_id}, {available} € available after it{again}")
