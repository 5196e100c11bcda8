"""The commands on recordings and speech, as a user runs them against a real server."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from portevoix.cli.sound import PLAYERS
from tests.client.odd_server import tone_wav
from tests.parts import PATIENCE_S, Server, free_port, portevoix


@dataclass(frozen=True)
class Shell:
    """Runs the command line with a key of its own, in a folder."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return portevoix(*arguments, data=self.folder, environment={**self.environment, **environment})

    def done(self, *arguments: str, **environment: str) -> str:
        """Run a command that succeeds and says nothing on standard error; returns what it prints."""
        ended = self.run(*arguments, **environment)
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    def refused(self, *arguments: str, **environment: str) -> str:
        """Run a command that is refused; returns the error."""
        ended = self.run(*arguments, **environment)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith("Error: ")
        return ended.stderr

    def upload(self, name: str = "rappel") -> str:
        """Upload a second of a tone; returns its token."""
        file = self.folder / "tone.wav"
        file.write_bytes(tone_wav())
        return str(json.loads(self.done("audio", "upload", str(file), "--name", name, "--json"))["token"])


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    account: dict[str, str] = server.run("account", "create", "Mairie", "--json")
    return account["test_key"]


@pytest.fixture
def shell(server: Server, key: str, tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"PORTEVOIX_KEY": key, "PORTEVOIX_URL": server.url})


def seconds_of(wav: bytes) -> float:
    with wave.open(io.BytesIO(wav)) as reader:
        return reader.getnframes() / reader.getframerate()


def player(folder: Path, name: str, does: str) -> None:
    """Install a player that keeps what it is given."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\nfor last; do :; done\n/bin/cp "$last" {folder}/{name}.played\n{does}\n')
    program.chmod(0o755)


def test_an_upload_tells_what_became_of_the_file(shell: Shell) -> None:
    file = shell.folder / "Fermeture.wav"
    file.write_bytes(tone_wav())
    told = dict(line.split(maxsplit=1) for line in shell.done("audio", "upload", str(file)).splitlines())
    assert (told["name"], told["duration"]) == ("Fermeture.wav", "1.000 s, billed as 1 s")
    assert told["trimmed"] == "0.000 s in front, 0.000 s at the end"
    assert told["loudness"].endswith(" dB")
    listed = json.loads(shell.done("audio", "list", "--json"))
    assert ("Fermeture.wav", 1) in [(audio["name"], audio["duration_s"]) for audio in listed]
    assert told["token"] in shell.done("audio", "list")


def test_a_recording_is_renamed_and_deleted(shell: Shell) -> None:
    token = shell.upload()
    assert shell.done("audio", "rename", token, "Crue") == f"{token} is called Crue\n"
    assert [token, "Crue", "0:01", "15.7Ko"] in [line.split()[:4] for line in shell.done("audio", "list").splitlines()]
    assert shell.done("audio", "delete", token) == f"{token} is deleted\n"
    assert token not in shell.done("audio", "list")
    assert "(code audio_not_found, status 404)" in shell.refused("audio", "delete", token)


def test_a_recording_is_fetched_over_a_file_whose_mode_and_link_stay(shell: Shell) -> None:
    token = shell.upload()
    file, link = shell.folder / "out.wav", shell.folder / "link.wav"
    file.write_bytes(b"what was there")
    file.chmod(0o640)
    link.symlink_to(file)
    assert shell.done("audio", "get", token, "-o", str(link)) == ""
    assert seconds_of(file.read_bytes()) == 1
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert not list(shell.folder.glob(".*"))


def test_a_refused_fetch_leaves_the_file_that_was_there(shell: Shell) -> None:
    file = shell.folder / "out.wav"
    file.write_bytes(b"what was there")
    assert "no such recording" in shell.refused("audio", "get", "0" * 32, "-o", str(file))
    assert file.read_bytes() == b"what was there"
    assert not list(shell.folder.glob(".*"))


def test_a_file_that_cannot_be_written_is_told(shell: Shell) -> None:
    error = shell.refused("say", "bonjour", "-o", str(shell.folder / "none" / "out.wav"))
    assert error.endswith("out.wav: No such file or directory\n")


def test_a_pipe_is_written_to_and_not_replaced(shell: Shell) -> None:
    pipe = shell.folder / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    shell.done("say", "bonjour", "-o", str(pipe))
    reader.join(PATIENCE_S)
    assert pipe.is_fifo()
    assert seconds_of(read[0]) > 0.1


def test_a_dash_writes_to_standard_output(shell: Shell) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "portevoix", "say", "bonjour", "-o", "-"],
        env={**os.environ, **shell.environment},
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert seconds_of(said.stdout) > 0.1
    assert said.stderr == b""


def test_a_text_is_said_in_its_language_at_its_rate(shell: Shell) -> None:
    def said(*options: str) -> bytes:
        file = shell.folder / "out.wav"
        shell.done("say", "la table est grande, oui", "-o", str(file), *options)
        return file.read_bytes()

    plain = said()
    assert said("--lang", "fr", "--rate", "1") == plain
    assert said("--lang", "en") != plain
    assert seconds_of(said("--rate", "2")) < seconds_of(plain)
    assert "(code lang_invalid, status 400)" in shell.refused("say", "bonjour", "-o", "x.wav", "--lang", "xx")


def test_the_first_player_that_is_installed_plays(shell: Shell) -> None:
    token = shell.upload()
    folder = shell.folder / "bin"
    for number, name in enumerate(reversed(PLAYERS)):
        player(folder, name, "exit 0")
        played = folder / f"{name}.played"
        if number % 2:
            shell.done("audio", "play", token, PATH=str(folder))
            assert seconds_of(played.read_bytes()) == 1
        else:
            shell.done("say", "bonjour", PATH=str(folder))
            assert seconds_of(played.read_bytes()) > 0.1


def test_without_a_player_those_that_would_do_are_named(shell: Shell) -> None:
    for command in (("say", "bonjour"), ("audio", "play", "0" * 32)):
        error = shell.refused(*command, PATH=str(shell.folder))
        assert all(name in error for name in PLAYERS)


def test_a_player_that_fails_is_told(shell: Shell) -> None:
    player(shell.folder / "bin", "aplay", "exit 3")
    assert "aplay failed (status 3)" in shell.refused("say", "bonjour", PATH=str(shell.folder / "bin"))


def test_progress_is_shown_on_a_terminal(shell: Shell) -> None:
    file = shell.folder / "long.wav"
    file.write_bytes(tone_wav(30))
    terminal, end = pty.openpty()
    with open(terminal, "rb", buffering=0) as shown, open(end, "wb", buffering=0) as stderr:  # noqa: PTH123 - numbers
        done = subprocess.run(
            [sys.executable, "-m", "portevoix", "audio", "upload", str(file), "--json"],
            env={**os.environ, **shell.environment, "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=True,
            timeout=PATIENCE_S,
        )
        bar = shown.read(100_000).decode()
    assert json.loads(done.stdout)["duration_s"] == 30
    assert "Sending" in bar
    assert "100%" in bar


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("audio", "upload", "none.wav"), "does not exist"),
        (("audio", "get", "0" * 32), "Missing option '-o'"),
        (("audio", "list", "--timeout", "0"), "not in the range"),
        (("say",), "Missing argument 'TEXT'"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(shell: Shell, arguments: tuple[str, ...], told: str) -> None:
    ended = shell.run(*arguments)
    assert ended.returncode == 2
    assert told in ended.stderr


def test_a_key_is_asked_for(tmp_path: Path) -> None:
    ended = portevoix("audio", "list", data=tmp_path)
    assert ended.returncode == 2
    assert "Missing option '--key'" in ended.stderr


def test_a_service_that_is_not_there_is_told_without_the_key(shell: Shell, key: str) -> None:
    error = shell.refused("audio", "list", PORTEVOIX_URL=f"http://127.0.0.1:{free_port()}")
    assert "could not be reached" in error
    assert key not in error


def test_the_commands_load_nothing_of_the_server() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, portevoix.cli.audio, portevoix.cli.say; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout.split()
    rooms = {name for name in loaded if name.startswith("portevoix.")}
    assert {name.split(".")[1] for name in rooms} == {"cli", "client"}
    assert not {"msgspec", "psycopg", "starlette", "structlog"} & set(loaded)
