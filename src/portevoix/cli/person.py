"""portevoix person: who may use the console."""

from __future__ import annotations

import click

from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import ACCOUNT, on_house, read_settings
from portevoix.domain.errors import NotFound
from portevoix.domain.ids import AccountRef
from portevoix.domain.mail import EmailAddress
from portevoix.domain.person import Person, Role
from portevoix.ports import House
from portevoix.service import people

CUSTOMERS = (Role.MANAGER.value, Role.VIEWER.value)


@click.group(name="person")
def command() -> None:
    """Let an account's own people into the console."""


@command.command()
@click.argument("email")
@click.argument("account", type=ACCOUNT)
@click.option("--role", type=click.Choice(CUSTOMERS), default=Role.MANAGER.value, help="A viewer changes nothing.")
@json_option
@on_house
async def add(house: House, email: str, account: AccountRef, role: str, as_json: bool) -> None:
    """Let EMAIL see ACCOUNT and its sandbox; prints a link that is good once, for two days."""
    person, token = await people.add_person(house, email, Role(role), account.public_id)
    tell_link(person, token, as_json=as_json)


@command.command()
@click.argument("email")
@json_option
@on_house
async def invite(house: House, email: str, as_json: bool) -> None:
    """Print another link for EMAIL, by which a new password is chosen; the one before is good no more."""
    person = await _find(house, email)
    tell_link(person, await people.invite(house, person), as_json=as_json)


@command.command()
@click.argument("email")
@on_house
async def disable(house: House, email: str) -> None:
    """Shut EMAIL out, at once."""
    await house.people.set_disabled((await _find(house, email)).id, is_disabled=True)
    click.echo(f"{email} is shut out")


@command.command()
@click.argument("email")
@on_house
async def enable(house: House, email: str) -> None:
    """Let EMAIL in again, with the password it had."""
    await house.people.set_disabled((await _find(house, email)).id, is_disabled=False)
    click.echo(f"{email} may sign in")


@command.command("reset-codes")
@click.argument("email")
@on_house
async def reset_codes(house: House, email: str) -> None:
    """Ask EMAIL for no one-time codes, until they are set up again: for somebody who has lost their authenticator."""
    await people.reset_codes(house, await _find(house, email))
    click.echo(f"{email} is asked for no code")


@command.command("list")
@json_option
@on_house
async def list_people(house: House, as_json: bool) -> None:
    """List who may use the console."""
    found = [_shown(person) for person in await house.people.list()]
    if as_json:
        print_json(found)
    else:
        print_table(("e-mail", "role", "account", "state"), [tuple(one.values()) for one in found])


def tell_link(person: Person, token: str, *, as_json: bool) -> None:
    """Print a link that was made for somebody, this once."""
    settings = read_settings()
    link = f"http://{settings.host}:{settings.port}/console/welcome/{token}"
    if as_json:
        print_json({**_shown(person), "link": link})
        return
    click.echo(f"{person.email} may come in by this link, once, within two days:\n{link}")


async def _find(house: House, email: str) -> Person:
    found = await house.people.by_email(EmailAddress.parse(email))
    if found is None:
        raise NotFound(f"there is nobody with the address {email}")
    return found[0]


def _shown(person: Person) -> dict[str, str | None]:
    state = "disabled" if person.is_disabled else "active" if person.has_password else "invited"
    return {"email": person.email.text, "role": person.role.value, "account": person.account, "state": state}
