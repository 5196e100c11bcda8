"""Settlement: from filed reports to money, states and notices, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from portevoix.domain.dialling import Conclusion, Filed, Finished, conclude
from portevoix.domain.ids import Mode
from portevoix.domain.ledger import Resolve
from portevoix.domain.mail import EmailAddress, deposit_mail
from portevoix.domain.notice import NewMail
from portevoix.domain.telling import events_of, finished_event, finished_webhook, webhooks_of
from portevoix.ports import House
from portevoix.service.routing import hear, usable_routes


async def settle(house: House, calls: Sequence[int]) -> Sequence[Conclusion]:
    """Act on the filed reports of calls: settle, release, move on, and tell; each report once.

    Args:
        calls: those whose reports nobody has acted on yet are taken; others are left alone.
    """
    async with house.unit_of_work() as together:
        filed = await together.calls.lock_filed(calls)
        if not filed:
            return []
        concluded = [await _conclude(together, one) for one in filed]
        over = [one for one in concluded if one.is_over]
        await together.ledger.resolve_all(
            [Resolve(one.filed.hold_id, one.cost_micros or 0) for one in over if one.filed.hold_id is not None]
        )
        campaigns = await together.calls.conclude(concluded)
        finished = await together.calls.finished(campaigns) if campaigns else []
        await tell(together, over, finished)
    await hear(house, filed)
    return concluded


async def _conclude(house: House, filed: Filed) -> Conclusion:
    tariff = await house.tariffs.tariff(filed.own_revision, filed.default_revision)
    rate = tariff.rate_for(filed.product, filed.number.digits)
    assert rate is not None, "it was priced by this tariff"
    return conclude(filed, rate, house.policy.billing, await usable_routes(house, filed))


async def tell(together: House, over: Sequence[Conclusion], finished: Sequence[Finished]) -> None:
    """Tell of calls and campaigns that are over, in the transaction that ends them."""
    events = [event for one in over for event in events_of(one)] + [finished_event(one) for one in finished]
    webhooks = [webhook for one in over for webhook in webhooks_of(one, together.entropy)]
    webhooks += [webhook for one in finished for webhook in finished_webhook(one, together.entropy)]
    mails = [_mail(one) for one in finished if one.email is not None]
    await together.notices.tell(events, webhooks, mails)


def _mail(finished: Finished) -> NewMail:
    assert finished.email is not None, "told to those who asked for it"
    mail = deposit_mail(
        EmailAddress(finished.email),
        campaign_id=finished.campaign,
        recording_name=finished.recording or "",
        delivered=finished.delivered,
        total=finished.total,
        cost_micros=finished.settled_micros,
        began_at=finished.created_at,
        ended_at=finished.finished_at,
    )
    return NewMail(
        finished.account_id, finished.id, finished.email, mail.subject, mail.text, kept=finished.mode is Mode.SANDBOX
    )
