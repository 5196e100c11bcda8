"""portevoix send: a message that phones ring for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from portevoix.cli.sending import Wish, carry_out, check, sending_options, token_of
from portevoix.cli.service import on_service
from portevoix.client import Order, Retries, VoicePartner


@click.command(name="send")
@click.option("--text", help="What is said; each comma is a pause of 0.5 s.")
@click.option("--audio", help="What is played instead: a recording's token, or a file, which is uploaded.")
@click.option("--lang", help="The text's language; fr, where none is given.")
@click.option("--rate", type=float, help="0.5 (half as fast) to 2.")
@click.option("--retries", type=click.IntRange(0, 5), default=0, show_default=True, help="For the busy and the absent.")
@click.option("--spacing", type=click.IntRange(60, 86_400), default=300, show_default=True, help="Seconds to a retry.")
@sending_options
@on_service
def command(
    voice: VoicePartner,
    numbers: tuple[str, ...],
    text: str | None,
    audio: str | None,
    lang: str | None,
    rate: float | None,
    retries: int,
    spacing: int,
    file: Path | None,
    at: datetime | None,
    notify_url: str | None,
    only_quote: bool,
    is_agreed: bool,
    idempotency_key: str | None,
    as_json: bool,
) -> None:
    """Call NUMBERS, and play each a text or a recording when it is answered; shows the price and asks first."""
    wish = Wish(numbers, file, only_quote, is_agreed, idempotency_key, as_json)
    check(wish)
    if (text is None) == (audio is None):
        raise click.UsageError("give --text or --audio, one of the two")
    order = Order(
        text=text,
        audio=None if audio is None else token_of(voice, audio),
        lang=lang,
        speech_rate=rate,
        at=at,
        notify_url=notify_url,
        retries=Retries(retries, spacing) if retries else None,
    )
    carry_out(voice, order, wish)
