"""What a notifyUrl would be told, forwarded to a URL of this machine."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from portevoix.client import Order, verify_webhook
from tests.cli.commands import Commands
from tests.cli.shell import Shell
from tests.client.odd_server import OddServer, tone_wav
from tests.parts import PATIENCE_S, Server, free_port

ANSWERED = "06 39 98 00 00"


@pytest.fixture
def shell(fast: Server, operator: Commands, tmp_path: Path) -> Shell:
    return Shell.of(tmp_path, fast, operator)


class Listening:
    """A ``portevoix listen`` that runs."""

    def __init__(self, lines: Queue[str]) -> None:
        self._lines = lines

    def line(self) -> str:
        """Wait for its next line."""
        return self._lines.get(timeout=PATIENCE_S)


@contextmanager
def listening(shell: Shell, *arguments: str) -> Iterator[Listening]:
    """Run it until Ctrl-C, which ends it well."""
    process = shell.start("listen", *arguments)
    lines: Queue[str] = Queue()
    assert process.stdout is not None
    reader = Thread(target=lambda: [lines.put(line.rstrip("\n")) for line in process.stdout or ()])
    reader.start()
    try:
        yield Listening(lines)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(PATIENCE_S)
        reader.join(PATIENCE_S)
        assert process.stderr is not None
        said = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
    assert status == 0, said
    assert "Traceback" not in said


def test_notices_are_forwarded_as_they_were_signed(shell: Shell) -> None:
    with OddServer() as receiver, shell.voice() as voice:
        target = f"{receiver.url}/hook"
        with listening(shell, "--forward-to", target, "--after", "0") as listen:
            secret = listen.line().removeprefix("signed with ")
            assert secret == voice.webhook_secret()
            assert listen.line() == f"forwarding to {target}"
            call = voice.send(Order(ANSWERED, text="Bonjour, été"))
            told = listen.line()
            assert f"  call.ended  {call.id}-1  POST  200  " in told
            token = voice.upload_audio(tone_wav(), "rappel").token
            deposit = voice.send(Order(ANSWERED, audio=token, kind="deposit"))
            told = listen.line()
            assert f"  message.finished  {deposit.id}  GET  200  " in told
        posted, got = receiver.asked
    assert (posted.method, posted.path, posted.headers["Content-Type"]) == ("POST", "/hook", "application/json")
    assert json.loads(posted.body)["campaignId"] == call.id
    assert verify_webhook(secret, posted.headers, posted.body).startswith("evt_")
    path, _, query = got.path.partition("?")
    assert (got.method, path) == ("GET", "/hook")
    assert f"campaign_id={deposit.id}" in query
    assert verify_webhook(secret, got.headers, query).startswith("evt_")
    for asked in (posted, got):
        assert shell.key not in f"{asked.headers} {asked.path} {asked.body!r}"


def test_a_receiver_that_fails_is_told_and_the_next_notice_comes(shell: Shell) -> None:
    with (
        OddServer(first=[(500, b""), (0, b"")]) as receiver,
        shell.voice() as voice,
        listening(shell, "--forward-to", receiver.url, "--after", "0") as listen,
    ):
        assert [listen.line()[:6], listen.line()[:10]] == ["signed", "forwarding"]
        for status in ("500", "failed: RemoteProtocolError", "200"):
            voice.send(Order(ANSWERED, text="Bonjour"))
            assert f"  POST  {status}  " in listen.line()


def test_a_receiver_that_is_not_there_is_told(shell: Shell) -> None:
    with shell.voice() as voice:
        voice.wait(voice.send(Order(ANSWERED, text="Bonjour")).id, timeout_s=PATIENCE_S)
    with listening(shell, "--forward-to", f"http://127.0.0.1:{free_port()}", "--after", "0") as listen:
        assert [listen.line()[:6], listen.line()[:10]] == ["signed", "forwarding"]
        assert "  POST  failed: ConnectError  " in listen.line()


def test_a_key_that_may_not_read_the_secret_is_told_who_may(shell: Shell, operator: Commands) -> None:
    key = operator.json("key", "create", f"{shell.account}/sandbox", "--scopes", "read", "--json")["secret"]
    with OddServer() as receiver, listening(shell, "--forward-to", receiver.url, "--key", key) as listen:
        assert "portevoix account webhook-secret ACCOUNT" in listen.line()
        assert listen.line() == f"forwarding to {receiver.url}"


@pytest.mark.parametrize("target", ["nowhere", "ftp://x", "http://127.0.0.1/hook?a=b", "http://x#y", "http://[", ""])
def test_what_is_no_url_or_has_a_query_is_refused(shell: Shell, target: str) -> None:
    assert "without a query" in shell.refused("listen", "--forward-to", target, status=2)


def test_a_service_that_is_not_there_is_told_at_once(shell: Shell) -> None:
    said = shell.refused("listen", "--forward-to", "http://127.0.0.1:9", "--url", f"http://127.0.0.1:{free_port()}")
    assert said == "Error: the service could not be reached: ConnectError\n"
