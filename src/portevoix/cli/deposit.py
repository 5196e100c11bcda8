"""portevoix deposit: a recording that is left on voicemail."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from portevoix.cli.sending import Wish, carry_out, check, sending_options, token_of
from portevoix.cli.service import on_service
from portevoix.client import Order, VoicePartner


@click.command(name="deposit")
@click.option("--audio", required=True, help="What is left: a recording's token, or a file, which is uploaded.")
@click.option("--email", help="Who gets a mail when it is over.")
@click.option("--sender", help="The number that is shown; it must have been verified.")
@sending_options
@on_service
def command(
    voice: VoicePartner,
    numbers: tuple[str, ...],
    audio: str,
    email: str | None,
    sender: str | None,
    file: Path | None,
    at: datetime | None,
    notify_url: str | None,
    only_quote: bool,
    is_agreed: bool,
    idempotency_key: str | None,
    as_json: bool,
) -> None:
    """Leave a recording on the voicemail of NUMBERS; mobiles are not rung. Shows the price and asks first."""
    wish = Wish(numbers, file, only_quote, is_agreed, idempotency_key, as_json)
    check(wish)
    order = Order(
        kind="deposit", audio=token_of(voice, audio), at=at, notify_url=notify_url, email=email, sender=sender
    )
    carry_out(voice, order, wish)
