"""The sandbox: what its phones have received, and how far its clock may be moved on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from portevoix.domain.account import Access
from portevoix.domain.call import Answerer, Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.errors import DomainError, InvalidValue
from portevoix.domain.ids import Mode

#: What a sandbox begins with.
CREDIT_MICROS = 100_000_000

#: How far its clock may be moved on at once.
FARTHEST = timedelta(days=366)

#: How far it may be ahead of ours at most.
FARTHEST_AHEAD = timedelta(days=3_660)


class SandboxOnly(DomainError):
    """Only a key of the sandbox may do this."""

    code = "sandbox_only"


@dataclass(frozen=True, slots=True)
class Received:
    """What a simulated phone received with one attempt.

    Args:
        id: names it in the inbox.
        number: the phone's, in E.164 without the plus.
        text: what was said, where it was a text.
        recording: the name of the recording that was played, where it was one.
        samples: of the whole message.
        keys: what was pressed.
    """

    id: int
    campaign: str
    position: int
    attempt: int
    number: str
    kind: Kind
    text: str | None
    recording: str | None
    samples: int
    route: str
    dialed_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    answerer: Answerer | None
    keys: str

    @property
    def heard_samples(self) -> int:
        """How much of the message was played to whoever answered, at 8,000 samples a second."""
        if self.answered_at is None or self.ended_at is None or self.outcome is Outcome.TAKEN_BY_PERSON:
            return 0
        return min((self.ended_at - self.answered_at) // timedelta(microseconds=125), self.samples)

    @property
    def is_voicemail(self) -> bool:
        """Whether the message landed on voicemail."""
        return self.outcome is Outcome.VOICEMAIL


def must_be_sandbox(access: Access) -> None:
    """Refuse a live key. Raises SandboxOnly."""
    if access.mode is not Mode.SANDBOX:
        raise SandboxOnly("only a test key (pv_test_…) may do this")


def parse_step(seconds: int, ahead_s: int) -> int:
    """Check by how many seconds the clock is to be moved on that is so many ahead of ours. Raises InvalidValue."""
    if not 0 < seconds <= FARTHEST // timedelta(seconds=1):
        raise InvalidValue("the clock is moved on by 1 second to 366 days at once")
    if ahead_s + seconds > FARTHEST_AHEAD // timedelta(seconds=1):
        raise InvalidValue("the clock goes no further than ten years ahead; a reset sets it right")
    return seconds
