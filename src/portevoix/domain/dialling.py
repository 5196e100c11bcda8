"""What passes between the queue of calls, the carriers and the settlement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import (
    MEANINGS,
    TRANSITIONS,
    Billing,
    CallEvent,
    CallState,
    Outcome,
    Report,
    Retries,
    after,
)
from portevoix.domain.campaign import CampaignState, Kind, call_id, cost_micros
from portevoix.domain.ids import Mode
from portevoix.domain.number import Number
from portevoix.domain.tariff import Product, Rate
from portevoix.domain.trunk import Path


@dataclass(frozen=True, slots=True)
class SandboxClock:
    """How an account's clock differs from ours; a live account's does not.

    Args:
        offset_s: by how many seconds it is ahead.
        moved_from: what it showed before it was last moved on.
        moved_to: what it showed right after.
    """

    offset_s: int = 0
    moved_from: datetime | None = None
    moved_to: datetime | None = None

    def now(self, ours: datetime) -> datetime:
        """Tell what it shows when ours shows a moment."""
        return ours + timedelta(seconds=self.offset_s)

    def began(self, due_at: datetime, ours: datetime) -> datetime:
        """Tell when something that was due began: as of its own time, where the clock was moved on past it."""
        if self.moved_from is not None and self.moved_to is not None and self.moved_from < due_at <= self.moved_to:
            return due_at
        return self.now(ours)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A due call that a node has claimed, and may dial.

    Args:
        id: the call's number in the store.
        route: the routes that have failed in this try.
        attempts: how often it was dialled before.
        tried: their names.
        countries: that its account may call, where it has some of its own.
    """

    id: int
    account_id: int
    campaign: str
    position: int
    number: Number
    product: Product
    kind: Kind
    sha256: bytes
    samples: int
    reserved_micros: int
    own_revision: int | None
    default_revision: int | None
    attempts: int
    route: int
    due_at: datetime
    clock: SandboxClock
    sender: str | None
    mode: Mode = Mode.SANDBOX
    tried: tuple[str, ...] = ()
    countries: frozenset[str] | None = None

    @property
    def public_id(self) -> str:
        """What its owner calls it."""
        return call_id(self.campaign, self.position)


@dataclass(frozen=True, slots=True)
class Dial:
    """What a carrier is asked to do, once.

    Args:
        call: the call's public id.
        attempt: 1 for its first dialling.
        route: 0 for the first route.
        at: when it was dialled, by its account's clock.
        longest_s: when to hang up after the answer, at the latest: the end of the hold.
        clock_offset_s: of the account's clock when it was dialled.
        path: over a trunk; ``None`` for simulated phones.
        refused: what is reported at once, without asking a carrier; ``None`` where one is asked.
    """

    call_id: int
    call: str
    attempt: int
    account_id: int
    number: Number
    kind: Kind
    audio: TelephoneAudio
    sender: str | None
    route: int
    at: datetime
    longest_s: int
    clock_offset_s: int = 0
    path: Path | None = None
    refused: Report | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """What a call waits for that is not dialled now.

    Args:
        trunk_id: the trunk that it will take; ``None`` for the one it waited for before.
        due_at: when it is to be looked at again; ``None`` for as soon as its trunk has room.
    """

    trunk_id: int | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What a carrier says on the way: since when the phone rings, since when it is answered."""

    call_id: int
    attempt: int
    ringing_at: datetime | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """A call whose attempt has ended, with all that deciding what follows takes.

    Args:
        notify_url: where to tell of it.
        route: the routes that had failed before in this try.
        retried: the retries that it has had.
        tried: the names of the routes of this try, the last one that of this attempt.
    """

    id: int
    account_id: int
    mode: Mode
    campaign_id: int
    campaign: str
    campaign_state: CampaignState
    position: int
    number: Number
    product: Product
    kind: Kind
    hold_id: int | None
    reserved_micros: int
    attempt: int
    retried: int
    route: int
    retries: Retries
    own_revision: int | None
    default_revision: int | None
    notify_url: str | None
    plays_recording: bool
    samples: int
    dialed_at: datetime
    report: Report
    clock: SandboxClock
    tried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What follows for a call.

    Args:
        state: where it stands from now on.
        cost_micros: what it has cost; ``None`` where it is not over.
        due_at: when it is due again; ``None`` where it is over.
        route, retried: as they are from now on.
    """

    filed: Filed
    state: CallState
    cost_micros: int | None
    due_at: datetime | None
    route: int
    retried: int

    @property
    def is_over(self) -> bool:
        """Whether the call has ended for good."""
        return self.cost_micros is not None

    @property
    def is_delivered(self) -> bool:
        """Whether the message was played or left."""
        return self.state is CallState.FINISHED


def conclude(filed: Filed, rate: Rate, billing: Billing, routes: int) -> Conclusion:
    """Decide what follows an attempt's end.

    Args:
        rate: the price that counted when the message was sent.
        billing: what is charged where it is not plain.
        routes: how many there are, those that were tried included.
    """
    retries = Retries() if filed.campaign_state is CampaignState.CANCELLED else filed.retries
    routes_left = 0 if filed.campaign_state is CampaignState.CANCELLED else routes - filed.route - 1
    following = after(filed.report, retries, filed.retried, routes_left)
    state = TRANSITIONS[CallState.DIALING, following.event]
    if following.event is CallEvent.REROUTE:
        return Conclusion(filed, state, None, following.at, filed.route + 1, filed.retried)
    if following.event is CallEvent.RETRY:
        return Conclusion(filed, state, None, following.at, 0, filed.retried + 1)
    return Conclusion(filed, state, cost_of(filed, rate, billing), None, filed.route, filed.retried)


#: How a call ends that rang, and that nobody took; a network that plays something before it refuses rings nobody.
RUNG_OUT = frozenset({Outcome.NO_ANSWER, Outcome.BUSY, Outcome.DECLINED})


def cost_of(filed: Filed, rate: Rate, billing: Billing) -> int:
    """Tell what a call costs at its end: never more than was set aside for it."""
    outcome = filed.report.outcome
    if outcome is Outcome.LOST:
        return filed.reserved_micros if billing.uncertain else 0
    if MEANINGS[outcome].delivered:
        return min(cost_micros(rate, filed.report.duration_s), filed.reserved_micros)
    has_rung_out = filed.report.ringing_at is not None and outcome in RUNG_OUT
    if billing.unanswered and rate.product.is_timed and has_rung_out:
        return min(cost_micros(rate, 0), filed.reserved_micros)
    return 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A campaign that is over, as its owner is told.

    Args:
        token: names the campaign to its notifyUrl, for a deposit.
    """

    id: int
    account_id: int
    mode: Mode
    campaign: str
    kind: Kind
    state: CampaignState
    total: int
    delivered: int
    settled_micros: int
    notify_url: str | None
    token: str
    email: str | None
    recording: str | None
    created_at: datetime
    finished_at: datetime
