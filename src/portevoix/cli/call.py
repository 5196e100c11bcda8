"""portevoix call: what became of single calls."""

from __future__ import annotations

from pathlib import Path

import click

from portevoix.cli.service import on_service
from portevoix.cli.sound import OUTPUT, write_wav
from portevoix.client import VoicePartner


@click.group(name="call")
def command() -> None:
    """See what is kept of single calls."""


@command.command()
@click.argument("call")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The WAV file to write; '-' for standard output.")
@click.option("--alaw", is_flag=True, help="Write the line's own bytes, instead of 16-bit samples.")
@on_service
def recording(voice: VoicePartner, call: str, output: Path, alaw: bool) -> None:
    """Fetch what the far end of CALL said first, where the operator keeps that for proof; a file is replaced."""
    write_wav(output, voice.call_recording(call, alaw=alaw))
