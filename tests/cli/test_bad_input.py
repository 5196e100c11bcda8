"""Bad input ends a command with one clear line, never with a traceback, and changes nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Commands, Done
from tests.parts import PATIENCE_S, Server, portevoix

UNKNOWN_ACCOUNT, UNKNOWN_KEY = "acct_000000000000", "key_000000000000"


@pytest.fixture(scope="module")
def account(commands: Commands) -> str:
    return str(commands.json("account", "create", "Mairie", "--credit", "19", "--json")["account"])


REFUSED = [
    ("account", "create", "  "),
    ("account", "create", "a\nb"),
    ("account", "create", "x", "--credit", "-5"),
    ("account", "create", "x", "--parent", UNKNOWN_ACCOUNT),
    ("account", "show", UNKNOWN_ACCOUNT),
    ("account", "allow", UNKNOWN_ACCOUNT),
    ("account", "allow", UNKNOWN_ACCOUNT, "--cap", "5/5"),
    ("account", "allow", f"{UNKNOWN_ACCOUNT}/sandbox"),
    ("account", "allow", "ACCOUNT/sandbox", "--cap", "5/5"),
    ("account", "allow", "ACCOUNT", "--countries", ""),
    ("account", "allow", "ACCOUNT", "--cap", "5/5", "--countries", ","),
    ("account", "low-balance", UNKNOWN_ACCOUNT, "5"),
    ("account", "low-balance", "ACCOUNT", "--", "-5"),
    ("credit", "add", UNKNOWN_ACCOUNT, "5"),
    ("credit", "add", "ACCOUNT", "--", "-5"),
    ("credit", "add", "ACCOUNT", "5", "--idempotency-key", "a b"),
    ("credit", "add", "ACCOUNT", "5", "--idempotency-key", ""),
    ("credit", "add", "ACCOUNT", "5", "--expires", "2020-01-01"),
    ("credit", "add", "ACCOUNT", "5", "--reason", "\udcff"),
    ("credit", "refund", "999999999", "1"),
    ("credit", "allot", "ACCOUNT", "ACCOUNT", "1"),
    ("key", "create", UNKNOWN_ACCOUNT),
    ("key", "create", "ACCOUNT", "--name", ""),
    ("key", "list", UNKNOWN_ACCOUNT),
    ("key", "revoke", "nonsense"),
    ("key", "rotate", UNKNOWN_KEY),
    ("ledger", "statement", UNKNOWN_ACCOUNT),
    ("tariff", "show", "nobody's"),
    ("tariff", "show", "\udcff"),
    ("tariff", "assign", UNKNOWN_ACCOUNT),
]

MISWRITTEN = [
    ("credit", "add", "ACCOUNT", "5", "--expires", "9999-12-31T23:59:59-12:00"),
    ("credit", "refund", "9" * 30, "1"),
    ("key", "create", "ACCOUNT", "--expires", "9999-12-31T23:59:59-12:00"),
    ("key", "rotate", UNKNOWN_KEY, "--grace", "9" * 18),
    ("key", "rotate", UNKNOWN_KEY, "--grace", "300000000000"),
    ("tariff", "import", "-", "--name", "early", "--from", "0001-01-01T00:00+14:00"),
    ("nonsense",),
    ("account", "create"),
    ("account", "create", "x", "--credit", "1,5"),
    ("account", "create", "x", "--parent", "nonsense"),
    ("account", "show", "nonsense"),
    ("account", "state", "ACCOUNT", "asleep"),
    ("account", "low-balance", "ACCOUNT", "much"),
    ("account", "allow", "nonsense"),
    ("account", "allow", "ACCOUNT", "--cap", "much"),
    ("account", "allow", "ACCOUNT", "--cap", "1.5/2"),
    ("account", "allow", "ACCOUNT", "--cap", ""),
    ("account", "allow", "ACCOUNT", "--cap", "-1/2"),
    ("account", "allow", "ACCOUNT", "--cap", "5/5", "--countries", "france"),
    ("credit", "add", "ACCOUNT", "99999999999"),
    ("credit", "add", "ACCOUNT", "5", "--expires", "tomorrow"),
    ("credit", "refund", "first", "1"),
    ("key", "rotate", UNKNOWN_KEY, "--grace", "-1"),
    ("tariff", "import", "/nowhere/at-all.csv"),
    ("credits",),
]


def untraced(done: Done) -> Done:
    """Check that a command was refused, and not broken."""
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == ""
    return done


def run(data: Path, arguments: tuple[str, ...], **environment: str) -> Done:
    done = portevoix(*arguments, data=data, environment=environment)
    return untraced(Done(done.returncode, done.stdout, done.stderr))


@pytest.mark.parametrize("arguments", REFUSED, ids=lambda arguments: " ".join(map(ascii, arguments))[:60])
def test_what_is_refused_is_told_in_one_line(
    commands: Commands, account: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    tariff = tmp_path / "tariff.csv"
    tariff.write_text("product,prefix,price\ndeposit,33,0.1\n", encoding="utf-8")
    words = {"ACCOUNT": account, "TARIFF": str(tariff)}
    done = untraced(commands.run(*(words.get(word, word.replace("ACCOUNT/", f"{account}/")) for word in arguments)))
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")


@pytest.mark.parametrize("arguments", MISWRITTEN, ids=lambda arguments: " ".join(arguments)[:60])
def test_what_is_miswritten_is_told_with_the_usage(
    commands: Commands, account: str, arguments: tuple[str, ...]
) -> None:
    done = untraced(commands.run(*(account if word == "ACCOUNT" else word for word in arguments)))
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_after_all_that_nothing_has_changed(commands: Commands, account: str) -> None:
    shown = commands.json("account", "show", account, "--json")
    assert (shown["available"], shown["own_cap"], shown["own_countries"]) == ("19", None, None)
    assert len(commands.json("key", "list", account, "--json")) == 2
    assert "early" not in [tariff["tariff"] for tariff in commands.json("tariff", "list", "--json")]
    assert commands.json("ledger", "check", "--json") == []


@pytest.mark.parametrize("name", ["binary", "folder", "latin", "empty", "long"])
def test_a_file_that_is_no_tariff_is_refused(commands: Commands, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    match name:
        case "binary":
            file.write_bytes(os.urandom(4096))
        case "folder":
            file.mkdir()
        case "latin":
            file.write_bytes("product,prefix,price\nd\xe9p\xf4t,33,0.1\n".encode("latin-1"))
        case "empty":
            file.write_bytes(b"")
        case "long":
            file.write_text("product,prefix,price\n" + "3" * 200_000, encoding="utf-8")
    done = untraced(commands.run("tariff", "import", str(file), "--name", name))
    assert done.returncode in (1, 2)
    assert done.stderr.splitlines()[-1].startswith("Error: ")


BAD_SETTINGS = {
    "PORTEVOIX_DATA": "",
    "PORTEVOIX_PORT": "eighty",
    "PORTEVOIX_WORKERS": "0",
    "PORTEVOIX_LIMIT_ME": "5",
    "PORTEVOIX_TRUSTED_PROXIES": "proxy.example.org",
    "PORTEVOIX_METRICS_ALLOW": "everybody",
    "PORTEVOIX_LOG_LEVEL": "loud",
    "PORTEVOIX_LIMITS": "everywhere",
    "PORTEVOIX_CONFIG": "/nowhere/portevoix.toml",
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting_is_named(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, ("serve",), **{name: BAD_SETTINGS[name]})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {name}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["nonsense", "postgresql://127.0.0.1:1/x", "mysql://127.0.0.1/x", "postgresql://[", "postgresql://127.0.0.1:x/x"],
)
@pytest.mark.parametrize("command", [("account", "list"), ("migrate",), ("serve",)], ids=" ".join)
def test_a_database_that_cannot_be_reached_is_told(tmp_path: Path, url: str, command: tuple[str, ...]) -> None:
    done = run(tmp_path, command, PORTEVOIX_DATABASE_URL=url)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_a_password_of_the_database_is_in_no_error(tmp_path: Path) -> None:
    for url in ("postgresql://u:sesame@127.0.0.1:1/x", "postgresql://u:sesame@127.0.0.1:x/x", "password=sesame host"):
        done = run(tmp_path, ("account", "list"), PORTEVOIX_DATABASE_URL=url)
        assert done.returncode == 1
        assert "sesame" not in done.stderr


def test_a_data_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for data in (file, file / "below"):
        for command in (("account", "list"), ("serve",)):
            done = run(data, command)
            assert done.returncode == 1, done.stderr
            assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_another_pepper_is_told_instead_of_making_every_key_wrong(server: Server) -> None:
    done = run(server.data, ("account", "list"), PORTEVOIX_KEY_PEPPER="another")
    assert done.returncode == 1
    assert "pepper" in done.stderr


def test_a_reader_that_leaves_early_ends_a_statement_quietly(server: Server, account: str) -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        done = subprocess.run(
            [sys.executable, "-m", "portevoix", "ledger", "statement", account, "--csv"],
            check=False,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            env={**os.environ, "PORTEVOIX_DATA": str(server.data)},
        )
    assert "Traceback" not in done.stderr
