"""A server with people and messages on it, as a town may have them: what the browser's tests and pictures show."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from tests.parts import PATIENCE_S, Server, new_folder
from tests.wire.sound import tone, wav_file

OPERATOR, MANAGER = "claire@mairie.example", "jean@mairie.example"
PASSWORD = "correct horse battery"

SETTINGS = {
    "PORTEVOIX_SIMULATOR_SPEED": "60",
    "PORTEVOIX_LIMIT_ME": "off",
    "PORTEVOIX_LIMIT_WRONG_KEY": "off",
    "PORTEVOIX_WEBHOOKS_ALLOW": "127.0.0.0/8",
}

TEXT = "Bonjour, ici la mairie. En raison du vent, le marché de samedi n'a pas lieu."
PHONES = tuple(f"06399800{number:02d}" for number in (0, 1, 10, 11, 12, 13, 14, 0, 1, 10))


@dataclass(frozen=True)
class Stage:
    """A server, an account on it, and links by which its people come in.

    Args:
        finished: a campaign that is over.
        scheduled: one that has not begun.
        recording, key, request: what the sandbox has, by the names that addresses have for it.
    """

    server: Server
    account: str
    test_key: str
    operator_link: str
    manager_link: str
    finished: str = ""
    scheduled: str = ""
    recording: str = ""
    key: str = ""
    request: str = ""

    @property
    def url(self) -> str:
        """Of the server."""
        return self.server.url

    @property
    def sandbox(self) -> str:
        """Where the sandbox's pages begin."""
        return f"/console/{self.account}/sandbox"

    def api(self, method: str, path: str, **rest: Any) -> Any:
        """Ask the API as the account's sandbox."""
        headers = {"authorization": f"Bearer {self.test_key}"}
        answer = httpx2.request(method, self.url + path, headers=headers, trust_env=False, **rest)
        assert answer.is_success, answer.text
        return answer.json()


@contextmanager
def stage() -> Iterator[Stage]:
    """Set it."""
    with new_folder("stage") as folder, Server(folder, SETTINGS) as server:
        yield _set(server)


def _set(server: Server) -> Stage:
    account = server.run("account", "create", "Mairie de Villefiction", "--credit", "250", "--json")
    operator = server.run("operator", "create", OPERATOR, "--json")
    manager = server.run("person", "add", MANAGER, account["account"], "--json")
    bare = Stage(server, account["account"], account["test_key"], _path(operator), _path(manager))
    finished = bare.api("POST", "/v2/messages", json={"to": list(PHONES), "text": TEXT})["id"]
    at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    later = {"to": list(PHONES[:3]), "text": "Rappel : réunion de quartier demain.", "at": at}
    scheduled = bare.api("POST", "/v2/messages", json=later)["id"]
    deadline = time.monotonic() + PATIENCE_S
    while bare.api("GET", f"/v2/messages/{finished}")["state"] != "finished":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    file = ("annonce.wav", wav_file(tone(3.0)), "audio/wav")
    recording = bare.api("POST", "/v2/audio", files={"file": file})["token"]
    keys = server.run("key", "list", account["account"], "--json")
    key = next(one["key"] for one in keys if one["account"].endswith("/sandbox"))
    return replace(bare, finished=finished, scheduled=scheduled, recording=recording, key=key, request="1")


def _path(invited: Any) -> str:
    return re.sub(r"^https?://[^/]+", "", invited["link"])
