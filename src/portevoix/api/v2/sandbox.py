"""/v2/sandbox: what the simulated phones received, the sandbox's clock, a new beginning."""

from __future__ import annotations

from datetime import datetime

from portevoix.api.v2.audio import RANGED_WAV, WAV, write_wav
from portevoix.api.v2.operation import Call, Operation
from portevoix.api.v2.wire import sandbox as wire
from portevoix.api.v2.wire.common import cut
from portevoix.domain.account import Scope
from portevoix.domain.campaign import CampaignNotFound
from portevoix.domain.errors import InvalidValue, NotFound
from portevoix.domain.notice import parse_place
from portevoix.domain.number import Number, NumberInvalid
from portevoix.domain.sandbox import SandboxOnly, must_be_sandbox
from portevoix.ports import House
from portevoix.service import sandbox
from portevoix.service.sent import find_campaign
from portevoix.web.answer import Answer
from portevoix.web.ranges import RangeOutside, ranged


async def _inbox(call: Call[wire.InboxQuery, None]) -> wire.Inbox:
    query = call.query
    must_be_sandbox(call.access)
    message = (await find_campaign(call.house, call.access, query.message)).id if query.message else None
    number = Number.parse(query.number).digits if query.number else None
    before = parse_place(query.after)
    received, webhooks, mails = await sandbox.read_inbox(
        call.house, call.access, before, query.limit + 1, number=number, message=message
    )
    page, last = cut(received, query.limit)
    return wire.Inbox(
        [wire.entry(one, webhooks) for one in page],
        [wire.mail(one) for one in mails if message in (None, one.campaign)],
        None if last is None else str(last.id),
    )


async def _audio(call: Call[None, None]) -> Answer:
    audio = await sandbox.hear_inbox(call.house, call.access, _entry(call.path["entry"]))
    return ranged(write_wav(call.house, audio, "linear"), WAV, audio.sha256, call.scope)


def _entry(text: str) -> int:
    """Read an entry's id. Raises NotFound."""
    try:
        return parse_place(text) or 0
    except InvalidValue:
        raise NotFound("the inbox has no such entry") from None


async def _empty(call: Call[None, None]) -> None:
    await sandbox.empty_inbox(call.house, call.access)


async def _advance(call: Call[None, wire.Step]) -> wire.Moved:
    async def keep(together: House, now: datetime) -> None:
        await call.replay.keep(together, call.success(200, wire.Moved(now, is_quiet=False)))

    moved = wire.Moved(*await sandbox.advance_clock(call.house, call.access, call.body.seconds, keep))
    await call.replay.amend(call.house, call.success(200, moved))
    return moved


async def _reset(call: Call[None, None]) -> None:
    await sandbox.reset(call.house, call.access)


async def _numbers(call: Call[None, None]) -> wire.MagicNumbers:
    must_be_sandbox(call.access)
    return wire.magic_numbers()


SANDBOX_OPERATIONS = (
    Operation(
        name="sandbox_inbox",
        method="GET",
        path="/v2/sandbox/inbox",
        summary="Read what simulated phones received",
        description=(
            "An entry an attempt, newest first: what rang, what was heard, what landed on voicemail, which keys were "
            "pressed, which webhooks followed; and the mails that were written. For test keys alone."
        ),
        scope=Scope.READ,
        answer=wire.Inbox,
        run=_inbox,
        query=wire.InboxQuery,
        refusals=(SandboxOnly, CampaignNotFound, NumberInvalid),
    ),
    Operation(
        name="sandbox_audio",
        method="GET",
        path="/v2/sandbox/inbox/{entry}/audio",
        summary="Hear what a simulated phone heard",
        description="What was played until somebody hung up, or what landed on voicemail, as a WAV file.",
        scope=Scope.READ,
        answer=RANGED_WAV,
        run=_audio,
        refusals=(SandboxOnly, NotFound, RangeOutside),
    ),
    Operation(
        name="empty_sandbox_inbox",
        method="DELETE",
        path="/v2/sandbox/inbox",
        summary="Empty the inbox",
        description="Empties the inbox, mails included. What was sent stays sent.",
        scope=Scope.SEND,
        answer=None,
        run=_empty,
        status=204,
        refusals=(SandboxOnly,),
    ),
    Operation(
        name="advance_sandbox",
        method="POST",
        path="/v2/sandbox/advance",
        summary="Move the sandbox's clock on",
        description=(
            "Moves the clock on, through what was scheduled, retries, calls under way and credit that lapses, and "
            "waits for 15 s at most until all that has happened."
        ),
        scope=Scope.SEND,
        answer=wire.Moved,
        run=_advance,
        body=wire.Step,
        refusals=(SandboxOnly,),
    ),
    Operation(
        name="reset_sandbox",
        method="POST",
        path="/v2/sandbox/reset",
        summary="Begin anew",
        description="Cancels what is open, empties the inbox, sets the clock right, and gives 100 € of credit.",
        scope=Scope.MANAGE,
        answer=None,
        run=_reset,
        status=204,
        refusals=(SandboxOnly,),
    ),
    Operation(
        name="sandbox_numbers",
        method="GET",
        path="/v2/sandbox/numbers",
        summary="List the magic numbers",
        description=(
            "What simulated phones do, by the last two digits of numbers of the fiction blocks, such as 06 39 98 xx "
            "xx; the two digits before are the seconds that they ring."
        ),
        scope=Scope.READ,
        answer=wire.MagicNumbers,
        run=_numbers,
        refusals=(SandboxOnly,),
    ),
)
