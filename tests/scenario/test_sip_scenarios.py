"""Every SIPp scenario through a whole server: from POST to the far end's phone, and on to the webhook and the ledger.

All rows are under way at once, each with a message and trunks of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from portevoix.domain.ids import Mode
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.routing import Serves
from portevoix.domain.schedule import PARIS
from portevoix.domain.speech import Utterance
from portevoix.domain.trunk import Credentials, DialTemplate
from portevoix.ports import House
from portevoix.service.speech import say
from tests.carrier.sip.test_listening import SILENCE, speak, tone
from tests.carrier.sip.trunk import CREDENTIALS, needs_sipp
from tests.notify.receiver import Received
from tests.scenario.bench import Bench, bench, sender
from tests.scenario.far_end import FarEnd, far_end
from tests.store.test_calls import DEPOSIT_MICROS, Customer
from tests.wire.sound import keep

MESSAGE_S, LONG_S = 4, 60
MICROS_A_SECOND = 1_000
LONGEST_S = 180
"""What is lost is sent again for half a minute at the most, by each side in turn, on a machine that has other work."""
WHOLE = MESSAGE_S * MICROS_A_SECOND
WRONG = Credentials(CREDENTIALS.username, "guess")
MAILBOX = DialTemplate("*88{national}; X-Deposit: yes")


@dataclass(frozen=True)
class Row:
    """A far end, and what becomes of a message to it.

    Args:
        scenarios: one a trunk, in the order in which they are asked.
        code: of SIP, that the last trunk ended the call with.
        micros: what each call costs; ``None`` for what its duration says.
        notes: what its timeline says among other things, in this order.
        calls: how many recipients the message has.
        seconds: of the message.
        arguments: of SIPp.
        dial: how the deposit's route writes whom it calls; ``None`` for a voice SMS.
        says: what the far end says.
    """

    scenarios: tuple[str, ...]
    outcome: str
    code: int | None = None
    micros: int | None = 0
    notes: tuple[str, ...] = ()
    calls: int = 1
    seconds: int = MESSAGE_S
    arguments: tuple[str, ...] = ()
    credentials: Credentials | None = None
    dial: DialTemplate | None = None
    is_landline: bool = False
    says: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the message was played or left."""
        return self.outcome in ("answered", "voicemail")

    @property
    def door(self) -> str:
        """Where its message is sent."""
        return "/v1/tts/send" if self.dial is None else "/v1/campaign/send"

    def numbers(self, place: int) -> list[str]:
        """Give the numbers of a row, as their country writes them."""
        block = "019900" if self.is_landline else "063998"
        return [f"{block}{place:02}{call:02}" for call in range(self.calls)]


def answered(*scenarios: str, micros: int | None = WHOLE, **rest: Any) -> Row:
    return Row(scenarios, "answered", micros=micros, **rest)


ROWS = {
    "answers": answered("answer"),
    "is busy": Row(("busy",), "busy", 486),
    "declines": Row(("declined",), "declined", 603),
    "is unknown": Row(("not_found",), "invalid_number", 404),
    "is behind the second route": answered("unavailable", "answer"),
    "is behind no other route": Row(("unavailable",), "congestion", 503),
    "does not answer": Row(("no_answer",), "no_answer"),
    "wants a digest of the proxy": answered("proxy_auth", credentials=CREDENTIALS),
    "refuses the proxy's digest": Row(("proxy_refuses",), "congestion", 407, credentials=WRONG),
    "wants a digest": answered("auth", credentials=CREDENTIALS),
    "refuses the digest": Row(("auth",), "congestion", 403, credentials=WRONG),
    "plays before the answer": answered("early_media", notes=("early_media",)),
    "hangs up after a second": answered("hangs_up", micros=None, seconds=LONG_S, notes=("far_end_hung_up",)),
    "puts us on hold": answered("hold", notes=("hold", "resumed")),
    "wants to be refreshed": answered("refreshed"),
    "answers as it is cancelled": Row(("crossing",), "no_answer"),
    "loses packets": answered("answer", calls=4, arguments=("-lost", "15")),
    "says all twice, and late": answered("duplicates"),
    "is a machine that beeps": Row(
        ("answer",),
        "voicemail",
        None,
        DEPOSIT_MICROS,
        ("beep", "played"),
        dial=DialTemplate(),
        is_landline=True,
        says="♪",
    ),
    "is a person where a machine was wanted": Row(
        ("answer",), "taken_by_person", None, 0, ("person",), dial=DialTemplate(), is_landline=True, says="Allô ?"
    ),
    "is a mobile's mailbox": Row(("answer",), "voicemail", None, DEPOSIT_MICROS, ("played",), dial=MAILBOX),
}


async def lead(bench: Bench, stack: AsyncExitStack, folder: Path) -> Mapping[str, list[FarEnd]]:
    """Run each row's far ends, and have trunks and routes lead there."""
    ends: dict[str, list[FarEnd]] = {}
    for place, (name, row) in enumerate(ROWS.items()):
        ends[name] = [
            await stack.enter_async_context(
                far_end(scenario, folder / f"{place}-{priority}", *row.arguments, calls=row.calls)
            )
            for priority, scenario in enumerate(row.scenarios)
        ]
        prefix = f"33{row.numbers(place)[0][1:-2]}"
        terms = {} if row.dial is None else {"serves": Serves.DEPOSIT, "dial": row.dial}
        await bench.lead(prefix, *ends[name], credentials=row.credentials, **terms)
        if row.says:
            speaking = asyncio.create_task(speak(ends[name][0].tape, await words(bench.house, row.says)))
            stack.callback(speaking.cancel)
    return ends


async def words(house: House, text: str) -> bytes:
    """Say a text, or beep as a machine does, and then nothing for a while."""
    said = SILENCE + tone(1_000, 500) if text == "♪" else (await say(house, Utterance(text))).alaw
    return said + SILENCE * 8


def steps(call: dict[str, Any], what: str) -> list[dict[str, Any]]:
    return [step for step in call["timeline"] if step["what"] == what]


def became(call: dict[str, Any], row: Row) -> tuple[object, ...]:
    """Tell what became of a call, as ``expected`` has it."""
    noted = [step["detail"].split()[0] for step in steps(call, "noted")]
    routes = [int(step["detail"].split("-")[2]) for step in steps(call, "dialing")]
    notes = tuple(dict.fromkeys(note for note in noted if note in row.notes))
    return call["outcome"], steps(call, "ended")[-1]["cause"], call["state"], call["cost_micros"], routes, notes


def expected(call: dict[str, Any], row: Row) -> tuple[object, ...]:
    state = "finished" if row.is_delivered else "failed"
    micros = call["duration_s"] * MICROS_A_SECOND if row.micros is None else row.micros
    return row.outcome, row.code, state, micros, [*range(len(row.scenarios))], row.notes


def body_of(campaign: str, call: dict[str, Any], row: Row) -> bytes:
    """Write the webhook of a voice SMS as the contract has it."""
    sent_at, done_at = (
        datetime.fromisoformat(at).astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S")
        for at in (steps(call, "dialing")[-1]["at"], call["ended_at"])
    )
    told = {
        "campaignId": campaign,
        "status": "delivered" if row.is_delivered else "undelivered",
        "additionnal_status": "VOICE_ANSWERED" if row.is_delivered else "VOICE_NOT_ANSWERED",
        "phoneNumber": call["to"].replace("+", "00"),
        "sendAt": sent_at,
        "doneAt": done_at,
        "duration": call["duration_s"],
        "audioFileComplementaire": {"status": "Deposit"},
    }
    return json.dumps(told, separators=(",", ":")).encode()


def check_webhooks(received: list[Received], campaign: str, calls: list[dict[str, Any]], row: Row) -> None:
    if row.dial is None:
        assert {one.method for one in received} == {"POST"}
        assert sorted(one.body for one in received) == sorted(body_of(campaign, call, row) for call in calls)
        return
    (only,) = received
    token, rest = only.query.split("&", 1)
    assert (only.method, only.body, token.startswith("campaign_token=")) == ("GET", b"", True)
    assert rest == f"campaign_id={campaign}&delivered_quantity={int(row.is_delivered)}&total_quantity=1"


@needs_sipp
async def test_each_scenario_ends_in_its_outcome_cost_and_webhook(url: str, tmp_path: Path, data_folder: Path) -> None:
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(bench(url, data_folder, ring_timeout_s="10"))
        alice = await Customer.of(made.house, mode=Mode.LIVE, seconds=MESSAGE_S)
        long = await keep(made.house, alice.ref.public_id, "long", 8_000 * LONG_S)
        tokens = {MESSAGE_S: alice.token, LONG_S: long.token}
        ends = await lead(made, stack, tmp_path)
        await made.start()
        voice = await stack.enter_async_context(sender(made, alice))
        sending = [
            voice.send(row.door, tokens[row.seconds], row.numbers(place), made.receiver.url(f"/{place}"))
            for place, row in enumerate(ROWS.values())
        ]
        messages = dict(zip(ROWS, await asyncio.gather(*sending), strict=True))
        async with asyncio.timeout(LONGEST_S):
            await made.receiver.wait_for(sum(row.calls for row in ROWS.values()))

        found = {
            name: [await voice.get(f"/v2/calls/{call['id']}") for call in await voice.calls(message)]
            for name, message in messages.items()
        }
        assert {name: [became(call, ROWS[name]) for call in calls] for name, calls in found.items()} == {
            name: [expected(call, ROWS[name]) for call in calls] for name, calls in found.items()
        }
        for place, (name, calls) in enumerate(found.items()):
            told = [one for one in made.receiver.received if one.path == f"/{place}"]
            check_webhooks(told, messages[name], calls, ROWS[name])
        spent = sum(call["cost_micros"] for calls in found.values() for call in calls)
        assert await voice.credit() == (100 * MICROS_PER_EURO - spent, 0)
        assert await made.ledger_faults() == ""
        for name, fars in ends.items():
            assert {count for far in fars for count in far.gate.calls().values()} == {1}, name
            if not ROWS[name].arguments:  # whose packets are lost, it may miss the end
                assert [await far.peer.done() for far in fars] == [""] * len(fars), name
        assert "X-Deposit: yes" in ends["is a mobile's mailbox"][0].peer.messages()
