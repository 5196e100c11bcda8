"""portevoix tariff: import, show and assign tariffs."""

from __future__ import annotations

from datetime import datetime
from typing import TextIO

import click

from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import ACCOUNT, MOMENT, on_house
from portevoix.domain.errors import TariffInvalid
from portevoix.domain.ids import AccountRef
from portevoix.domain.tariff_file import HEADER, write_rates
from portevoix.ports import House
from portevoix.service import tariffs


@click.group(name="tariff")
def command() -> None:
    """Import, show and assign tariffs."""


@command.command()
@click.argument("name", required=False)
@on_house
async def show(house: House, name: str | None) -> None:
    """Print a tariff in force now (the default, where none is named), as a file that 'tariff import' reads."""
    click.echo(write_rates((await tariffs.show_tariff(house, name)).rates), nl=False)


@command.command("list")
@json_option
@on_house
async def list_tariffs(house: House, as_json: bool) -> None:
    """List the tariffs and their revisions."""
    rows = [
        (name, is_default, effective_from.isoformat(), rates)
        for name, is_default, effective_from, rates in await tariffs.list_tariffs(house)
    ]
    header = ("tariff", "default", "effective_from", "rates")
    if as_json:
        print_json([dict(zip(header, row, strict=True)) for row in rows])
    else:
        print_table(header, list(rows))


@command.command(
    "import",
    help=f"""Import a CSV FILE as the tariff NAME's revision, all of it or nothing.

The header is {",".join(HEADER)}; prices in euros a minute, a message's for deposits.""",
)
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--name", default=tariffs.DEFAULT, show_default=True, help="A new tariff, or one to carry on.")
@click.option("--from", "effective_from", type=MOMENT, help="When it takes effect; now, where none is given.")
@on_house
async def import_tariff(house: House, file: TextIO, name: str, effective_from: datetime | None) -> None:
    """Import a tariff file."""
    try:
        text = file.read()
        rates = await tariffs.import_tariff(house, name, text, effective_from)
    except UnicodeDecodeError:
        raise click.ClickException("the file is not UTF-8 text") from None
    except TariffInvalid as invalid:
        for line, problem in invalid.problems:
            click.echo(f"line {line}: {problem}", err=True)
        raise click.ClickException("nothing was imported") from None
    click.echo(f"tariff {name}: {rates} rates from {effective_from.isoformat() if effective_from else 'now'} on")


@command.command()
@click.argument("account", type=ACCOUNT)
@click.argument("tariff", required=False)
@on_house
async def assign(house: House, account: AccountRef, tariff: str | None) -> None:
    """Give an account its own TARIFF; what it does not price, the default does. Without one, the default alone."""
    await tariffs.assign_tariff(house, account, tariff)
    click.echo(f"{account.public_id} pays {f'{tariff}, then the default' if tariff else 'the default'}")
