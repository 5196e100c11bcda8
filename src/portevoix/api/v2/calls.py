"""/v2/messages/{message}/calls and /v2/calls: what became of each recipient."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from portevoix.api.v2.audio import RANGED_WAV, WAV, write_wav
from portevoix.api.v2.operation import Call, Media, Operation
from portevoix.api.v2.wire import messages as wire
from portevoix.api.v2.wire.audio import ContentQuery
from portevoix.api.v2.wire.common import cut
from portevoix.domain.account import Scope
from portevoix.domain.campaign import (
    CallErased,
    CallFilter,
    CallNotFound,
    CallNotRecorded,
    CampaignNotFound,
    parse_call_id,
)
from portevoix.domain.notice import parse_place
from portevoix.service import proof, sent
from portevoix.web.answer import Answer, Stream
from portevoix.web.ranges import RangeOutside, ranged
from portevoix.web.sheets import CSV


async def _list(call: Call[wire.CallQuery, None]) -> wire.CallPage | Stream:
    query, after = call.query, parse_place(call.query.after) or 0
    which = CallFilter(None if query.state is None else (query.state,))
    message = call.path["message"]
    if _wants_csv(call):
        name = f'attachment; filename="{message}-calls.csv"'.encode()
        lines = _csv(call, after, which)
        return await Stream.begin(lines, CSV, ((b"content-disposition", name),))
    found = await sent.list_calls(call.house, call.access, message, after, query.limit + 1, which)
    page, last = cut(found, query.limit)
    following = None if last is None else str(parse_call_id(last.id)[1])
    return wire.CallPage([wire.call(one) for one in page], following)


def _wants_csv(call: Call[wire.CallQuery, None]) -> bool:
    if call.query.format is not None:
        return call.query.format == "csv"
    accepted = b",".join(value for name, value in call.scope["headers"] if name == b"accept").lower()
    return b"text/csv" in accepted and b"application/json" not in accepted


async def _csv(call: Call[wire.CallQuery, None], after: int, which: CallFilter) -> AsyncGenerator[bytes, None]:
    head = wire.csv_header()
    async for page in sent.all_calls(call.house, call.access, call.path["message"], after, which):
        yield head + wire.csv_calls(page)
        head = b""
    if head:
        yield head


async def _show(call: Call[None, None]) -> wire.CallTimeline:
    timeline = await sent.find_call(call.house, call.access, call.path["call"])
    return wire.call_timeline(timeline, sent.steps(timeline))


async def _recording(call: Call[ContentQuery, None]) -> Answer:
    audio = await proof.hear_call(call.house, call.access, call.path["call"])
    body = write_wav(call.house, audio, call.query.encoding)
    return ranged(body, WAV, f"{audio.sha256}-{call.query.encoding}", call.scope)


CALL_OPERATIONS = (
    Operation(
        name="list_calls",
        method="GET",
        path="/v2/messages/{message}/calls",
        summary="List the calls of a message",
        description=(
            "A message's calls in the order of its recipients: state, outcome, cause, duration and cost. A page at a "
            "time in JSON, or the whole as a CSV file, with `format=csv` or `Accept: text/csv`."
        ),
        scope=Scope.READ,
        answer=wire.CallPage,
        also=Media("text/csv", is_text=True),
        run=_list,
        query=wire.CallQuery,
        refusals=(CampaignNotFound,),
    ),
    Operation(
        name="show_call",
        method="GET",
        path="/v2/calls/{call}",
        summary="Show a call",
        description="A call with its timeline: all that happened to it, in order.",
        scope=Scope.READ,
        answer=wire.CallTimeline,
        run=_show,
        refusals=(CallNotFound, CallErased),
    ),
    Operation(
        name="call_recording",
        method="GET",
        path="/v2/calls/{call}/recording",
        summary="Hear what the far end said",
        description=(
            "What the far end said in the call's first seconds, as a WAV file, where the operator keeps that for "
            "proof; until it is erased. Byte ranges are served."
        ),
        scope=Scope.READ,
        answer=RANGED_WAV,
        run=_recording,
        query=ContentQuery,
        refusals=(CallNotFound, CallErased, CallNotRecorded, RangeOutside),
    ),
)
