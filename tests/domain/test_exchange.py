"""What is kept of requests and answers: no secret, however it was written, and not all of a body."""

from __future__ import annotations

import pytest

from portevoix.domain.exchange import MOST_BODY_BYTES, Body, redact, write_path

LIVE = "pv_live_" + "0123456789abcdef" * 4
TEST = "pv_test_" + "fedcba9876543210" * 4


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f'{{"apiKey": "{LIVE}", "text": "Bonjour"}}', '{"apiKey": "…", "text": "Bonjour"}'),
        ('{"apiKey":"of another \\" kind","a":1}', '{"apiKey":"…","a":1}'),
        ('{"APIKEY" : 12345, "a":1}', '{"APIKEY" : "…", "a":1}'),
        ('{"text": "Bonjour", "apiKey": "cut in the mid', '{"text": "Bonjour", "apiKey": "…"'),
        ('{"apiKey": "cut after an escape\\', '{"apiKey": "…"'),
        (f'{{"text": "mine is {TEST}!"}}', '{"text": "mine is pv_test_…!"}'),
        (f'{{"text": "x{TEST[:20]}', '{"text": "xpv_test_…'),
        (f'{{"\\u0061piKey": "pv\\u005flive{LIVE[7:]}"}}', '{"apiKey": "…"}'),
        ('{"text": "a\\u0022b\\u00e9"}', '{"text": "a\\u0022b\\u00e9"}'),
        (f"apiKey={LIVE}&text=Bonjour", "apiKey=…&text=Bonjour"),
        (f"<result><apiKey>{LIVE}</apiKey></result>", "<result><apiKey>…</apiKey></result>"),
        (f"Authorization: Bearer {LIVE}", "Authorization: Bearer …"),
        ("curl -H 'authorization: bearer abc.def-1'", "curl -H 'authorization: bearer …'"),
        ('{"secret":"whsec_AbC+/0123=="}', '{"secret":"whsec_…"}'),
        ('{"phoneNumbers": "0639980010", "text": "clé"}', '{"phoneNumbers": "0639980010", "text": "clé"}'),
    ],
)
def test_what_is_secret_is_cut_out(text: str, kept: str) -> None:
    assert redact(text) == kept


@pytest.mark.parametrize(
    ("path", "query", "kept"),
    [
        (f"/v1/me/{LIVE}", [], "/v1/me/pv_live_…"),
        ("/v1/me", [("apiKey", "anything"), ("_format", "xml")], "/v1/me?apiKey=…&_format=xml"),
        ("/v1/me", [("APIKEY", LIVE), ("k", TEST)], "/v1/me?APIKEY=…&k=pv_test_…"),
        ("/v1/me/\0\udcff", [], "/v1/me/\ufffd?"),
        ("/v1/" + "x" * 2_000, [], "/v1/" + "x" * 996),
    ],
)
def test_a_path_is_kept_without_its_key(path: str, query: list[tuple[str, str]], kept: str) -> None:
    assert write_path(path, query) == kept


def test_a_body_is_cut_between_letters() -> None:
    whole = ("é" * MOST_BODY_BYTES).encode()
    body = Body.read(whole[1:][: MOST_BODY_BYTES - 1], len(whole), "application/json")
    assert body == Body(None, len(whole))  # it begins within a letter: no text
    body = Body.read(b"x" + whole[: MOST_BODY_BYTES - 1], 1 + len(whole), "application/json")
    assert (body.text, body.is_cut) == ("x" + "é" * ((MOST_BODY_BYTES - 2) // 2), True)


@pytest.mark.parametrize(
    ("start", "content_type"),
    [
        (b"\xff\xfe", ""),
        (b"a\xc3", "application/json"),
        (b"a\0b", "text/plain"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"RIFF", "audio/wav"),
    ],
)
def test_what_is_no_text_is_not_kept(start: bytes, content_type: str) -> None:
    assert Body.read(start, len(start), content_type) == Body(None, len(start))


@pytest.mark.parametrize("content_type", ["", "application/json", "application/octet-stream"])
def test_a_short_body_is_kept_whole(content_type: str) -> None:
    body = Body.read(b'{"a": 1}', 8, content_type)
    assert (body.text, body.is_cut) == ('{"a": 1}', False)
