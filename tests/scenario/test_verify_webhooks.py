"""The receivers of docs/how-to/verify-webhooks.md tell genuine webhooks from others, in each language."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from portevoix.domain.webhook import WebhookRequest, WebhookSecret
from tests.parts import PATIENCE_S, free_port, responds, until

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "verify-webhooks.md"
SECRET = WebhookSecret(bytes(range(32)))
OTHER = WebhookSecret(bytes(range(1, 33)))
BODY = '{"campaignId":"Ff1tbu0lax","status":"delivered","été":"\u2014"}'.encode()
QUERY = "a=%C3%A9+b&campaign_token=t&campaign_id=Ff1tbu0lax&delivered_quantity=1&total_quantity=2"


class Language(NamedTuple):
    """How a receiver is run: the file that the page names, and the command, which ``PORT`` stands in."""

    fence: str
    file: str
    command: tuple[str, ...]


LANGUAGES = {
    "Python": Language("python", "receiver.py", (sys.executable, "receiver.py", "PORT")),
    "JavaScript": Language("js", "receiver.mjs", ("node", "receiver.mjs", "PORT")),
    "PHP": Language("php", "receiver.php", ("php", "-S", "127.0.0.1:PORT", "receiver.php")),
}


@pytest.fixture(scope="module", params=LANGUAGES)
def receiver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A receiver in one language, as the page has it; gives its URL."""
    language = LANGUAGES[request.param]
    if shutil.which(language.command[0]) is None:
        pytest.skip(f"{request.param} needs {language.command[0]}: it is not installed")
    folder = tmp_path_factory.mktemp("receiver")
    section = PAGE.read_text(encoding="utf-8").partition(f"\n### {request.param}\n")[2]
    (source, *_) = re.findall(rf"^```{language.fence}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (folder / language.file).write_text(source, encoding="utf-8")
    port = free_port()
    process = subprocess.Popen(
        [part.replace("PORT", str(port)) for part in language.command],
        cwd=folder,
        env={**os.environ, "WEBHOOK_SECRET": SECRET.reveal()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/hook"
        until(lambda: responds(url))
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def status_of(request: WebhookRequest) -> int:
    with httpx2.Client(trust_env=False, timeout=PATIENCE_S) as client:
        return client.request(request.method, request.url, headers=request.headers, content=request.body).status_code


def signed(
    method: str, url: str, *, secrets: tuple[WebhookSecret, ...] = (SECRET,), at_s: int | None = None
) -> WebhookRequest:
    url = url if method == "POST" else f"{url}?{QUERY}"
    body = BODY if method == "POST" else b""
    return WebhookRequest.signed(method, url, body, secrets, "msg_1", int(time.time()) if at_s is None else at_s)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_genuine_webhook_is_taken(receiver: str, method: str) -> None:
    assert status_of(signed(method, receiver)) == 204


@pytest.mark.parametrize("secrets", [(SECRET, OTHER), (OTHER, SECRET)], ids=["new first", "old first"])
def test_a_webhook_is_taken_while_the_secret_is_changed(receiver: str, secrets: tuple[WebhookSecret, ...]) -> None:
    assert status_of(signed("POST", receiver, secrets=secrets)) == 204


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_another_secret_is_refused(receiver: str, method: str) -> None:
    assert status_of(signed(method, receiver, secrets=(OTHER,))) == 401


def test_a_changed_body_is_refused(receiver: str) -> None:
    request = signed("POST", receiver)
    assert status_of(WebhookRequest("POST", request.url, request.headers, BODY + b" ")) == 401


def test_a_changed_query_is_refused(receiver: str) -> None:
    request = signed("GET", receiver)
    assert status_of(WebhookRequest("GET", f"{request.url}0", request.headers, b"")) == 401


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_or_changed_header_is_refused(receiver: str, header: str) -> None:
    request = signed("POST", receiver)
    for headers in (
        {name: value for name, value in request.headers.items() if name != header},
        {**request.headers, header: f"1{request.headers[header]}"},
        {**request.headers, header: ""},
    ):
        assert status_of(WebhookRequest("POST", request.url, headers, BODY)) == 401


@pytest.mark.parametrize("off_s", [-301, 310])
def test_a_webhook_of_another_time_is_refused(receiver: str, off_s: int) -> None:
    assert status_of(signed("POST", receiver, at_s=int(time.time()) + off_s)) == 401
    assert status_of(signed("POST", receiver, at_s=int(time.time()) + (290 if off_s > 0 else -290))) == 204
