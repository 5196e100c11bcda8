"""portevoix operator: who runs this server, by its console."""

from __future__ import annotations

import click

from portevoix.cli.person import tell_link
from portevoix.cli.printing import json_option
from portevoix.cli.session import on_house
from portevoix.domain.person import Role
from portevoix.ports import House
from portevoix.service.people import add_person


@click.group(name="operator")
def command() -> None:
    """Let operators into the console."""


@command.command()
@click.argument("email")
@json_option
@on_house
async def create(house: House, email: str, as_json: bool) -> None:
    """Let EMAIL see and change every account; prints a link that is good once, for two days."""
    person, token = await add_person(house, email, Role.OPERATOR, None)
    tell_link(person, token, as_json=as_json)
