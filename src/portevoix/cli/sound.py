"""Where the sound of a command goes: into a file, or out of the loudspeaker."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import click

#: The players that are known, the first one first: macOS, ALSA, SoX, FFmpeg; and what keeps them quiet.
PLAYERS = {
    "afplay": (),
    "aplay": ("-q",),
    "play": ("-q",),
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error"),
}

OUTPUT = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


def write_wav(path: Path, wav: bytes) -> None:
    """Write a file whole or not at all, over one that is there; ``-`` is standard output.

    Raises:
        ClickException: it cannot be written.
    """
    if str(path) == "-":
        click.echo(wav, nl=False)
        return
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(wav)  # a device or a pipe is written to, never replaced
        else:
            _replace(path.resolve(), wav)  # a link stays one
    except OSError as problem:
        raise click.ClickException(f"cannot write {path}: {problem.strerror or problem}") from None


def _replace(target: Path, wav: bytes) -> None:
    part = target.with_name(f".portevoix-{os.urandom(6).hex()}.part")
    try:
        with part.open("xb") as file:
            file.write(wav)
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def find_player() -> list[str]:
    """Find a program that plays WAV files, with its options.

    Raises:
        ClickException: there is none.
    """
    for name, options in PLAYERS.items():
        if found := shutil.which(name):
            return [found, *options]
    *most, last = PLAYERS
    raise click.ClickException(
        f"no player is installed: {', '.join(most)} or {last} is needed; 'say' and 'audio get' write files with -o"
    )


def play(player: list[str], wav: bytes) -> None:
    """Play a WAV file to its end.

    Raises:
        ClickException: the player failed.
    """
    with tempfile.TemporaryDirectory(prefix="portevoix-") as folder:
        file = Path(folder) / "portevoix.wav"
        file.write_bytes(wav)
        status = subprocess.run([*player, str(file)], stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603
    if status:
        raise click.ClickException(f"{player[0]} failed (status {status})")
