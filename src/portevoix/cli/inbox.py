"""portevoix inbox: what the sandbox's phones received."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from portevoix.cli.printing import json_option, plain, print_json, print_table
from portevoix.cli.service import on_service
from portevoix.cli.sound import OUTPUT, find_player, play, write_wav
from portevoix.client import Mail, Received, VoicePartner


@click.command(name="inbox")
@click.option("--number", help="Of one phone alone.")
@click.option("--message", help="Of one message alone.")
@click.option("--most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first.")
@click.option("--play", "played", metavar="ENTRY", help="Play what was heard.")
@click.option("--save", "saved", metavar="ENTRY FILE", nargs=2, type=(str, OUTPUT), help="Write it as a WAV file.")
@click.option("--clear", is_flag=True, help="Empty the inbox.")
@json_option
@on_service
def command(
    voice: VoicePartner,
    number: str | None,
    message: str | None,
    most: int,
    played: str | None,
    saved: tuple[str, Path] | None,
    clear: bool,
    as_json: bool,
) -> None:
    """Show what the simulated phones of a test key received, and listen to it."""
    if sum((played is not None, saved is not None, clear)) > 1:
        raise click.UsageError("--play, --save and --clear are one at a time")
    if played is not None:
        player = find_player()
        play(player, voice.sandbox.audio(played))
    elif saved is not None:
        entry, path = saved
        write_wav(path, voice.sandbox.audio(entry))
    elif clear:
        voice.sandbox.clear()
        click.echo("the inbox is empty")
    else:
        found = list(islice(voice.sandbox.inbox(number=number, message_id=message), most))
        _show(found, voice.sandbox.mails(), as_json=as_json)


def _show(found: list[Received], mails: list[Mail], *, as_json: bool) -> None:
    if as_json:
        print_json({"received": plain(found), "mails": plain(mails)})
        return
    header = ("entry", "at", "message", "number", "kind", "outcome", "heard", "keys", "webhooks", "what")
    print_table(header, [_row(one) for one in found])
    for mail in mails:
        click.echo(f"\nmail to {mail.to} ({mail.state}): {mail.subject}\n{mail.text.rstrip()}")


def _row(one: Received) -> tuple[object, ...]:
    delivered = sum(webhook.state == "delivered" for webhook in one.webhooks)
    return (
        one.id,
        one.dialed_at.isoformat(timespec="seconds"),
        one.message,
        one.number,
        one.kind,
        one.outcome or "under way",
        f"{one.heard.total_seconds():g} s" if one.has_audio else "",
        one.keys,
        f"{delivered} of {len(one.webhooks)}" if one.webhooks else "",
        one.text if one.audio_name is None else one.audio_name,
    )
