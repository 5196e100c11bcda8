"""portevoix account: open accounts, switch them off and on, and what only an operator does for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import ACCOUNT, EUROS, on_house
from portevoix.domain.account import Account, State
from portevoix.domain.errors import InvalidValue
from portevoix.domain.ids import AccountRef
from portevoix.domain.money import format_euros
from portevoix.domain.number import Number, NumberInvalid
from portevoix.domain.safety import Cap, OwnAllowance, parse_cap, parse_countries, write_countries
from portevoix.ports import House
from portevoix.service import accounts

#: Written in place of what is an account's own: the installation's counts.
DEFAULT = "default"


@click.group(name="account")
def command() -> None:
    """Open accounts, switch them off and on."""


@command.command()
@click.argument("name")
@click.option("--credit", type=EUROS, default=0, help="First credit in euros, on both ledgers.")
@click.option("--parent", type=ACCOUNT, help="Make it a sub-account of this one.")
@json_option
@on_house
async def create(house: House, name: str, credit: int, parent: AccountRef | None, as_json: bool) -> None:
    """Open an account and its sandbox twin; prints their keys, this once."""
    opened = await accounts.open_account(
        house,
        name,
        parent=parent.public_id if parent else None,
        credit_micros=credit,
        sandbox_micros=credit,
    )
    if as_json:
        print_json(asdict(opened))
        return
    click.echo(f"account   {opened.account}")
    click.echo(f"live key  {opened.live_key}")
    click.echo(f"test key  {opened.test_key}")
    click.echo("Keep the keys now: they are not shown again.")


@command.command("list")
@json_option
@on_house
async def list_accounts(house: House, as_json: bool) -> None:
    """List the accounts, with their sandbox twins."""
    found = await house.accounts.list()
    if as_json:
        print_json([_shown(account) for account in found])
        return
    header = ("account", "name", "state", "available €", "held €", "parent", "tariff")
    print_table(header, [tuple(_shown(account)[column] for column in _COLUMNS) for account in found])


@command.command()
@click.argument("account", type=ACCOUNT)
@json_option
@on_house
async def show(house: House, account: AccountRef, as_json: bool) -> None:
    """Show one account."""
    shown = _shown(await accounts.find_account(house, account))
    if as_json:
        print_json(shown)
    else:
        print_table(("what", "value"), list(shown.items()))


@command.command()
@click.argument("account", type=ACCOUNT)
@click.argument("state", type=click.Choice([state.value for state in State]))
@on_house
async def state(house: House, account: AccountRef, state: str) -> None:
    """Make an account active, disabled or blocked; its sandbox follows. For the sandbox alone: acct_…/sandbox."""
    await accounts.change_state(house, account, State(state))
    click.echo(f"{account} is {state}")


@command.command("low-balance")
@click.argument("account", type=ACCOUNT)
@click.argument("threshold")
@on_house
async def low_balance(house: House, account: AccountRef, threshold: str) -> None:
    """Have an event recorded when the credit falls below THRESHOLD euros ('off' for none)."""
    micros = None if threshold == "off" else EUROS.convert(threshold, None, None)
    await accounts.watch_balance(house, account, micros)
    click.echo(f"{account}: " + ("no threshold" if micros is None else f"an event below {format_euros(micros)} €"))


class Own(click.ParamType[Any]):
    """What is an account's own, or ``default`` for the installation's."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Parse it; ``default`` stays as it is."""
        try:
            return value if value == DEFAULT else self._parse(str(value))
        except InvalidValue as error:
            self.fail(error.message, param, ctx)


@command.command()
@click.argument("account", type=ACCOUNT)
@click.option(
    "--cap",
    type=Own("CALLS/EUROS", parse_cap),
    help="Over trunks a day at most, 'off' in place of either; or 'default'.",
)
@click.option(
    "--countries",
    type=Own("COUNTRIES", parse_countries),
    help="Of those that trunks may call, such as 'fr be'; or 'default'.",
)
@json_option
@on_house
async def allow(
    house: House, account: AccountRef, cap: Cap | str | None, countries: frozenset[str] | str | None, as_json: bool
) -> None:
    """Give ACCOUNT a cap and countries of its own, or the installation's by 'default'; shows what counts then."""
    async with house.unit_of_work() as together:
        if cap is not None:
            await accounts.cap_account(together, account, cap if isinstance(cap, Cap) else None)
        if countries is not None:
            own_countries = countries if isinstance(countries, frozenset) else None
            await accounts.limit_countries(together, account, own_countries)
    own, counts = await accounts.find_allowance(house, account)
    if as_json:
        shown = {"cap": str(counts.account), "countries": write_countries(counts.countries)}
        print_json({"account": str(account), **shown, **_own(own)})
        return
    rest = write_countries((own.countries or frozenset()) - counts.countries)
    rows = [
        ("cap", str(counts.account), _whose(own.cap)),
        ("countries", write_countries(counts.countries) or "none", _whose(own.countries)),
    ]
    print_table(("what", "counts", "whose"), list(rows))
    if rest:
        click.echo(f"not called all the same, as PORTEVOIX_COUNTRIES_ALLOWED lacks them: {rest}")


def _whose(own: object) -> str:
    return "the installation's" if own is None else "its own"


@command.command()
@click.argument("account", type=ACCOUNT)
@json_option
@on_house
async def events(house: House, account: AccountRef, as_json: bool) -> None:
    """List what happened to an account, such as credit.low, oldest first."""
    found = [event async for event in accounts.events(house, account)]
    rows = [(event.at.isoformat(timespec="seconds"), event.type, dict(event.data)) for event in found]
    if as_json:
        print_json([dict(zip(("at", "type", "data"), row, strict=True)) for row in rows])
    else:
        print_table(("at", "type", "data"), list(rows))


class Phone(click.ParamType[Number]):
    """A telephone number, as people write it."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Number:
        """Parse the number."""
        try:
            return Number.parse(str(value))
        except NumberInvalid as error:
            self.fail(error.message, param, ctx)


@command.command()
@click.argument("account", type=ACCOUNT)
@click.argument("number", type=Phone())
@on_house
async def sender(house: House, account: AccountRef, number: Number) -> None:
    """Let ACCOUNT show NUMBER as the caller of its deposits; first make sure that it is the account's own."""
    await accounts.verify_sender(house, account, number)
    click.echo(f"{account} may show {number}")


@command.command("webhook-secret")
@click.argument("account", type=ACCOUNT)
@click.option("--rotate", is_flag=True, help="Give it another one; for a day, webhooks are signed with both.")
@on_house
async def webhook_secret(house: House, account: AccountRef, rotate: bool) -> None:
    """Print what ACCOUNT's webhooks are signed with; acct_…/sandbox for its sandbox's."""
    click.echo((await accounts.webhook_secret(house, account, rotate=rotate)).reveal())


_COLUMNS = ("account", "name", "state", "available", "held", "parent", "tariff")


def _own(allowance: OwnAllowance) -> dict[str, str | None]:
    cap, countries = allowance.cap, allowance.countries
    return {
        "own_cap": None if cap is None else str(cap),
        "own_countries": None if countries is None else write_countries(countries),
    }


def _shown(account: Account) -> dict[str, str | None]:
    low = account.low_balance_micros
    return {
        "account": str(account.ref),
        "name": account.name,
        "state": account.state.value,
        "available": format_euros(account.available_micros),
        "held": format_euros(account.held_micros),
        "low_balance": None if low is None else format_euros(low),
        "parent": account.parent,
        "tariff": account.tariff,
        "created": account.created_at.isoformat(),
        **_own(account.allowance),
    }
