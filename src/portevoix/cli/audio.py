"""portevoix audio: the library of recordings of an API key's account."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click

from portevoix.cli.printing import json_option, print_json, print_table
from portevoix.cli.service import on_service
from portevoix.cli.sound import OUTPUT, find_player, play, write_wav
from portevoix.client import Recording, VoicePartner
from portevoix.client.upload import Progress


@click.group(name="audio")
def command() -> None:
    """Keep the recordings that calls play: upload, list, rename, delete, fetch and play them."""


@command.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Its name in the library, 3 to 50 characters; the file's, where none is given.")
@json_option
@on_service
def upload(voice: VoicePartner, path: Path, name: str | None, as_json: bool) -> None:
    """Add the file PATH to the library: WAV, MP3, OGG, FLAC, M4A, WebM or AMR."""
    try:
        with _progress_bar() as progress:
            recording = voice.upload_audio(path, name, progress)
    except OSError as problem:
        raise click.ClickException(f"cannot read {path}: {problem.strerror or problem}") from None
    if as_json:
        print_json(_shown(recording))
    else:
        click.echo(_told(recording))


@command.command("list")
@json_option
@on_service
def list_audios(voice: VoicePartner, as_json: bool) -> None:
    """List the recordings, oldest first, on Portevoix or on Voice Partner."""
    audios = voice.audios()
    if as_json:
        print_json(
            [
                {
                    "token": audio.token,
                    "name": audio.name,
                    "duration_s": int(audio.duration.total_seconds()),
                    "size": audio.size,
                    "created_at": audio.created_at.isoformat(),
                }
                for audio in audios
            ]
        )
        return
    print_table(
        ("token", "name", "duration", "size", "created_at"),
        [
            (
                audio.token,
                audio.name,
                _clock(audio.duration),
                audio.size,
                audio.created_at.isoformat(timespec="seconds"),
            )
            for audio in audios
        ],
    )


@command.command()
@click.argument("token")
@click.argument("name")
@on_service
def rename(voice: VoicePartner, token: str, name: str) -> None:
    """Call the recording TOKEN by another NAME, of 3 to 50 characters; on Portevoix or on Voice Partner."""
    click.echo(f"{token} is called {voice.rename_audio(token, name)}")


@command.command()
@click.argument("token")
@on_service
def delete(voice: VoicePartner, token: str) -> None:
    """Remove the recording TOKEN from the library."""
    voice.delete_audio(token)
    click.echo(f"{token} is deleted")


@command.command()
@click.argument("token")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The WAV file to write; '-' for standard output.")
@on_service
def get(voice: VoicePartner, token: str, output: Path) -> None:
    """Fetch the recording TOKEN as a WAV file, as the phone plays it; a file of that name is replaced."""
    write_wav(output, voice.audio_content(token))


@command.command("play")
@click.argument("token")
@on_service
def play_recording(voice: VoicePartner, token: str) -> None:
    """Play the recording TOKEN, by the first of afplay, aplay, play and ffplay that is installed."""
    player = find_player()
    play(player, voice.audio_content(token))


@contextmanager
def _progress_bar() -> Iterator[Progress | None]:
    """Show how much is sent, to whoever looks at a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1, label="Sending", file=sys.stderr) as bar:

        def progress(sent_bytes: int, total_bytes: int) -> None:
            bar.length = total_bytes
            bar.update(sent_bytes - bar.pos)

        yield progress


def _shown(recording: Recording) -> dict[str, object]:
    made = recording.conditioning
    return {
        "token": recording.token,
        "name": recording.name,
        "duration_s": recording.duration.total_seconds(),
        "billable_s": recording.billable_s,
        "size_bytes": recording.size_bytes,
        "sha256": recording.sha256,
        "container": made.container,
        "codec": made.codec,
        "trimmed_start_s": made.trimmed_start.total_seconds(),
        "trimmed_end_s": made.trimmed_end.total_seconds(),
        "gain_db": made.gain_db,
        "created_at": recording.created_at.isoformat(),
    }


def _told(recording: Recording) -> str:
    made = recording.conditioning
    durations = (recording.duration, made.trimmed_start, made.trimmed_end)
    length, front, end = (f"{duration.total_seconds():.3f} s" for duration in durations)
    return "\n".join(
        (
            f"token     {recording.token}",
            f"name      {recording.name}",
            f"duration  {length}, billed as {recording.billable_s} s",
            f"trimmed   {front} in front, {end} at the end",
            f"loudness  {made.gain_db:+.1f} dB",
        )
    )


def _clock(duration: timedelta) -> str:
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{minutes}:{seconds:02d}"
