"""portevoix key: make, list, rotate and revoke API keys."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import ACCOUNT, MOMENT, on_house
from portevoix.domain.account import ApiKey, KeyTerms, Scope, parse_networks, parse_scopes
from portevoix.domain.ids import AccountRef
from portevoix.ports import House
from portevoix.service import keys

LONGEST_GRACE_S = 10 * 365 * 86400


@click.group(name="key")
def command() -> None:
    """Make, list, rotate and revoke API keys."""


@command.command()
@click.argument("account", type=ACCOUNT)
@click.option("--name", default="key", show_default=True, help="For people.")
@click.option("--scopes", default=",".join(Scope), show_default=True, help="What it may do.")
@click.option("--allow", default="", help="Networks that it may be used from; any, where none is given.")
@click.option("--expires", type=MOMENT, help="When it ends.")
@json_option
@on_house
async def create(
    house: House,
    account: AccountRef,
    name: str,
    scopes: str,
    allow: str,
    expires: datetime | None,
    as_json: bool,
) -> None:
    """Make a key; acct_…/sandbox for a test key. Prints it this once."""
    terms = KeyTerms(name, parse_scopes(scopes), parse_networks(allow), expires)
    _tell(await keys.create_key(house, account, terms), as_json)


@command.command("list")
@click.argument("account", type=ACCOUNT)
@json_option
@on_house
async def list_keys(house: House, account: AccountRef, as_json: bool) -> None:
    """List an account's keys, of both modes, never their secrets."""
    found = [_shown(key) for key in await keys.list_keys(house, account.public_id)]
    if as_json:
        print_json(found)
    elif found:
        print_table(tuple(found[0]), [tuple(key.values()) for key in found])


@command.command()
@click.argument("key")
@on_house
async def revoke(house: House, key: str) -> None:
    """End a key at once."""
    await keys.revoke_key(house, key)
    click.echo(f"{key} is revoked")


@command.command()
@click.argument("key")
@click.option(
    "--grace",
    type=click.IntRange(0, LONGEST_GRACE_S),
    default=86400,
    show_default=True,
    help="Seconds that both are valid.",
)
@json_option
@on_house
async def rotate(house: House, key: str, grace: int, as_json: bool) -> None:
    """Make a key's successor, with the same terms; the old one ends after a grace time."""
    _tell(await keys.rotate_key(house, key, timedelta(seconds=grace)), as_json)


def _tell(key: keys.NewKey, as_json: bool) -> None:
    if as_json:
        print_json({"key": key.id, "secret": key.secret})
    else:
        click.echo(f"key     {key.id}\nsecret  {key.secret}\nKeep it now: it is not shown again.")


def _shown(key: ApiKey) -> dict[str, str | None]:
    def when(moment: datetime | None) -> str | None:
        return moment.isoformat(timespec="seconds") if moment else None

    return {
        "key": key.id,
        "account": str(key.account),
        "name": key.name,
        "hint": key.hint,
        "scopes": ",".join(sorted(key.scopes)),
        "allow": ",".join(map(str, key.allowed)) or None,
        "created": when(key.created_at),
        "last_used": when(key.last_used_at),
        "expires": when(key.expires_at),
        "revoked": when(key.revoked_at),
    }
