"""Webhooks are checked as Standard Webhooks has it; an independent implementation agrees."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from portevoix.client import SignatureInvalid, verify_webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
NOW_S = 1_768_304_100
BODY = '{"campaignId":"Ff1tbu0lax","status":"delivered","text":"é"}'


def signed(body: str = BODY, secret: str = SECRET, at_s: int = NOW_S) -> dict[str, str]:
    """Sign with the independent implementation."""
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at_s, UTC), body)
    return {"Webhook-Id": "msg_1", "WEBHOOK-TIMESTAMP": str(at_s), "webhook-signature": signature}


def test_a_right_webhook_gives_its_id() -> None:
    assert verify_webhook(SECRET, signed(), BODY, now_s=NOW_S) == "msg_1"
    assert verify_webhook(SECRET, signed(), BODY.encode(), now_s=NOW_S) == "msg_1"
    query = "campaign_token=x&campaign_id=y%20z"
    assert verify_webhook(SECRET, signed(query), query, now_s=NOW_S) == "msg_1"


def test_one_of_several_signatures_and_secrets_is_enough() -> None:
    headers = signed()
    other = signed(secret=OTHER)["webhook-signature"]
    headers["webhook-signature"] = f"v1a,AAAA {other} {headers['webhook-signature']} v2,é"
    assert verify_webhook(SECRET, headers, BODY, now_s=NOW_S) == "msg_1"
    assert verify_webhook(iter([OTHER]), headers, BODY, now_s=NOW_S) == "msg_1"
    assert verify_webhook([OTHER, SECRET], signed(), BODY, now_s=NOW_S) == "msg_1"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()},
        {"Webhook-Id": "msg_2"},
        {"WEBHOOK-TIMESTAMP": str(NOW_S + 1)},
        {"WEBHOOK-TIMESTAMP": "now"},
        {"WEBHOOK-TIMESTAMP": "-1"},
        {"WEBHOOK-TIMESTAMP": "9" * 5_000},
        {"WEBHOOK-TIMESTAMP": "\u0662"},
    ],
)
def test_what_was_changed_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid):
        verify_webhook(SECRET, signed() | change, BODY, now_s=NOW_S)


def test_another_body_or_secret_is_refused() -> None:
    for secret, body in ((OTHER, BODY), (SECRET, BODY + " "), ([], BODY)):
        with pytest.raises(SignatureInvalid):
            verify_webhook(secret, signed(), body, now_s=NOW_S)


def test_a_signature_of_another_version_is_none() -> None:
    headers = signed()
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v2,")
    with pytest.raises(SignatureInvalid):
        verify_webhook(SECRET, headers, BODY, now_s=NOW_S)


@pytest.mark.parametrize("name", ["Webhook-Id", "WEBHOOK-TIMESTAMP", "webhook-signature"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    headers = signed()
    del headers[name]
    with pytest.raises(SignatureInvalid, match=name.lower()):
        verify_webhook(SECRET, headers, BODY, now_s=NOW_S)


@pytest.mark.parametrize(("late_s", "is_right"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_a_webhook_is_good_for_five_minutes(late_s: int, is_right: bool) -> None:
    if is_right:
        verify_webhook(SECRET, signed(), BODY, now_s=NOW_S + late_s)
    else:
        with pytest.raises(SignatureInvalid, match="old"):
            verify_webhook(SECRET, signed(), BODY, now_s=NOW_S + late_s)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "whsec_a", SECRET.removeprefix("whsec_")])
def test_what_is_no_secret_is_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="base64") as wrong:
        verify_webhook(secret, signed(), BODY, now_s=NOW_S)
    assert len(secret) < 7 or secret not in str(wrong.value)


def test_without_a_time_the_machines_is_taken() -> None:
    with pytest.raises(SignatureInvalid, match="old"):
        verify_webhook(SECRET, signed(at_s=1_000_000_000), BODY)
