"""The reference pages of sending say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portevoix.domain.call import MEANINGS, Outcome
from portevoix.domain.magic import BEHAVIOURS, Behaviour, Trick
from portevoix.domain.webhook import RETRIES_S, DepositNotice, NotifyUrl, WebhookRequest, WebhookSecret
from portevoix.notify import guard
from portevoix.settings import PREFIX, SETTINGS

DOCS = Path(__file__).parents[2] / "docs"
MAGIC = (DOCS / "reference" / "magic-numbers.md").read_text(encoding="utf-8")
WEBHOOKS = (DOCS / "reference" / "webhooks.md").read_text(encoding="utf-8")
SENDING = (
    *(DOCS / "reference" / f"{name}.md" for name in ("v1", "webhooks", "magic-numbers")),
    DOCS / "how-to" / "verify-webhooks.md",
    DOCS / "tutorial" / "test-without-spending.md",
    DOCS / "explanation" / "a-calls-life.md",
)

#: Refused by the API, so that there is no call.
NO_CALL = (Trick.INVALID, Trick.NO_CREDIT, Trick.TOO_MANY)


def rows(text: str, heading: str) -> list[list[str]]:
    """Read the first table under a heading, its head left out."""
    table = text.partition(f"\n## {heading}\n")[2].partition("\n|")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def in_words(seconds: int) -> str:
    for unit_s, unit in ((3_600, "h"), (60, "min")):
        if seconds % unit_s == 0:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s"


@pytest.mark.parametrize(("code", "behaviour"), BEHAVIOURS.items(), ids=str)
def test_every_magic_number_is_listed_with_its_meaning_and_outcome(code: int, behaviour: Behaviour) -> None:
    (row,) = [row for row in rows(MAGIC, "Codes") if row[0] == f"{code:02}"]
    assert row[1].startswith(behaviour.meaning)
    outcome = Outcome.ANSWERED if behaviour.outcome is Outcome.CONGESTION else behaviour.outcome
    assert row[2] == ("" if behaviour.trick in NO_CALL else f"`{outcome}`")
    if behaviour.trick not in (*NO_CALL, Trick.NEVER):
        told = row[3].split(",")[0]
        assert told == ("`delivered`" if MEANINGS[outcome].delivered else "`undelivered`")


def test_no_magic_number_is_listed_that_nobody_knows() -> None:
    listed = {int(row[0]) for row in rows(MAGIC, "Codes") if row[0].isdigit()}
    assert listed == set(BEHAVIOURS)


def test_every_outcome_is_listed_with_what_it_means() -> None:
    said = {row[0].strip("`"): (row[1], *(cell == "yes" for cell in row[2:])) for row in rows(MAGIC, "Outcomes")}
    assert said == {
        str(outcome): (str(meaning.cause), meaning.delivered, meaning.retried, meaning.rerouted)
        for outcome, meaning in MEANINGS.items()
    }


def test_the_waits_between_tries_are_listed() -> None:
    table = WEBHOOKS.partition("| after try | wait |\n|---|---|\n")[2].partition("\n\n")[0]
    listed = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()]
    assert listed == [(str(tried), in_words(wait_s)) for tried, wait_s in enumerate(RETRIES_S, start=1)]
    assert f"tried {len(RETRIES_S) + 1} times in {sum(RETRIES_S):,} s" in WEBHOOKS


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_signatures_of_the_examples_are_right(method: str) -> None:
    secret = WebhookSecret.parse(re.findall(r"`(whsec_[^`]+)`", WEBHOOKS)[-1])
    (example,) = [block for block in re.findall(r"```http\n(.*?)```", WEBHOOKS, re.DOTALL) if block.startswith(method)]
    head, _, body = example.partition("\n\n")
    line, *lines = head.splitlines()
    headers = dict(one.split(": ", 1) for one in lines)
    url = f"https://{headers['Host']}{line.split()[1]}"
    signed = WebhookRequest.signed(
        method,
        url,
        body.removesuffix("\n").encode(),
        [secret],
        headers["webhook-id"],
        int(headers["webhook-timestamp"]),
    )
    assert signed.headers["webhook-signature"] == headers["webhook-signature"]
    assert f"| the `{method}` | `{headers['webhook-signature']}` |" in WEBHOOKS
    if method == "POST":
        assert int(headers["Content-Length"]) == len(signed.body)


def test_the_example_of_a_deposit_is_what_is_fetched() -> None:
    notice = DepositNotice("30dd1ff914e6e38d72b0cae0cc4b055a", "PYtr8BLwHN", 1, 2)
    url = notice.url(NotifyUrl.parse("https://hooks.example.com/deposits?client=7"))
    assert f"GET {url.removeprefix('https://hooks.example.com')} HTTP/1.1" in WEBHOOKS


def test_every_network_that_webhooks_may_not_reach_is_listed() -> None:
    refused = {str(network).removesuffix("/32") for network in (*guard._REFUSED_IPV4, *guard._REFUSED_IPV6)}
    listed = set(re.findall(r"[0-9a-f.:]+(?:/\d+)?", WEBHOOKS.partition("## Where webhooks may go")[2]))
    assert {network for network in refused if network not in listed and f"{network}/32" not in listed} == set()


@pytest.mark.parametrize("page", SENDING, ids=lambda page: page.stem)
def test_every_setting_that_is_named_is_there(page: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}([A-Z0-9_]+)", page.read_text(encoding="utf-8")))
    assert {name.lower() for name in named} <= {*SETTINGS, "key", "url"}
