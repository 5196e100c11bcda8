"""portevoix trunk: the ways into the telephone network."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict

import click

from portevoix.bootstrap import SystemClock
from portevoix.bootstrap.asterisk import check_asterisk
from portevoix.bootstrap.sip import check_trunk
from portevoix.bootstrap.trunks import Checked
from portevoix.cli.account import Phone
from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.session import on_house
from portevoix.domain.number import Number
from portevoix.domain.trunk import (
    ARI_PORT,
    SIP_PORT,
    CallerId,
    Credentials,
    Engine,
    NumberFormat,
    Server,
    Trunk,
    TrunkInvalid,
)
from portevoix.ports import House, TrunkSight
from portevoix.service import routing
from portevoix.settings import Settings

#: Where a password is read that is to be in no list of processes, and in no history of a shell.
PASSWORD = "PORTEVOIX_TRUNK_PASSWORD"  # noqa: S105 - the name of the variable

_UNPLAYED = {
    "unwritable": "we cannot write into the folder of PORTEVOIX_ASTERISK_SOUNDS",
    "no_channel": "Asterisk makes no channel of RTP towards us, so deposits cannot listen: is chan_rtp loaded?",
    "unread": "Asterisk cannot play what we lay: does it see the folder of sounds, by the name in the setting?",
    "unheard": "Asterisk's RTP does not reach us, so deposits hear nothing: is a firewall between?",
}

_COLUMNS = ("trunk", "engine", "server", "username", "registers", "caller_id", "calls_max", "cps", "under_way", "state")


@click.group(name="trunk")
def command() -> None:
    """Set up trunks: an operator's ways into the telephone network."""


@command.command()
@click.argument("name")
@click.option("--server", required=True, help="HOST or HOST:PORT: of SIP over UDP, or of Asterisk's ARI over HTTP.")
@click.option("--username", help="Where its operator asks for one; ARI's, for Asterisk.")
@click.option("--password", help="'-' reads a line of standard input; else $PORTEVOIX_TRUNK_PASSWORD.")
@click.option("--register", "registers", is_flag=True, help="Tell it where we are (REGISTER).")
@click.option("--caller-id", type=Phone(), help="The number that is shown; anonymous, where none is given.")
@click.option("--allow-caller", "allowed", multiple=True, help="A sender's own number that it lets through; 3363998*.")
@click.option(
    "--number-format",
    "written",
    type=click.Choice([one.value for one in NumberFormat]),
    default=NumberFormat.E164.value,
    show_default=True,
    help="How callers' numbers are written.",
)
@click.option("--no-asserted", is_flag=True, help="Leave P-Asserted-Identity out.")
@click.option("--calls-max", type=int, default=30, show_default=True, help="Calls at once, over all nodes.")
@click.option("--cps", type=int, default=5, show_default=True, help="Calls begun a second, over all nodes.")
@click.option(
    "--engine",
    type=click.Choice([engine.value for engine in Engine]),
    default=Engine.SIP.value,
    show_default=True,
    help="What makes its calls.",
)
@json_option
@on_house
async def add(
    house: House,
    name: str,
    server: str,
    username: str | None,
    password: str | None,
    registers: bool,
    caller_id: Number | None,
    allowed: tuple[str, ...],
    written: str,
    no_asserted: bool,
    calls_max: int,
    cps: int,
    engine: str,
    as_json: bool,
) -> None:
    """Add the trunk NAME; calls go over it once a route leads there."""
    trunk = await house.trunks.add(
        Trunk(
            id=0,
            name=name,
            engine=Engine(engine),
            server=Server.parse(server, ARI_PORT if engine == Engine.ASTERISK else SIP_PORT),
            credentials=_credentials(username, password),
            registers=registers,
            caller_id=CallerId(caller_id, tuple(map(_allowed, allowed)), NumberFormat(written), not no_asserted),
            calls_max=calls_max,
            calls_per_s=cps,
        )
    )
    if as_json:
        print_json(_shown(TrunkSight(trunk, 0, None)))
    else:
        click.echo(f"trunk {trunk.name} is there; next: portevoix route add --trunk {trunk.name} --prefix 33")


@command.command("list")
@json_option
@on_house
async def list_trunks(house: House, as_json: bool) -> None:
    """List the trunks and how they are, never their passwords."""
    found = [_shown(sight) for sight in await house.trunks.all()]
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, [tuple(one[column] for column in _COLUMNS) for one in found])


@command.command()
@click.argument("name")
@json_option
@on_house
async def remove(house: House, name: str, as_json: bool) -> None:
    """Remove the trunk NAME and its routes; calls under way go on."""
    await house.trunks.remove(name)
    if as_json:
        print_json({"trunk": name, "removed": True})
    else:
        click.echo(f"trunk {name} and its routes are gone")


@command.command()
@click.argument("name")
@json_option
@on_house
async def check(house: House, name: str, as_json: bool) -> None:
    """Register with the trunk NAME where it wants that, ask it for a sign of life, and tell how it is set up.

    No phone rings. Exit code 1 where it does not answer, or refuses us.
    """
    trunk = await routing.find_trunk(house, name)
    sight = next(one for one in await house.trunks.all() if one.trunk.id == trunk.id)
    routes = [one.name for one in await house.trunks.routes() if one.trunk.id == trunk.id]
    answered = await _ask(trunk)
    remarks = [*_remarks(trunk), *_answers(answered)]
    if not routes:
        remarks.append("no route leads over it: portevoix route add")
    found = {**_shown(sight), "routes": routes, **asdict(answered)}
    if as_json:
        print_json({**found, "remarks": remarks})
    else:
        print_table(("what", "value"), list({**found, "routes": ", ".join(routes) or None}.items()))
        for remark in remarks:
            click.echo(f"- {remark}")
    if _faults(answered):
        raise SystemExit(1)


async def _ask(trunk: Trunk) -> Checked:
    try:
        if trunk.engine is Engine.ASTERISK:
            return await check_asterisk(Settings.read(os.environ), trunk)
        return await check_trunk(Settings.read(os.environ), SystemClock(), trunk)
    except OSError:
        return Checked(is_found=False)


def _faults(answered: Checked) -> list[str]:
    """Say what is wrong with a trunk's answers. Any response to an OPTIONS is a sign of life, a refusal too."""
    if not answered.is_found:
        return ["its host has no address, or there is no way there"]
    said = []
    if answered.asterisk == "":
        said.append(f"its Asterisk does not answer: {answered.reason}")
    if answered.endpoint == "offline":
        said.append("Asterisk holds the endpoint of its name for offline")
    if answered.sounds in _UNPLAYED:
        said.append(_UNPLAYED[answered.sounds])
    if answered.options == 0:
        said.append("it does not answer: is that its address, does its firewall know us, does ours let UDP through?")
    if answered.registration == 0:
        said.append("it does not answer our REGISTER")
    elif answered.registration is not None and not 200 <= answered.registration < 300:
        said.append(f"it refuses our REGISTER: {answered.registration} {answered.reason}; user name and password?")
    return said


def _answers(answered: Checked) -> list[str]:
    said = _faults(answered)
    if answered.options:
        said.append(f"it answers: {answered.options} to an OPTIONS, after {answered.round_trip_ms} ms")
    if answered.asterisk:
        said.append(f"Asterisk {answered.asterisk} answers; its endpoint of that name is {answered.endpoint}")
    if answered.endpoint == "missing":
        said.append("Asterisk has no PJSIP endpoint of its name: its routes need a --dial TECHNOLOGY/RESOURCE each")
    if answered.endpoint == "unknown":
        said.append("Asterisk does not ask it for a sign of life: set qualify_frequency in its aor")
    if answered.sounds == "played":
        said.append("Asterisk has played a file that we laid, and its audio has come back to us")
    if answered.asterisk:
        said.append("whether Asterisk is registered there ARI does not tell: asterisk -rx 'pjsip show registrations'")
    if answered.registration is not None and 200 <= answered.registration < 300:
        said.append("it knows where we are")
    return said


def _remarks(trunk: Trunk) -> list[str]:
    """Say what somebody who sets it up would want to know."""
    said = []
    if trunk.engine is Engine.ASTERISK:
        if Settings.read(os.environ).asterisk_sounds is None:
            said.append("calls over it wait: the server's PORTEVOIX_ASTERISK_SOUNDS is to name a folder")
    else:
        said.append("SIP goes over UDP; for TCP, TLS, SRTP or SRV put Asterisk or a proxy in front")
    if trunk.caller_id.number is None:
        said.append("calls are anonymous: many operators refuse them; give it a --caller-id")
    if trunk.server.is_loopback:
        said.append("it is on this machine: numbers of fiction need PORTEVOIX_TRUNK_FICTION=yes")
    return said


def _credentials(username: str | None, password: str | None) -> Credentials | None:
    if username is None:
        if password is not None:
            raise TrunkInvalid("a password needs a --username")
        return None
    if password == "-":  # noqa: S105 - no password: it says where to read one
        password = sys.stdin.readline().rstrip("\r\n")
    return Credentials(username, password or os.environ.get(PASSWORD, ""))


def _allowed(text: str) -> str:
    """Read a number that a trunk lets through, or the beginning of some, before a ``*``."""
    if not text.endswith("*"):
        return Number.parse(text).digits
    digits = text[:-1].removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise TrunkInvalid(f"not the beginning of a number, in E.164 without the plus: {text[:40]!r}")
    return f"{digits}*"


def _shown(sight: TrunkSight) -> dict[str, object]:
    trunk = sight.trunk
    return {
        "trunk": trunk.name,
        "engine": trunk.engine.value,
        "server": str(trunk.server),
        "username": trunk.credentials.username if trunk.credentials else None,
        "registers": trunk.registers,
        "caller_id": str(trunk.caller_id.number) if trunk.caller_id.number else None,
        "callers_allowed": list(trunk.caller_id.allowed),
        "number_format": trunk.caller_id.format.value,
        "asserted": trunk.caller_id.is_asserted,
        "calls_max": trunk.calls_max,
        "cps": trunk.calls_per_s,
        "under_way": sight.under_way,
        "state": "up" if sight.down_until is None else f"no answer; asked again by {sight.down_until.isoformat()}",
    }
