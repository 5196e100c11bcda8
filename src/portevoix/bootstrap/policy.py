"""What the operator has set for sending."""

from __future__ import annotations

from portevoix.domain.call import Billing
from portevoix.domain.safety import Safety
from portevoix.ports import Policy
from portevoix.settings import Settings

#: Two simulated routes, so that failing over from one to the other can be tried.
ROUTES = ("simulator", "simulator-2")

#: How sending is set where nobody has set it.
POLICY = Policy(Billing(), routes=len(ROUTES), most_recipients=100_000, per_second=25)


def policy_of(settings: Settings) -> Policy:
    """Read what the operator has set for sending out of the settings."""
    return Policy(
        billing=Billing(unanswered=settings.bill_unanswered, uncertain=settings.bill_uncertain),
        routes=len(ROUTES),
        most_recipients=settings.most_recipients,
        per_second=min(settings.account_calls_per_second, settings.calls_per_second),
        safety=Safety(
            countries=settings.countries_allowed,
            fiction=settings.trunk_fiction,
            account=settings.account_cap,
            prefixes=dict(settings.prefix_caps),
            alarm_calls=settings.alarm_calls,
        ),
    )
