"""What a service does again and again, once for all of its processes."""

from __future__ import annotations

import structlog

from portevoix.bootstrap.house import Opened
from portevoix.metrics import Metrics
from portevoix.service import proof
from portevoix.settings import Settings
from portevoix.worker.chores import Duty

#: How often what is old is looked for.
SWEEP_S = 15

#: How often a high velocity is looked for.
ALARM_S = 5

log = structlog.get_logger(__name__)


def duties_of(opened: Opened, settings: Settings, metrics: Metrics) -> list[Duty]:
    """List the chores: taking lapsed credit, alarms, forgetting what is old.

    Args:
        metrics: told of alarms.
    """
    house = opened.house

    async def erase_recorded() -> None:
        if erased := await proof.erase_old(house, settings.record_keep_days):
            log.info("recorded_calls_erased", calls=erased, keep_days=settings.record_keep_days)

    async def watch_velocity() -> None:
        found = await house.trunks.alarms(settings.alarm_calls)
        for account, calls in found:
            log.warning("velocity_high", account=account, calls=calls)
        metrics.alarmed(len(found))

    return [
        Duty("answers", SWEEP_S, opened.answers.forget),
        Duty("call-recordings", SWEEP_S, erase_recorded),
        Duty("drafts", SWEEP_S, house.drafts.sweep),
        Duty("lapsed-credit", SWEEP_S, house.ledger.expire_due),
        Duty("limits", SWEEP_S, opened.limits.forget),
        Duty("recordings", SWEEP_S, opened.recordings.sweep),
        Duty("requests", SWEEP_S, house.exchanges.sweep),
        Duty("sessions", SWEEP_S, house.sessions.sweep),
        Duty("tariff-drafts", SWEEP_S, house.tariffs.forget_drafts),
        Duty("usage", SWEEP_S, house.trunks.forget),
        Duty("velocity", ALARM_S, watch_velocity),
    ]
