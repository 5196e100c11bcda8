"""The oracle: compares what phones, customers and the ledger saw with what is promised."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta

from portevoix import bootstrap
from portevoix.domain.call import MEANINGS, CallState, Outcome
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.number import Number
from portevoix.domain.tariff import Product
from portevoix.service import credit
from tests.chaos.field import EUROS, Field
from tests.conftest import PEPPER

#: What a second costs by the default tariff, and a deposit as a whole.
A_SECOND_MICROS = {Product.VOICE_MOBILE: 1_000, Product.VOICE_LANDLINE: 500}

#: After these a call may be dialled again.
REASONS = {outcome for outcome in Outcome if MEANINGS[outcome].retried or MEANINGS[outcome].rerouted}

#: By how much the clocks of two nodes may differ.
SLACK = timedelta(seconds=0.25)


async def verdict(field: Field, sent: Iterable[str]) -> list[str]:
    """Say what is wrong, after all calls of some messages are over.

    Args:
        sent: the messages that were acknowledged since the last time.
    """
    sent = list(sent)
    return [
        *await _phones(field),
        *await _calls(field, sent),
        *await _money(field),
    ]


async def _phones(field: Field) -> list[str]:
    """No phone rings twice, nor without a row in the books, nor after they say that its call is over."""
    rung = field.testimony.hear()
    asked = Counter(one.key for one in rung)
    books = {
        (call, number): (outcome and Outcome(outcome), ended_at)
        for call, number, outcome, ended_at in await field.postgres.ask(
            "SELECT call_id, number, outcome, ended_at FROM attempt"
        )
    }
    wrong = [f"attempt {one} was rung {times} times" for one, times in asked.items() if times > 1]
    wrong += [f"attempt {one} was rung and is not in the books" for one in asked if one not in books]
    for call, number in asked:
        before = books.get((call, number - 1), (None, None))[0]
        if number > 1 and before not in REASONS:
            wrong.append(f"call {call} was rung again after {before}")
    for one in rung:
        outcome, ended_at = books.get(one.key, (None, None))
        if outcome is Outcome.LOST and one.moment > ended_at + SLACK:
            wrong.append(f"attempt {one.key} was rung by {one.node} {one.moment - ended_at} after it was given up")
    unasked = {one: outcome for one, (outcome, _) in books.items() if one not in asked}
    wrong += [f"attempt {one} is {outcome}, and was not rung" for one, outcome in unasked.items() if outcome != "lost"]
    return wrong


async def _calls(field: Field, sent: list[str]) -> list[str]:
    """Each message that was acknowledged is there once, each of its calls is over and cost what it has to."""
    found = await field.postgres.ask(
        "SELECT public_id, state, total, open FROM campaign WHERE public_id = ANY(%s)", sent
    )
    wrong = [f"message {name} is lost" for name in set(sent) - {row[0] for row in found}]
    wrong += [f"message {row[0]} is {row[1:]}" for row in found if row[1] != "finished" or row[3]]
    others = await field.postgres.ask("SELECT count(*) FROM campaign")
    if others != [(len(field.acknowledged),)]:
        wrong.append(f"{others} messages, and {len(field.acknowledged)} were acknowledged")
    calls = """
        SELECT c.state::text, c.product, c.cost_micros, coalesce(c.duration_s, 0), count(*), p.kind
        FROM call c JOIN campaign p ON p.id = c.campaign_id GROUP BY 1, 2, 3, 4, 6
    """
    for state, product, cost_micros, duration_s, count, kind in await field.postgres.ask(calls):
        if not CallState(state).is_over or state == CallState.CANCELLED:
            wrong.append(f"{count} calls are {state}")
        elif kind == "voice":
            due_micros = duration_s * A_SECOND_MICROS[product] if state == CallState.FINISHED else 0
            if cost_micros != due_micros:
                wrong.append(f"{count} calls are {state} after {duration_s} s and cost {cost_micros}")
    return wrong


async def _money(field: Field) -> list[str]:
    """Nothing is held any more, and what was given is there or was earned; the ledger's own check says the same."""
    ((available, held, earned, still_held),) = await field.postgres.ask(
        "SELECT available_micros, held_micros, (SELECT sum(cost_micros) FROM call), "
        "(SELECT count(*) FROM hold WHERE settled_micros IS NULL) FROM account WHERE id = %s",
        field.customer.id,
    )
    wrong = []
    if held or still_held:
        wrong.append(f"{held} micro-euros are held still, by {still_held} holds")
    if available + held + earned != EUROS * MICROS_PER_EURO:
        wrong.append(f"{EUROS * MICROS_PER_EURO} micro-euros became {available} + {held} + {earned}")
    async with bootstrap.open_house(field.postgres.url, PEPPER.encode()) as opened:
        wrong += [str(fault) for fault in await credit.check_ledger(opened.house)]
    return wrong


async def told(field: Field) -> list[str]:
    """Compare what the receiver got with the books: a webhook at least once for each call, the same at each repeat."""
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for one in field.receiver.received:
        bodies[one.headers["webhook-id"]].add(one.body)
    wrong = [f"webhook {name} had {len(said)} bodies" for name, said in bodies.items() if len(said) > 1]
    counted = Counter[tuple[str, str, str]]()
    for said in bodies.values():
        body = json.loads(next(iter(said)))
        counted[body["campaignId"], Number.parse(body["phoneNumber"]).digits, body["status"]] += 1
    query = """
        SELECT p.public_id, c.number, c.state::text FROM call c JOIN campaign p ON p.id = c.campaign_id
        WHERE p.notify_url IS NOT NULL
    """
    expected = Counter(
        (name, number, "delivered" if state == CallState.FINISHED else "undelivered")
        for name, number, state in await field.postgres.ask(query)
    )
    wrong += [
        f"{one} was told {counted[one]} times and not {expected[one]}"
        for one in counted | expected
        if counted[one] != expected[one]
    ]
    return wrong


async def mailed(field: Field) -> list[str]:
    """A mail is kept for each deposit campaign, once: a sandbox's are kept to be read."""
    mails = await field.postgres.ask("SELECT campaign_id, state FROM mail ORDER BY 1")
    deposits = await field.postgres.ask("SELECT id, 'kept' FROM campaign WHERE email IS NOT NULL ORDER BY 1")
    return [] if mails == deposits else [f"{len(deposits)} deposits, and mails {mails}"]
