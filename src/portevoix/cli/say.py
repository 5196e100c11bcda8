"""portevoix say: a text as the phone will say it."""

from __future__ import annotations

from pathlib import Path

import click

from portevoix.cli.service import on_service
from portevoix.cli.sound import OUTPUT, find_player, play, write_wav
from portevoix.client import VoicePartner


@click.command(name="say")
@click.argument("text")
@click.option("-o", "--output", type=OUTPUT, help="The WAV file to write; '-' for standard output. Played without it.")
@click.option("--lang", default="fr", show_default=True, help="The text's language.")
@click.option("--rate", type=float, default=1.0, show_default=True, help="0.5 (half as fast) to 2.")
@on_service
def command(voice: VoicePartner, text: str, output: Path | None, lang: str, rate: float) -> None:
    """Say TEXT as the phone will: into a file, or aloud. Each comma is a pause of 0.5 s."""
    if output is not None:
        write_wav(output, voice.speech(text, lang, rate))
        return
    player = find_player()
    play(player, voice.speech(text, lang, rate))
