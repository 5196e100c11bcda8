"""An API key reaches no log line, no error page and no metric, however it was sent and whatever goes wrong."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import httpx2
import psycopg
import pytest

from portevoix.store import embedded
from tests.parts import PATIENCE_S, Server

LIFTED = {"PORTEVOIX_LIMIT_ME": "off", "PORTEVOIX_LIMIT_WRONG_KEY": "off"}


class Sender:
    """Sends keys in every way that somebody might, and keeps what came back."""

    def __init__(self, server: Server, http: httpx2.Client) -> None:
        self._server = server
        self._http = http
        self.answers: list[str] = []

    def send_everywhere(self, key: str) -> None:
        """Send a key in every place of a request."""
        for path in (
            f"/v1/me/{key}", f"/v1/me/{key}?_format=xml", f"/v1/me/{key}?_format=yaml", f"/v1/me?apiKey={key}",
            f"/v1/me?apiKey={key}&apiKey=other", f"/v1/me?apikey={key}", f"/v1/me?_format={key}", f"/{key}",
            f"/v1/me/{key}/extra", f"/v1/me/{key}/", f"//v1/me/{key}", f"/v1/audios/{key}", f"/v2/me/{key}?k={key}",
            f"/v1/campaign/cancel/{key}/D572M", f"/docs/{key}", f"/metrics?apiKey={key}", f"/healthz?apiKey={key}",
            f"/readyz?apiKey={key}", f"/openapi.json?apiKey={key}", f"/v1/me/{quote(key[:3])}%5F{key[3:]}%ff",
            f"/v1/me/%zz{key}", f"/v1/me/{key}%00", f"/v1/me/{key}%0d%0aX: y",
        ):  # fmt: skip
            self._keep(self._http.get(path), key)
        for headers in (
            {"Authorization": f"Bearer {key}"}, {"Authorization": f"Basic {key}"}, {"Authorization": key},
            {"Cookie": f"key={key}"}, {"User-Agent": key}, {"Referer": f"http://x/v1/me/{key}"}, {"X-Api-Key": key},
            {"X-Forwarded-For": key}, {"X-Request-Id": key}, {"Traceparent": key},
        ):  # fmt: skip
            self._keep(self._http.get("/v1/me", headers=headers), key)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
            self._keep(self._http.request(method, f"/v1/me/{key}", content=json.dumps({"apiKey": key})), key)
        self._keep(self._http.post("/v1/tts/send", content=f'{{"apiKey": "{key}",}}'), key)

    def send_broken(self, key: str) -> None:
        """Send what is no HTTP, or hardly."""
        for request in (
            f"GET /v1/me/{key} HTTP/1.1\r\n\r\n",
            f"GET /v1/me/{key} HTTP/1.1\r\nHost: x\r\nBad Header {key}\r\n\r\n",
            f"GET /v1/me/{key} HTTP/9.9\r\nHost: x\r\n\r\n",
            f"GET http://other/v1/me/{key} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            f"GET /v1/me/{key}\r\n\r\n",
            f"{key} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            f"BREW /v1/me/{key} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            f"GET /v1/me/{key}\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            f"GET /v1/me HTTP/1.1\r\nHost: {key}\r\nAuthorization: Bearer {key}\xff\r\nConnection: close\r\n\r\n",
            f"CONNECT {key}:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            f"POST /v1/me/{key} HTTP/1.1\r\nHost: x\r\nContent-Length: {key}\r\n\r\n",
            f"GET /v1/me/{key}{'x' * 100_000} HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            with (
                socket.create_connection(("127.0.0.1", self._server.port), timeout=PATIENCE_S) as connection,
                suppress(ConnectionResetError),
            ):
                connection.sendall(request.encode("latin-1"))
                self.answers.append(connection.recv(65536).decode("latin-1"))

    def _keep(self, answer: httpx2.Response, key: str) -> None:
        assert key not in str(answer.headers)
        self.answers.append(answer.text)


@pytest.fixture(params=["json", "text"])
def talkative(request: pytest.FixtureRequest, data_folder: Path) -> Iterator[Server]:
    """A server that logs all that it can, its database every statement with its values."""
    environment = {**LIFTED, "PORTEVOIX_LOG_LEVEL": "debug", "PORTEVOIX_LOG_FORMAT": str(request.param)}
    with Server(data_folder, environment) as server:
        with psycopg.connect(embedded.url(data_folder), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")
        yield server


def test_no_key_is_told_to_anybody(talkative: Server) -> None:
    account = talkative.run("account", "create", "Mairie", "--credit", "19", "--json")
    foreign = secrets.token_hex(20)
    keys = [account["live_key"], account["test_key"], "pv_live_" + secrets.token_hex(32), foreign]
    with httpx2.Client(base_url=talkative.url, trust_env=False, timeout=PATIENCE_S) as http:
        sender = Sender(talkative, http)
        for key in keys:
            sender.send_everywhere(key)
            sender.send_broken(key)
        with psycopg.connect(embedded.url(talkative.data), autocommit=True) as connection:
            connection.execute("ALTER TABLE api_key RENAME TO api_key_away")
            for key in keys[:2]:
                sender.send_everywhere(key)
            connection.execute("ALTER TABLE api_key_away RENAME TO api_key")
        sender.send_everywhere(keys[0])
        figures = http.get("/metrics").text
    assert talkative.stop() == 0

    log = talkative.log()
    statements = (talkative.data / "postgres" / "server.log").read_text(encoding="utf-8")
    told = {"log": log, "statements": statements, "figures": figures, "answers": "\n".join(sender.answers)}
    for key in keys:
        random_part = key.removeprefix("pv_live_").removeprefix("pv_test_")
        assert [place for place, text in told.items() if random_part.lower() in text.lower()] == []

    assert "/v1/me/{apiKey}" in log, "the log was read"
    assert "request_failed" in log, "the failure was logged"
    assert 'route="/v1/me/{apiKey}",status="500"' in figures, "the failure was counted"
    assert 'route="(none)",status="404"' in figures
    assert "FROM api_key k JOIN account a" in statements, "the statements were read"
    assert "Erreur interne" in told["answers"]


def test_the_log_has_one_line_a_request_with_the_routes_template(server: Server) -> None:
    account = server.run("account", "create", "Mairie", "--json")
    ours = "127.0.0.77"
    with httpx2.Client(transport=httpx2.HTTPTransport(local_address=ours), base_url=server.url) as http:
        for path in (f"/v1/me/{account['live_key']}", f"/v1/me?apiKey={account['live_key']}", "/nowhere"):
            http.get(path)

    def lines() -> list[dict[str, object]]:
        return [json.loads(line) for line in server.log().splitlines() if f'"{ours}"' in line]

    deadline = time.monotonic() + PATIENCE_S
    while len(lines()) < 3:
        assert time.monotonic() < deadline, "the lines were not written"
        time.sleep(0.02)
    first, second, third = lines()
    assert [(line["method"], line["route"], line["status"]) for line in (first, second, third)] == [
        ("GET", "/v1/me/{apiKey}", 200),
        ("GET", "/v1/me", 200),
        ("GET", "(none)", 404),
    ]
    assert set(first) == {
        "event", "level", "timestamp", "method", "route", "status", "duration_ms", "address", "account",
    }  # fmt: skip
    assert first["account"] == second["account"] != third["account"]
