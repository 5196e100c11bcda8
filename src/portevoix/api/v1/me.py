"""GET /v1/me: the credit."""

from __future__ import annotations

from portevoix.api.v1 import wire
from portevoix.api.v1.operation import Call, Operation
from portevoix.domain.account import Scope
from portevoix.service.reading import read_credit


async def _run(call: Call[None]) -> wire.Me:
    return wire.me(await read_credit(call.house, call.access))


ME = Operation(
    name="me",
    method="GET",
    paths=("/v1/me/{apiKey}", "/v1/me"),
    summary="The credit",
    description=(
        "The credit that may be spent now, and what it buys at the account's tariff: how long a voice SMS to a "
        "French mobile (`tts`) or landline (`tts_fixe`), and how many voicemail deposits (`voice`). Whole units, "
        "rounded down: what is shown can be bought. Credit set aside for calls under way is not shown. Where a "
        "tariff is free there is no limit, which is told as `null`."
    ),
    limit="me",
    scope=Scope.READ,
    answer=wire.Me,
    run=_run,
)
