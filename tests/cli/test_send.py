"""Sending from the command line, and seeing what came of it, as a user does against a real server."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.commands import Commands
from tests.cli.shell import Shell
from tests.client.odd_server import tone_wav
from tests.parts import PATIENCE_S, Server

ANSWERED, NOBODY = "06 39 98 00 00", "06 39 98 00 10"
TEXT = "Bonjour, la piscine est fermée."


@pytest.fixture
def shell(fast: Server, operator: Commands, tmp_path: Path) -> Shell:
    return Shell.of(tmp_path, fast, operator)


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")


def lines_of(text: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in text.splitlines() if "  " in line)


def sent(shell: Shell) -> list[str]:
    with shell.voice() as voice:
        return [message.id for message in voice.messages()]


def test_a_message_is_sent_and_watched_to_its_end(shell: Shell) -> None:
    told = lines_of(shell.done("send", ANSWERED, NOBODY, "--text", TEXT, "--yes"))
    assert told["recipients"] == "2"
    assert told["begins"] == "now"
    assert sent(shell) == [told["message"]]
    watched = shell.done("watch", told["message"]).splitlines()
    assert watched[-1].startswith(f"{told['message']} is finished: 1 delivered, 1 undelivered; ")
    assert watched[-1].endswith(f"of at most {told['set'].removeprefix('aside').strip()}")


def test_json_tells_all_of_it(shell: Shell) -> None:
    made = json.loads(shell.done("send", ANSWERED, "--text", TEXT, "--rate", "2", "--yes", "--json"))
    assert (made["kind"], made["text"], made["recipients"], made["audio"]) == ("voice", TEXT, 1, None)
    assert made["duration_s"] > 0
    assert float(made["reserved"]) > 0
    over = json.loads(shell.done("watch", made["id"], "--json"))
    assert (over["id"], over["state"], over["delivered"], over["held"]) == (made["id"], "finished", 1, "0")
    assert over["settled"] == made["reserved"]


def test_a_price_is_shown_and_nothing_is_sent(shell: Shell) -> None:
    quote = ("send", ANSWERED, "0800000000", "--text", TEXT, "--quote")
    told = shell.done(*quote).splitlines()
    assert told[0].startswith("refused     0800000000: ")
    assert told[1] == "recipients  1"
    in_json = json.loads(shell.done(*quote, "--json"))
    assert (in_json["recipients"], in_json["is_affordable"]) == (1, True)
    assert [price["number"] for price in in_json["prices"]] == ["+33639980000"]
    assert sent(shell) == []


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_on_a_terminal_the_price_is_shown_and_a_yes_is_asked_for(shell: Shell, answer: str, status: int) -> None:
    ended, shown = shell.typed(answer, "send", ANSWERED, "--text", TEXT)
    assert (ended, len(sent(shell))) == (status, 1 - status), shown
    assert "recipients  1" in shown
    assert "Send? [y/N]" in shown


def test_on_a_terminal_what_would_be_refused_is_not_asked_about(shell: Shell) -> None:
    ended, shown = shell.typed("y\n", "send", ANSWERED, "12", "--text", TEXT)
    assert (ended, sent(shell)) == (1, [])
    assert "nothing was sent" in shown
    assert "Send?" not in shown


def test_where_nobody_can_be_asked_nothing_is_sent(shell: Shell) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "portevoix", "send", ANSWERED, "--text", TEXT],
        env={**shell.environment, "PATH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 2
    assert "--yes" in ended.stderr
    assert sent(shell) == []


def test_every_bad_number_of_a_file_is_named_with_its_line(shell: Shell) -> None:
    file = shell.folder / "numbers.csv"
    file.write_text("name;phone\nX;0639980000\nY;0800000000\nZ;12\n", encoding="utf-8")
    first, second, last = shell.refused("send", "--csv", str(file), "--text", TEXT, "--yes").splitlines()
    assert first.startswith("line 3: 0800000000: ")
    assert second.startswith("line 4: 12: ")
    assert last.startswith("Error: ")
    file.write_text("name;phone\nX;0639980000\nY;0639980010\n", encoding="utf-8")
    assert "recipients  2" in shell.done("send", "--csv", str(file), "--text", TEXT, "--quote")
    assert json.loads(shell.done("send", "--csv", str(file), "--text", TEXT, "--yes", "--json"))["recipients"] == 2


def test_a_repeat_under_one_key_sends_nothing_more(shell: Shell) -> None:
    command = ("send", ANSWERED, "--text", TEXT, "--yes", "--idempotency-key", "k-1", "--json")
    assert json.loads(shell.done(*command)) == json.loads(shell.done(*command))
    assert len(sent(shell)) == 1
    assert "idempotency_conflict" in shell.refused("send", NOBODY, *command[2:])


def test_a_deposit_takes_a_file_or_a_token(shell: Shell) -> None:
    file = shell.folder / "rappel.wav"
    file.write_bytes(tone_wav())
    ended = shell.run("deposit", ANSWERED, "--audio", str(file), "--email", "a@example.org", "--yes", "--json")
    made = json.loads(ended.stdout)
    assert (made["kind"], made["audio_name"], made["email"]) == ("deposit", "rappel.wav", "a@example.org")
    assert ended.stderr == f"{file} is uploaded: {made['audio']}\n"
    again = json.loads(shell.done("deposit", ANSWERED, "--audio", made["audio"], "--yes", "--json"))
    assert again["audio"] == made["audio"]
    played = json.loads(shell.done("send", ANSWERED, "--audio", made["audio"], "--yes", "--json"))
    assert (played["kind"], played["audio_name"]) == ("voice", "rappel.wav")
    assert "there is no file none.wav" in shell.refused("deposit", ANSWERED, "--audio", "none.wav", "--yes")


def test_a_scheduled_message_is_cancelled_once(shell: Shell) -> None:
    at = tomorrow()
    told = lines_of(shell.done("send", ANSWERED, NOBODY, "--text", TEXT, "--at", at, "--yes"))
    assert told["begins"] == at
    price = told["set"].removeprefix("aside").strip()
    assert shell.done("cancel", told["message"]) == f"{told['message']} is cancelled: 2 of 2 calls; {price} came back\n"
    assert "message_begun" in shell.refused("cancel", told["message"])
    assert shell.done("watch", told["message"]).startswith(f"{told['message']} is cancelled: 0 delivered, 0 und")
    other = json.loads(shell.done("send", ANSWERED, "--text", TEXT, "--at", tomorrow(), "--yes", "--json"))
    stopped = json.loads(shell.done("cancel", other["id"], "--json"))
    assert (stopped["released"], stopped["message"]["state"]) == (other["reserved"], "cancelled")


def test_a_message_is_watched_live_on_a_terminal(shell: Shell) -> None:
    with shell.voice() as voice:
        at = datetime.now(UTC) + timedelta(hours=5)
        message = shell.done("send", ANSWERED, NOBODY, "--text", TEXT, "--at", at.isoformat(), "--yes", "--json")
        named = json.loads(message)["id"]
        process = shell.start("watch", named)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("0/2  scheduled  0 delivered, 0 undelivered  0 € of at most ")
        voice.sandbox.advance(6 * 3_600)
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert said.splitlines()[-1].startswith(f"{named} is finished: 1 delivered, 1 undelivered; ")
    ended, shown = shell.typed("", "watch", named)
    assert ended == 0
    assert "100%" in shown or "2/2" in shown
    assert f"{named} is finished" in shown


def test_the_inbox_shows_saves_and_plays_what_phones_received(shell: Shell) -> None:
    made = json.loads(shell.done("send", "06 39 98 00 30", NOBODY, "--text", TEXT, "--yes", "--json"))
    shell.done("watch", made["id"])
    header, *rows = shell.done("inbox").splitlines()
    assert header.split() == [
        "entry", "at", "message", "number", "kind", "outcome", "heard", "keys", "webhooks", "what",
    ]  # fmt: skip
    assert {row.split()[3]: row.split()[5] for row in rows} == {
        "+33639980030": "answered", "+33639980010": "no_answer",
    }  # fmt: skip
    shown = json.loads(shell.done("inbox", "--number", "06 39 98 00 30", "--json"))
    (heard,) = shown["received"]
    assert (heard["keys"], heard["message"], shown["mails"]) == ("1", made["id"], [])
    file = shell.folder / "heard.wav"
    assert shell.done("inbox", "--save", heard["id"], str(file)) == ""
    with wave.open(io.BytesIO(file.read_bytes())) as reader:
        assert reader.getnframes() > 0
    player = shell.folder / "bin" / "aplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\nfor last; do :; done\n/bin/cp "$last" {shell.folder}/played.wav\n')
    player.chmod(0o755)
    shell.done("inbox", "--play", heard["id"], PATH=str(player.parent))
    assert (shell.folder / "played.wav").read_bytes() == file.read_bytes()
    received = json.loads(shell.done("inbox", "--json"))["received"]
    assert json.loads(shell.done("inbox", "--most", "1", "--json"))["received"] == received[:1]
    assert len(shell.done("inbox", "--message", made["id"]).splitlines()) == 3
    assert shell.done("inbox", "--clear") == "the inbox is empty\n"
    assert len(shell.done("inbox").splitlines()) == 1
    assert "one at a time" in shell.refused("inbox", "--clear", "--play", "1", status=2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("send", "--text", TEXT, "--yes"), "give NUMBERS or --csv"),
        (("send", ANSWERED, "--yes"), "give --text or --audio"),
        (("send", ANSWERED, "--text", TEXT, "--audio", "x", "--yes"), "give --text or --audio"),
        (("send", ANSWERED, "--text", TEXT, "--at", "2026-12-31T18:00", "--yes"), "time zone"),
        (("send", ANSWERED, "--text", TEXT, "--at", "tomorrow", "--yes"), "time zone"),
        (("send", ANSWERED, "--text", TEXT, "--idempotency-key", "a b", "--yes"), "idempotency key"),
        (("send", ANSWERED, "--text", TEXT, "--retries", "9", "--yes"), "not in the range"),
        (("send", "--csv", "none.csv", "--text", TEXT, "--yes"), "does not exist"),
        (("deposit", ANSWERED, "--yes"), "Missing option '--audio'"),
        (("watch",), "Missing argument 'MESSAGE'"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(shell: Shell, arguments: tuple[str, ...], told: str) -> None:
    assert told in shell.refused(*arguments, status=2)


@pytest.mark.parametrize("command", ["watch", "cancel"])
def test_a_message_that_nobody_knows_is_told(shell: Shell, command: str) -> None:
    assert "message_not_found" in shell.refused(command, "0000000000")


def test_a_sender_is_verified_and_a_secret_told_by_the_operator(shell: Shell, operator: Commands) -> None:
    live = operator.json("key", "create", shell.account, "--json")["secret"]
    file = shell.folder / "rappel.wav"
    file.write_bytes(tone_wav())
    deposit = ("deposit", ANSWERED, "--audio", str(file), "--sender", "01 99 00 00 01", "--at", tomorrow(), "--yes")
    assert "sender_not_authorized" in shell.run(*deposit, "--key", live).stderr
    assert operator.said("account", "sender", shell.account, "01 99 00 00 01") == (
        f"{shell.account} may show +33199000001\n"
    )
    assert "a number of fiction" in shell.run(*deposit, "--key", live).stderr, "the sender is taken"
    wrong = operator.run("account", "sender", shell.account, "12")
    assert (wrong.returncode, "not a telephone number" in wrong.stderr) == (2, True)
    nobody = operator.run("account", "sender", "acct_000000000000", "01 99 00 00 01")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    with shell.voice() as voice:
        told = operator.said("account", "webhook-secret", f"{shell.account}/sandbox").strip()
        assert told == voice.webhook_secret()
        new = operator.said("account", "webhook-secret", f"{shell.account}/sandbox", "--rotate").strip()
        assert told != new == voice.webhook_secret()


def test_the_commands_load_nothing_of_the_server() -> None:
    names = ("send", "deposit", "cancel", "watch", "listen", "inbox")
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, {', '.join(f'portevoix.cli.{name}' for name in names)}; print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout.split()
    assert {name.split(".")[1] for name in loaded if name.startswith("portevoix.")} == {"cli", "client"}
    assert not {"msgspec", "psycopg", "starlette", "structlog"} & set(loaded)
