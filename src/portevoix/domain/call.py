"""A call's life: every state, every event, every transition, and what an attempt's end leads to.

Before ``dialing`` a call may be claimed again by another node. From ``dialing`` on it is never dialled again by
itself: a call whose node was lost becomes ``uncertain``. A new attempt comes from a filed report alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class CallState(StrEnum):
    """Where a call stands."""

    SCHEDULED = "scheduled"
    READY = "ready"
    PAUSED = "paused"
    CLAIMED = "claimed"
    DIALING = "dialing"
    RINGING = "ringing"
    ANSWERED = "answered"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"

    @property
    def is_waiting(self) -> bool:
        """Whether nothing has been done for it yet, so that it can be cancelled."""
        return self in WAITING

    @property
    def is_under_way(self) -> bool:
        """Whether a carrier may have it now."""
        return self in UNDER_WAY

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self in OVER


WAITING = frozenset({CallState.SCHEDULED, CallState.READY, CallState.PAUSED})
UNDER_WAY = frozenset({CallState.DIALING, CallState.RINGING, CallState.ANSWERED})
OVER = frozenset({CallState.FINISHED, CallState.FAILED, CallState.CANCELLED, CallState.UNCERTAIN})


class CallEvent(StrEnum):
    """What can happen to a call."""

    CLAIM = "claim"
    GIVE_BACK = "give_back"
    DIAL = "dial"
    RING = "ring"
    ANSWER = "answer"
    SUCCEED = "succeed"
    FAIL = "fail"
    RETRY = "retry"
    REROUTE = "reroute"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    LOSE = "lose"
    DOUBT = "doubt"


_S, _E = CallState, CallEvent

#: Every transition; what is not here does not happen. ``store/queries/calls.sql`` says the same, by test.
TRANSITIONS: dict[tuple[CallState, CallEvent], CallState] = {
    # waiting for its time, then for a node
    (_S.SCHEDULED, _E.CLAIM): _S.CLAIMED,
    (_S.READY, _E.CLAIM): _S.CLAIMED,
    (_S.CLAIMED, _E.GIVE_BACK): _S.READY,  # its node was lost, has no room, or it may not go now
    (_S.CLAIMED, _E.DIAL): _S.DIALING,  # committed before the carrier is asked
    # with the carrier
    (_S.DIALING, _E.RING): _S.RINGING,
    (_S.DIALING, _E.ANSWER): _S.ANSWERED,
    (_S.RINGING, _E.ANSWER): _S.ANSWERED,
    # an attempt's end, as its report says
    **{(state, _E.SUCCEED): _S.FINISHED for state in UNDER_WAY},
    **{(state, _E.FAIL): _S.FAILED for state in UNDER_WAY},
    **{(state, _E.RETRY): _S.SCHEDULED for state in UNDER_WAY},
    **{(state, _E.REROUTE): _S.READY for state in UNDER_WAY},
    **{(state, _E.LOSE): _S.UNCERTAIN for state in UNDER_WAY},
    # what its owner wants
    (_S.SCHEDULED, _E.PAUSE): _S.PAUSED,
    (_S.READY, _E.PAUSE): _S.PAUSED,
    (_S.CLAIMED, _E.PAUSE): _S.PAUSED,  # given back by its node
    (_S.PAUSED, _E.RESUME): _S.READY,
    (_S.SCHEDULED, _E.CANCEL): _S.CANCELLED,
    (_S.READY, _E.CANCEL): _S.CANCELLED,
    (_S.PAUSED, _E.CANCEL): _S.CANCELLED,
    (_S.CLAIMED, _E.CANCEL): _S.CANCELLED,
    # restored from a backup, since which it may have been dialled: an attempt on paper, which is lost
    (_S.SCHEDULED, _E.DOUBT): _S.DIALING,
    (_S.READY, _E.DOUBT): _S.DIALING,
    (_S.PAUSED, _E.DOUBT): _S.DIALING,
    (_S.CLAIMED, _E.DOUBT): _S.DIALING,
}


class Outcome(StrEnum):
    """How an attempt ended."""

    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    CONGESTION = "congestion"
    BLOCKED = "blocked"
    OPTED_OUT = "opted_out"
    OUTSIDE_HOURS = "outside_hours"
    MAILBOX_FULL = "mailbox_full"
    TAKEN_BY_PERSON = "taken_by_person"
    LOST = "lost"


class Meaning(NamedTuple):
    """What an outcome means.

    Args:
        cause: a SIP response code (RFC 3261, RFC 8197, RFC 8688), for people who read traces.
        delivered: the message was played or left.
        retried: a campaign's retry policy counts for it.
        rerouted: the next route is tried at once, unless the phone has rung: this one failed, not the recipient.
    """

    cause: int
    delivered: bool
    retried: bool
    rerouted: bool


#: 486 and 603 are answers of the recipient: another route would ring the same phone.
MEANINGS: dict[Outcome, Meaning] = {
    Outcome.ANSWERED: Meaning(200, delivered=True, retried=False, rerouted=False),
    Outcome.VOICEMAIL: Meaning(200, delivered=True, retried=False, rerouted=False),
    Outcome.BUSY: Meaning(486, delivered=False, retried=True, rerouted=False),
    Outcome.DECLINED: Meaning(603, delivered=False, retried=False, rerouted=False),
    Outcome.NO_ANSWER: Meaning(487, delivered=False, retried=True, rerouted=False),
    Outcome.UNREACHABLE: Meaning(480, delivered=False, retried=False, rerouted=False),
    Outcome.INVALID_NUMBER: Meaning(404, delivered=False, retried=False, rerouted=False),
    Outcome.CONGESTION: Meaning(503, delivered=False, retried=False, rerouted=True),
    Outcome.BLOCKED: Meaning(608, delivered=False, retried=False, rerouted=False),
    Outcome.OPTED_OUT: Meaning(607, delivered=False, retried=False, rerouted=False),
    Outcome.OUTSIDE_HOURS: Meaning(403, delivered=False, retried=False, rerouted=False),
    Outcome.MAILBOX_FULL: Meaning(480, delivered=False, retried=False, rerouted=False),
    Outcome.TAKEN_BY_PERSON: Meaning(200, delivered=False, retried=False, rerouted=False),
    Outcome.LOST: Meaning(500, delivered=False, retried=False, rerouted=False),
}


class Answerer(StrEnum):
    """Who took a call."""

    PERSON = "person"
    MACHINE = "machine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trace:
    """Something of an attempt that is worth showing to people.

    Args:
        what: a word, such as ``early_media``, ``machine``, ``beep``, ``rtp``.
        detail: its particulars, in plain words or ``name=value`` pairs.
    """

    at: datetime
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a carrier says of an attempt's end.

    Args:
        outcome: how it ended.
        ended_at: when.
        ringing_at: when the phone began to ring; ``None`` where it did not.
        answered_at: when it was answered; ``None`` where it was not. Early media is no answer.
        answerer: who answered.
        keys: the keys that were pressed, in order.
        cause: the SIP response code where the carrier gave one, else that of the outcome counts.
        trace: what else happened, in its order.
        recorded: what the far end said first, A-law, where that is kept for proof. It goes nowhere but into the store.
    """

    outcome: Outcome
    ended_at: datetime
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    answerer: Answerer = Answerer.UNKNOWN
    keys: str = ""
    cause: int | None = None
    trace: tuple[Trace, ...] = ()
    recorded: bytes = field(default=b"", repr=False)

    @property
    def duration_s(self) -> int:
        """Whole seconds that the call lasted from its answer on, a part of a second counted as one.

        0 for one whose end nobody knows: it is filed when it is missed, hours later perhaps.
        """
        if self.answered_at is None or self.outcome is Outcome.LOST:
            return 0
        return max(-((self.answered_at - self.ended_at) // timedelta(seconds=1)), 0)

    def cut(self, longest_s: int) -> Report:
        """End no later than what was paid for: the message's last frames and the BYE are in nobody's time.

        Args:
            longest_s: seconds from the answer on.
        """
        if self.answered_at is None:
            return self
        return replace(self, ended_at=min(self.ended_at, self.answered_at + timedelta(seconds=longest_s)))


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is tried again when the line is busy or nobody answers.

    Args:
        most: new attempts at most; 0 for none.
        spacing_s: seconds from the end of one attempt to the next.
    """

    most: int = 0
    spacing_s: int = 300


@dataclass(frozen=True, slots=True)
class Next:
    """What follows an attempt's end.

    Args:
        event: SUCCEED, FAIL, LOSE, RETRY or REROUTE.
        at: when the next attempt is due, where there is one.
    """

    event: CallEvent
    at: datetime | None = None


def after(report: Report, retries: Retries, retried: int, routes_left: int) -> Next:
    """Tell what follows an attempt's end.

    Args:
        report: what the carrier says of it.
        retries: the campaign's policy.
        retried: how many retries the call has had.
        routes_left: how many routes it was not tried on yet in this try.
    """
    meaning = MEANINGS[report.outcome]
    if report.outcome is Outcome.LOST:
        return Next(CallEvent.LOSE)
    if meaning.delivered:
        return Next(CallEvent.SUCCEED)
    has_rung = report.ringing_at is not None or report.answered_at is not None
    if meaning.rerouted and not has_rung and routes_left > 0:  # else the phone would ring twice
        return Next(CallEvent.REROUTE, report.ended_at)
    if meaning.retried and retried < retries.most:
        return Next(CallEvent.RETRY, report.ended_at + timedelta(seconds=retries.spacing_s))
    return Next(CallEvent.FAIL)


@dataclass(frozen=True, slots=True)
class Billing:
    """What is charged where it is not plain.

    Args:
        unanswered: a call that nobody answered costs as one answered for no time: its connection fee and minimum.
        uncertain: a call whose end is not known costs its whole hold; else nothing.
    """

    unanswered: bool = False
    uncertain: bool = False
