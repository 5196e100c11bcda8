"""portevoix route: which numbers go over which trunk."""

from __future__ import annotations

import click

from portevoix.cli.account import Phone
from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import ACCOUNT, EUROS, on_house
from portevoix.domain.campaign import Kind
from portevoix.domain.ids import AccountRef
from portevoix.domain.money import format_euros
from portevoix.domain.number import Number
from portevoix.domain.routing import Hours, Route, Serves, route_name
from portevoix.domain.trunk import DialTemplate
from portevoix.ports import House
from portevoix.service import routing

_COLUMNS = ("route", "trunk", "prefix", "product", "price", "priority", "weight", "dial", "hours", "state")


@click.group(name="route")
def command() -> None:
    """Say which numbers go over which trunk."""


@command.command()
@click.option("--trunk", required=True, help="Over which trunk.")
@click.option("--prefix", required=True, help="What numbers begin with, in E.164 without the plus.")
@click.option(
    "--product",
    type=click.Choice([Serves.VOICE.value, Serves.DEPOSIT.value]),
    help="Voice messages or deposits; else voice messages, and deposits on landlines.",
)
@click.option("--priority", type=int, default=100, show_default=True, help="The lower, the sooner, at equal prices.")
@click.option("--weight", type=int, default=100, show_default=True, help="Its share among equals.")
@click.option("--dial", default="{e164}", show_default=True, help="How it writes whom to call.")
@click.option("--hours", default="", help="When it is open, in Paris: 'mon-fri 08:00-20:00; sat 09:00-12:00'.")
@click.option("--price", type=EUROS, default=0, help="Euros that a minute costs you: the cheapest goes first.")
@click.option("--name", help="Its own; made of trunk, prefix and product, where none is given.")
@json_option
@on_house
async def add(
    house: House,
    trunk: str,
    prefix: str,
    product: str | None,
    priority: int,
    weight: int,
    dial: str,
    hours: str,
    price: int,
    name: str | None,
    as_json: bool,
) -> None:
    """Add a route: live keys then send over its trunk. Deposits for mobiles need one of --product deposit."""
    serves = Serves(product or Serves.BOTH)
    route = Route(
        name=name or route_name(trunk, prefix, serves),
        trunk=await routing.find_trunk(house, trunk),
        prefix=prefix,
        serves=serves,
        priority=priority,
        weight=weight,
        dial=DialTemplate(dial),
        hours=Hours(hours),
        price_micros=price,
    )
    await house.trunks.add_route(route)
    if as_json:
        print_json(_shown(route))
    else:
        click.echo(f"route {route.name}: numbers that begin with {prefix} go over {trunk}")


@command.command("list")
@json_option
@on_house
async def list_routes(house: House, as_json: bool) -> None:
    """List the routes and how they are."""
    found = [_shown(route) for route in await house.trunks.routes()]
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [tuple(one[column] for column in _COLUMNS) for one in found])


@command.command("test")
@click.argument("number", type=Phone())
@click.option(
    "--product",
    type=click.Choice([kind.value for kind in Kind]),
    default=Kind.VOICE.value,
    show_default=True,
    help="Of which message.",
)
@click.option("--account", type=ACCOUNT, help="Whose own countries count, too.")
@json_option
@on_house
async def explain(house: House, number: Number, product: str, account: AccountRef | None, as_json: bool) -> None:
    """Tell which routes NUMBER would be called over now, in order, at which price, and why, without calling it."""
    forbidden, choice = await routing.explain(house, number, Kind(product), account)
    tried = [
        {**_priced(one.route), "dial": one.route.dial.target(number).user, "reason": one.reason}
        for one in choice.candidates
    ]
    passed_over = [{**_priced(one.route), "reason": one.reason} for one in choice.passed_over]
    if as_json:
        routes = {"routes": [] if forbidden else tried, "passed_over": passed_over}
        print_json({"number": str(number), "country": number.country, "forbidden": forbidden, **routes})
        return
    click.echo(f"{number} ({number.country}, {number.line})")
    if forbidden:
        click.echo(f"never called over a trunk: {forbidden}")
        return
    for place, one in enumerate(tried, start=1):
        click.echo(f"{place}. {one['route']} over {one['trunk']} as {one['dial']}, {one['price']} €: {one['reason']}")
    for one in passed_over:
        click.echo(f"-  {one['route']} over {one['trunk']}: {one['reason']}")
    if not tried:
        click.echo("no route is open for it now" if choice.is_served else "no route leads there")


@command.command()
@click.argument("name")
@json_option
@on_house
async def remove(house: House, name: str, as_json: bool) -> None:
    """Remove the route NAME."""
    await house.trunks.remove_route(name)
    if as_json:
        print_json({"route": name, "removed": True})
    else:
        click.echo(f"route {name} is gone")


def _priced(route: Route) -> dict[str, object]:
    return {"route": route.name, "trunk": route.trunk.name, "price": format_euros(route.price_micros)}


def _shown(route: Route) -> dict[str, object]:
    return {
        **_priced(route),
        "prefix": route.prefix,
        "product": route.serves.value,
        "priority": route.priority,
        "weight": route.weight,
        "dial": str(route.dial),
        "hours": str(route.hours) or None,
        "state": "up" if route.down_until is None else f"rests until {route.down_until.isoformat()}",
    }
