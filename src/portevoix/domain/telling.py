"""What is told of calls and campaigns: which events, and which webhooks, with the sandbox's faults on purpose."""

from __future__ import annotations

from collections.abc import Callable

from portevoix.domain.call import MEANINGS
from portevoix.domain.campaign import Kind, call_id
from portevoix.domain.dialling import Conclusion, Finished
from portevoix.domain.ids import Mode
from portevoix.domain.magic import Trick, trick_of
from portevoix.domain.notice import NewEvent, NewWebhook
from portevoix.domain.webhook import DepositNotice, NotifyUrl, VoiceNotice

#: How long the callback of 60 is held back.
LATE_S = 60

Entropy = Callable[[int], bytes]


def events_of(over: Conclusion) -> list[NewEvent]:
    """Tell of a call that is over."""
    filed, report = over.filed, over.filed.report
    data: dict[str, object] = {
        "message": filed.campaign,
        "call": call_id(filed.campaign, filed.position),
        "number": str(filed.number),
        "state": str(over.state),
        "outcome": str(report.outcome),
        "cause": MEANINGS[report.outcome].cause,
        "duration_s": report.duration_s,
        "cost_micros": over.cost_micros,
        "attempts": filed.attempt,
        "keys": report.keys,
    }
    if filed.kind is Kind.VOICE:
        data["notification"] = {"method": "POST", "body": _voice(over, "final").body().decode()}
    return [NewEvent(filed.account_id, "call.ended", data, report.ended_at)]


def webhooks_of(over: Conclusion, entropy: Entropy) -> list[NewWebhook]:
    """Tell the notifyUrl of a voice SMS what became of a recipient."""
    filed = over.filed
    if filed.notify_url is None or filed.kind is not Kind.VOICE:
        return []
    trick = trick_of(filed.number) if filed.mode is Mode.SANDBOX else None
    if trick is Trick.NEVER:
        return []
    delay_s = LATE_S if trick is Trick.LATE else 0
    told = [_webhook(over, "final", entropy, delay_s, copies=2 if trick is Trick.TWICE else 1)]
    if trick is Trick.OUT_OF_ORDER:
        told.append(_webhook(over, "pending", entropy, 0, copies=1))
    return told


def finished_event(finished: Finished) -> NewEvent:
    """Tell of a campaign that is over."""
    data: dict[str, object] = {
        "message": finished.campaign,
        "kind": str(finished.kind),
        "state": str(finished.state),
        "recipients": finished.total,
        "delivered": finished.delivered,
        "cost_micros": finished.settled_micros,
    }
    if finished.kind is Kind.DEPOSIT:
        data["notification"] = {"method": "GET", "query": _deposit(finished).query()}
    return NewEvent(finished.account_id, "message.finished", data, finished.finished_at)


def finished_webhook(finished: Finished, entropy: Entropy) -> list[NewWebhook]:
    """Tell the notifyUrl of a deposit campaign how it ended."""
    if finished.notify_url is None or finished.kind is not Kind.DEPOSIT:
        return []
    url = _deposit(finished).url(NotifyUrl(finished.notify_url))
    query = url.partition("?")[2].encode()
    return [NewWebhook(message_id(entropy), finished.account_id, finished.id, None, "GET", url, query)]


def message_id(entropy: Entropy) -> str:
    """Make a webhook's id: every try of it bears the same."""
    return f"msg_{entropy(16).hex()}"


def _webhook(over: Conclusion, status: str, entropy: Entropy, delay_s: int, copies: int) -> NewWebhook:
    filed = over.filed
    assert filed.notify_url is not None, "there is somebody to tell"
    return NewWebhook(
        message_id(entropy),
        filed.account_id,
        filed.campaign_id,
        filed.id,
        "POST",
        filed.notify_url,
        _voice(over, status).body(),
        delay_s,
        copies,
    )


def _voice(over: Conclusion, status: str) -> VoiceNotice:
    filed, report = over.filed, over.filed.report
    final = "delivered" if over.is_delivered else "undelivered"
    return VoiceNotice(
        campaign_id=filed.campaign,
        status=status if status == "pending" else final,
        is_answered=report.answered_at is not None,
        number_with_zeros=filed.number.with_zeros,
        sent_at=filed.dialed_at,
        done_at=report.ended_at,
        duration_s=report.duration_s,
        has_recording=filed.plays_recording,
    )


def _deposit(finished: Finished) -> DepositNotice:
    return DepositNotice(finished.token, finished.campaign, finished.delivered, finished.total)
