"""/v2/credit and /v2/ledger: what the account may spend, and where its credit went."""

from __future__ import annotations

from portevoix.api.v2.operation import Call, Operation
from portevoix.api.v2.wire import credit as wire
from portevoix.api.v2.wire.common import Page, cut
from portevoix.domain.account import Scope
from portevoix.domain.notice import parse_place
from portevoix.service import sent


async def _credit(call: Call[None, None]) -> wire.Credit:
    return wire.credit(await sent.read_balance(call.house, call.access))


async def _ledger(call: Call[Page, None]) -> wire.Ledger:
    after = parse_place(call.query.after) or 0
    found = await sent.read_ledger(call.house, call.access, after, call.query.limit + 1)
    page, last = cut(found, call.query.limit)
    return wire.Ledger([wire.line(one) for one in page], None if last is None else str(last.posted.transfer_id))


CREDIT_OPERATIONS = (
    Operation(
        name="credit",
        method="GET",
        path="/v2/credit",
        summary="Read the credit",
        description="What may be spent now, what is set aside for calls that are not over, and what the former buys.",
        scope=Scope.READ,
        answer=wire.Credit,
        run=_credit,
    ),
    Operation(
        name="ledger",
        method="GET",
        path="/v2/ledger",
        summary="Read the ledger",
        description="Every transfer of the account, oldest first, with the message and the call that it was for.",
        scope=Scope.READ,
        answer=wire.Ledger,
        run=_ledger,
        query=Page,
    ),
)
