"""portevoix cancel: what has not begun of a message does not begin."""

from __future__ import annotations

import click

from portevoix.cli.printing import euros, json_option, plain, print_json
from portevoix.cli.service import on_service
from portevoix.client import VoicePartner


@click.command(name="cancel")
@click.argument("message")
@json_option
@on_service
def command(voice: VoicePartner, message: str, as_json: bool) -> None:
    """Cancel what has not begun of the message MESSAGE; its credit comes back at once."""
    stopped = voice.stop(message)
    if as_json:
        print_json(plain(stopped))
        return
    now = stopped.message
    click.echo(
        f"{now.id} is cancelled: {now.cancelled} of {now.recipients} calls; {euros(stopped.released)} € came back"
    )
