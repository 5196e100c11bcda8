"""The one table from errors to problem details. Source: RFC 9457."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from portevoix.api.v2.wire.orders import RefusedNumber, refused_number
from portevoix.domain import audio, campaign, errors, notice, recording, routing, safety, sandbox, speech
from portevoix.web.answer import Answer, Headers
from portevoix.web.body import BodyTooLarge, BodyTooSlow
from portevoix.web.ranges import RangeOutside

CONTENT_TYPE = b"application/problem+json"

#: Recipients that are named with what is wrong with them, at most.
MOST_NAMED = 1_000


class Row(NamedTuple):
    """How a kind of error is told."""

    status: int
    title: str


class Problem(Struct, frozen=True):
    """Any answer of v2 that is no success (RFC 9457).

    Args:
        type: a URN of the error's code; it does not change.
        title: the same for every occurrence.
        detail: what is wrong this time.
        code: the stable code alone.
        errors: where recipients are at fault, each of them, 1,000 at most.
        more: how many recipients are at fault beyond these, where some are.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[RefusedNumber] | UnsetType = UNSET
    more: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


ROWS: dict[type[errors.DomainError], Row] = {
    errors.KeyMissing: Row(401, "An API key is required"),
    errors.KeyUnknown: Row(401, "The API key is wrong"),
    errors.AccountDisabled: Row(403, "The account is disabled"),
    errors.AccountBlocked: Row(403, "The account is blocked"),
    errors.ScopeRefused: Row(403, "The key may not do this"),
    errors.AddressRefused: Row(403, "The key may not be used from this address"),
    errors.RateLimited: Row(429, "Too many requests"),
    errors.Unavailable: Row(503, "Not available now"),
    errors.NotFound: Row(404, "Not found"),
    errors.MethodNotAllowed: Row(405, "The method is not allowed"),
    errors.InvalidValue: Row(400, "The request is invalid"),
    errors.InsufficientCredit: Row(402, "The credit is too low"),
    errors.IdempotencyConflict: Row(409, "The idempotency key was used for another request"),
    errors.Defect: Row(500, "Internal error"),
    campaign.CampaignBegun: Row(409, "The message cannot be changed any more"),
    notice.WebhookArchived: Row(409, "The webhook is archived"),
    campaign.SenderNotAuthorized: Row(403, "The sender has not been verified"),
    routing.NoRoute: Row(422, "No route leads there"),
    routing.NoDepositRoute: Row(422, "No route takes deposits there"),
    safety.CapReached: Row(403, "The day's allowance is used up"),
    recording.RecordingInUse: Row(409, "The recording is in use"),
    sandbox.SandboxOnly: Row(403, "Only for test keys"),
    RangeOutside: Row(416, "The range lies outside"),
    BodyTooSlow: Row(408, "The body takes too long to come"),
    BodyTooLarge: Row(413, "The body is too large"),
    audio.AudioEmpty: Row(422, "The file holds no audio"),
    audio.AudioBroken: Row(422, "The file is broken"),
    audio.AudioUnsupported: Row(415, "The format is not supported"),
    audio.AudioTooLarge: Row(413, "The file is too large"),
    audio.AudioTooLong: Row(413, "The recording is too long"),
    audio.AudioUnavailable: Row(503, "Not available now"),
    speech.SpeechFailed: Row(422, "The text cannot be said"),
    speech.SpeechUnavailable: Row(503, "Not available now"),
}

#: What is told of an error that no customer can cause.
DEFECT = Row(500, "Internal error")


def row_of(error: type[errors.DomainError]) -> Row:
    """Find how an error is told: its own row, or that of what it is a kind of."""
    return next((ROWS[kind] for kind in error.__mro__ if kind in ROWS), DEFECT)


def problem(error: errors.DomainError, headers: Headers = ()) -> Answer:
    """Write an error as problem details."""
    row = row_of(type(error))
    told = Problem(f"urn:portevoix:problem:{error.code}", row.title, row.status, error.message, error.code)
    if isinstance(error, RangeOutside):
        headers = (*headers, *error.headers)
    if isinstance(error, campaign.RecipientsRefused):
        named = [refused_number(one) for one in error.refused[:MOST_NAMED]]
        told = msgspec.structs.replace(told, errors=named, more=len(error.refused) - len(named) or UNSET)
    if row.status == 401:
        headers = (*headers, (b"www-authenticate", b'Bearer realm="portevoix"'))
    return Answer(row.status, msgspec.json.encode(told), CONTENT_TYPE, headers)
