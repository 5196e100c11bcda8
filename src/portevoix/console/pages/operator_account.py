"""For the operator: one account, live or sandbox, and all that is done to it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from portevoix.console.page import Needs, Page, Shown, Visit
from portevoix.console.pages.operator import euros_of
from portevoix.console.rendering import PREFIX
from portevoix.console.texts import N_
from portevoix.domain.account import State
from portevoix.domain.errors import DomainError, InvalidValue, NotFound
from portevoix.domain.ids import AccountRef, Mode, parse_public_id
from portevoix.domain.ledger import Posted
from portevoix.domain.money import format_euros
from portevoix.domain.number import Number, NumberInvalid
from portevoix.domain.safety import Cap, OwnAllowance, Safety, parse_cap, parse_countries, write_countries
from portevoix.service import accounts, credit, tariffs
from portevoix.web.answer import Answer

PLACE = "/operator/accounts/{account}/{mode}"
MOST_SUB_ACCOUNTS = 100

#: What the page's forms have, to be shown again where it would not do.
FIELDS = ("amount", "reason", "other", "direction", "number", "threshold", "cap", "countries")

#: Moves credit of an account, under an idempotency key.
_Move: TypeAlias = Callable[[AccountRef, str], Awaitable[Posted]]

#: Changes an account to what was typed.
_Change: TypeAlias = Callable[[AccountRef, str], Awaitable[None]]

_FORM_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)


async def _show(visit: Visit) -> Answer:
    return await _page(visit)


async def _page(visit: Visit, error: DomainError | None = None, form: str = "", done: Posted | None = None) -> Answer:
    """Show the account.

    Args:
        error: what is wrong with what was sent.
        form: the name of the form that was sent.
        done: what was done to the credit.
    """
    ref = _ref(visit)
    account = await visit.house.accounts.find(ref)
    typed = {name: visit.field(name) for name in FIELDS}
    subs = await visit.house.accounts.search("", None, MOST_SUB_ACCOUNTS, ref.public_id)
    shown = {
        "one": account,
        "place": f"{PREFIX}/operator/accounts/{ref.public_id}/{ref.mode}",
        "other_mode": Mode.LIVE if ref.mode is Mode.SANDBOX else Mode.SANDBOX,
        "plain": format_euros,
        "states": list(State),
        "sub_accounts": subs,
        "related": [*([account.parent] if account.parent else []), *(one.ref.public_id for one in subs)],
        "senders": await visit.house.campaigns.senders(account.id),
        "people": await visit.house.people.list(ref.public_id),
        **_allowance(visit.house.policy.safety, account.allowance),
        "tariffs": sorted({name for name, *_ in await tariffs.list_tariffs(visit.house)}),
        "form": form if error else "",
        "typed": typed,
        "key": _key_again(visit, error),
        "done": done,
    }
    if error is not None:
        return visit.refuse("operator_account.html", error, shown)
    return visit.show("operator_account.html", shown)


async def _top_up(visit: Visit) -> Answer:
    async def move(account: AccountRef, key: str) -> Posted:
        amount = _above_nought(visit)
        return await credit.top_up(visit.house, account, amount, key, reason=_reason(visit))

    return await _move(visit, "top-up", move)


async def _adjust(visit: Visit) -> Answer:
    async def move(account: AccountRef, key: str) -> Posted:
        change = euros_of(visit.field("amount"))
        if not change:
            raise InvalidValue(N_("A correction of nothing changes nothing."))
        return await credit.adjust(visit.house, account, change, key, _reason(visit))

    return await _move(visit, "adjust", move)


async def _allot(visit: Visit) -> Answer:
    async def move(account: AccountRef, key: str) -> Posted:
        other = AccountRef(visit.field("other").strip(), account.mode)
        giver, receiver = (other, account) if visit.field("direction") == "take" else (account, other)
        posted = await credit.allot(visit.house, giver, receiver, _above_nought(visit), key, visit.field("reason"))
        found = await visit.house.accounts.find(account)
        return Posted(posted.transfer_id, found.available_micros, posted.repeated)

    return await _move(visit, "allot", move)


async def _move(visit: Visit, form: str, move: _Move) -> Answer:
    """Move credit under the key that the form bears: the form that comes twice moves it once."""
    ref = _ref(visit)
    await visit.house.accounts.find(ref)
    try:
        if not _FORM_KEY.fullmatch(visit.field("key")):
            raise InvalidValue(N_("The form is incomplete. Please send it again."))
        posted = await move(ref, f"console-{form}-{visit.field('key')}")
    except NotFound:
        return await _page(visit, InvalidValue(N_("There is no such account.")), form)
    except DomainError as error:
        return await _page(visit, error, form)
    return await _page(visit, done=posted)


async def _state(visit: Visit) -> Answer:
    ref = _ref(visit)
    try:
        state = State(visit.field("state"))
    except ValueError:
        await visit.house.accounts.find(ref)
        raise InvalidValue(N_("There is no such state.")) from None
    await accounts.change_state(visit.house, ref, state)
    return _back(visit, "saved")


async def _threshold(visit: Visit) -> Answer:
    async def change(account: AccountRef, text: str) -> None:
        text = text.strip()
        await accounts.watch_balance(visit.house, account, _positive_euros(text) if text else None)

    return await _change(visit, "threshold", change)


async def _cap(visit: Visit) -> Answer:
    async def change(account: AccountRef, text: str) -> None:
        await accounts.cap_account(visit.house, account, _own_cap(text))

    return await _change(visit, "cap", change)


async def _countries(visit: Visit) -> Answer:
    async def change(account: AccountRef, text: str) -> None:
        await accounts.limit_countries(visit.house, account, _own_countries(text))

    return await _change(visit, "countries", change)


async def _change(visit: Visit, form: str, change: _Change) -> Answer:
    """Change what a form of one field, which bears its name, is for; what is wrong with that is told in the form."""
    ref = _ref(visit)
    await visit.house.accounts.find(ref)
    try:
        await change(ref, visit.field(form))
    except InvalidValue as error:
        return await _page(visit, error, form)
    return _back(visit, "saved")


async def _add_sender(visit: Visit) -> Answer:
    await visit.house.accounts.find(_ref(visit))
    try:
        number = Number.parse(visit.field("number"))
    except NumberInvalid:
        return await _page(visit, InvalidValue(N_("This is not a telephone number.")), "sender")
    await accounts.verify_sender(visit.house, _ref(visit), number)
    return _back(visit, "saved")


async def _drop_sender(visit: Visit) -> Answer:
    await visit.house.accounts.find(_ref(visit))
    await accounts.forget_sender(visit.house, _ref(visit), Number.parse(f"+{visit.field('number')}"))
    return _back(visit, "saved")


async def _tariff(visit: Visit) -> Answer:
    ref = _ref(visit)
    await tariffs.assign_tariff(visit.house, AccountRef(ref.public_id), visit.field("tariff") or None)
    return _back(visit, "saved")


def _ref(visit: Visit) -> AccountRef:
    """Read which account the path names. Raises NotFound."""
    try:
        return AccountRef(parse_public_id(visit.path["account"], "acct"), Mode(visit.path["mode"]))
    except (ValueError, InvalidValue):
        raise NotFound("there is no such account") from None


def _back(visit: Visit, said: str) -> Answer:
    return visit.go(f"/operator/accounts/{_ref(visit).public_id}/{_ref(visit).mode}", said)


def _above_nought(visit: Visit) -> int:
    return _positive_euros(visit.field("amount"))


def _positive_euros(text: str) -> int:
    micros = euros_of(text)
    if micros <= 0:
        raise InvalidValue(N_("The sum must be above 0."))
    return micros


def _own_cap(text: str) -> Cap | None:
    """Read a cap, blanks between thousands and all; nothing for the installation's. Raises InvalidValue."""
    text = "".join(text.split())
    try:
        if text and "/" not in text:
            raise InvalidValue("a cap without euros would lift those, which nobody may have meant")
        return parse_cap(text) if text else None
    except InvalidValue:
        raise InvalidValue(
            N_("Write a cap as 200/50: calls, a slash, euros. “off” in place of either lifts it.")
        ) from None


def _own_countries(text: str) -> frozenset[str] | None:
    """Read countries; nothing for the installation's. Raises InvalidValue."""
    if not text.strip():
        return None
    try:
        found = parse_countries(text)
    except InvalidValue:
        found = frozenset()
    if not found:
        raise InvalidValue(N_("Write countries by two letters each, such as fr be."))
    return found


def _allowance(safety: Safety, own: OwnAllowance) -> Shown:
    """Show what the account has of its own beside the installation's."""
    countries = own.countries or frozenset()
    return {
        "own_cap": "" if own.cap is None else str(own.cap),
        "own_countries": write_countries(countries),
        "every_cap": str(safety.account),
        "every_countries": write_countries(safety.countries),
        "not_called": write_countries(countries - safety.countries),
    }


def _reason(visit: Visit) -> str:
    if not visit.field("reason").strip():
        raise InvalidValue(N_("Write why: the account's people read it in their ledger."))
    return visit.field("reason")


def _key_again(visit: Visit, error: DomainError | None) -> str:
    """Give a form the key by which it counts once: its own again where it was refused, unless that one is used up."""
    if error is not None and error.code != "idempotency_conflict" and _FORM_KEY.fullmatch(visit.field("key")):
        return visit.field("key")
    return visit.house.entropy(16).hex()


PAGES = (
    Page("GET", PLACE, Needs.OPERATOR, _show),
    Page("POST", f"{PLACE}/top-up", Needs.OPERATOR, _top_up, "top-up"),
    Page("POST", f"{PLACE}/adjust", Needs.OPERATOR, _adjust, "adjust-credit"),
    Page("POST", f"{PLACE}/allot", Needs.OPERATOR, _allot, "allot-credit"),
    Page("POST", f"{PLACE}/state", Needs.OPERATOR, _state, "change-state"),
    Page("POST", f"{PLACE}/threshold", Needs.OPERATOR, _threshold, "change-threshold"),
    Page("POST", f"{PLACE}/cap", Needs.OPERATOR, _cap, "change-cap"),
    Page("POST", f"{PLACE}/countries", Needs.OPERATOR, _countries, "change-countries"),
    Page("POST", f"{PLACE}/senders", Needs.OPERATOR, _add_sender, "allow-number"),
    Page("POST", f"{PLACE}/senders/remove", Needs.OPERATOR, _drop_sender, "disallow-number"),
    Page("POST", f"{PLACE}/tariff", Needs.OPERATOR, _tariff, "assign-tariff"),
)
