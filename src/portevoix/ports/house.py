"""The house: everything that a use case may reach."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from portevoix.domain.call import Billing
from portevoix.domain.safety import Safety
from portevoix.ports.archive import Archive
from portevoix.ports.chores import Chores
from portevoix.ports.clock import Clock
from portevoix.ports.credit import Accounts, Keys, Ledger, Tariffs
from portevoix.ports.exchanges import Exchanges
from portevoix.ports.nodes import Nodes
from portevoix.ports.notices import Answers, Notices, Signals
from portevoix.ports.people import Deeds, Drafts, People, Sessions
from portevoix.ports.restoring import Restoring
from portevoix.ports.sending import Calls, Campaigns, Sandboxes
from portevoix.ports.studio import Recordings, Speech, Uploads, Waves
from portevoix.ports.trunks import Trunks


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator has set for sending.

    Args:
        billing: what is charged where it is not plain.
        routes: how many simulated routes a call may be tried on; a live account's are the operator's.
        most_recipients: of one campaign, through v2.
        per_second: calls that an account may begin a second, for the finish time that a quote tells.
        safety: what trunks may do.
    """

    billing: Billing
    routes: int
    most_recipients: int
    per_second: int
    safety: Safety = field(default_factory=Safety)


@dataclass(frozen=True, slots=True)
class House:
    """Everything that a use case may reach.

    Args:
        entropy: gives so many random bytes, fit for secrets.
        pepper: a secret without which the digests of API keys cannot be made.
        unit_of_work: a house whose changes take effect together, or not at all.
    """

    clock: Clock
    entropy: Callable[[int], bytes]
    pepper: bytes
    accounts: Accounts
    keys: Keys
    ledger: Ledger
    tariffs: Tariffs
    recordings: Recordings
    uploads: Uploads
    speech: Speech
    waves: Waves
    campaigns: Campaigns
    calls: Calls
    notices: Notices
    answers: Answers
    sandboxes: Sandboxes
    trunks: Trunks
    people: People
    sessions: Sessions
    deeds: Deeds
    drafts: Drafts
    exchanges: Exchanges
    nodes: Nodes
    archive: Archive
    restoring: Restoring
    chores: Chores
    signals: Signals
    policy: Policy
    unit_of_work: Callable[[], AbstractAsyncContextManager[House]]
