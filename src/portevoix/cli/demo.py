"""portevoix demo: a server with a demo account, to try things out."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import click
import httpx2

from portevoix import bootstrap
from portevoix.cli.serve import serve
from portevoix.cli.session import data_option, read_settings, told_errors
from portevoix.domain.account import parse_networks
from portevoix.domain.mail import EmailAddress
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.person import Role
from portevoix.ports import House
from portevoix.service.accounts import open_account
from portevoix.service.people import add_person, invite
from portevoix.settings import Settings

SANDBOX_CREDIT_MICROS = 100 * MICROS_PER_EURO
START_TIMEOUT_S = 60
LOOPBACK = "127.0.0.0/8 ::1"

OPERATOR = "operator@localhost"
"""Who signs in to the demo's console."""

#: Of the regulator's fiction block: its simulated phone rings for 4 s, is answered, and listens for 6 s.
PHONE = "0639980400"


@click.command(name="demo")
@click.option("--host", help="The address to listen on [PORTEVOIX_HOST, default 127.0.0.1].")
@click.option("--port", help="The port to listen on [PORTEVOIX_PORT, default 8080].")
@data_option
def command(host: str | None, port: str | None, data: Path | None) -> None:
    """Start a server with a demo account and 100 € of sandbox credit; a second start keeps the data."""
    settings = _open_to_this_machine(read_settings(host=host, port=port, data=data))
    where = "using your PostgreSQL" if settings.database_url else f"starting the embedded PostgreSQL in {settings.data}"
    click.echo(f"==> {where}")
    with told_errors(), bootstrap.database(settings) as url:
        bootstrap.prepare(settings, url)
        key, link = asyncio.run(_demo(settings, url))
        serve(settings, lambda: _announce(settings, key, link))
    click.echo("==> stopped; the data stays in " + str(settings.data))


def _open_to_this_machine(settings: Settings) -> Settings:
    """Let webhooks reach this machine, where whoever tries things out has their receiver; unless that was set."""
    if settings.webhooks_allow or "PORTEVOIX_WEBHOOKS_ALLOW" in os.environ:
        return settings
    return replace(settings, webhooks_allow=parse_networks(LOOPBACK))


def _announce(settings: Settings, key: str, link: str) -> None:
    """Leave the welcome to a process of its own: workers are forked, and a thread of ours could hold a lock then."""
    click.echo("==> starting the server")
    multiprocessing.get_context("fork").Process(target=_welcome, args=(settings, key, link), daemon=True).start()


async def _demo(settings: Settings, url: str) -> tuple[str, str]:
    """Open the demo account and its operator once; returns the test key, and where the console is entered."""
    async with bootstrap.house_of(settings, url) as opened:
        return await _demo_key(settings, opened.house), await _demo_operator(opened.house)


async def _demo_operator(house: House) -> str:
    """Make the link by which the demo's operator chooses a password; the sign-in, once there is one."""
    found = await house.people.by_email(EmailAddress.parse(OPERATOR))
    if found is None:
        _, token = await add_person(house, OPERATOR, Role.OPERATOR, None)
    elif found[0].has_password:
        return "/console/"
    else:
        token = await invite(house, found[0])
    return f"/console/welcome/{token}"


async def _demo_key(settings: Settings, house: House) -> str:
    """Open the demo account once; its key is kept in the data folder, readable by its owner alone."""
    kept = settings.data / "demo.json"
    if kept.exists():
        key: str = json.loads(kept.read_text(encoding="utf-8"))["test_key"]
        return key
    account = await open_account(house, "Demo", sandbox_micros=SANDBOX_CREDIT_MICROS)
    with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({"account": account.account, "test_key": account.test_key}, file)
    return account.test_key


def _welcome(settings: Settings, key: str, link: str) -> None:
    """Say how to try the server, once it answers; whoever stops the server stops this too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    base = f"http://{settings.host}:{settings.port}"
    deadline = time.monotonic() + START_TIMEOUT_S
    with httpx2.Client(timeout=1, trust_env=False) as http:
        while time.monotonic() < deadline:
            try:
                http.get(f"{base}/healthz").raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(0.1)
        else:
            click.echo("the server does not answer; its log above says why", err=True)
            return
    body = json.dumps({"apiKey": key, "phoneNumbers": PHONE, "text": "Bonjour, la piscine est fermée."})
    click.echo(
        f"""
Portevoix is ready, with a demo account and 100 € of sandbox credit.

  test key   {key}
  try it     curl {base}/v1/me/{key}
  send       curl {base}/v1/tts/send -d '{body}'
  then       export PORTEVOIX_KEY={key} PORTEVOIX_URL={base}
  watch      portevoix watch CAMPAIGNID
  listen     portevoix inbox
  read       {base}/docs
  see        {base}{link}   (the console, as {OPERATOR})

Ctrl-C stops the server; the data stays in {settings.data}."""
    )
