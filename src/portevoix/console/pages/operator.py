"""For the operator: all accounts, and new ones."""

from __future__ import annotations

import re

from portevoix.console.page import Needs, Page, Visit
from portevoix.console.texts import N_
from portevoix.domain.account import parse_name
from portevoix.domain.errors import AlreadyExists, DomainError, InvalidValue, NotFound
from portevoix.domain.ids import parse_public_id
from portevoix.domain.money import parse_euros
from portevoix.domain.notice import parse_place
from portevoix.service import accounts
from portevoix.web.answer import Answer

PLACE = "/operator"
MOST_ACCOUNTS = 50


class AccountOpened(DomainError):
    """The form was sent twice: its account is there."""

    code = "account_opened"


#: In English a thousand, or thousands; in French a sum with three decimals.
_AMBIGUOUS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


def euros_of(text: str) -> int:
    """Read a sum as people write it: with a comma or a point, with blanks between the digits. Raises InvalidValue."""
    written = "".join(text.split())
    if _AMBIGUOUS.fullmatch(written):
        raise InvalidValue(
            N_("This sum can be read in two ways. Write thousands without a comma (1000), decimals with a point (1.5).")
        )
    try:
        return parse_euros(written.replace(",", "."))
    except InvalidValue:
        raise InvalidValue(N_("Write a sum in euros with at most six decimals, such as 19 or 0.05.")) from None


async def _list(visit: Visit) -> Answer:
    wanted = visit.query.get("q", "").strip()[:100]
    before = parse_place(visit.query.get("before", ""))
    found = await visit.house.accounts.search(wanted, before, MOST_ACCOUNTS + 1)
    shown = {
        "accounts": found[:MOST_ACCOUNTS],
        "wanted": wanted,
        "is_first": before is None,
        "older": found[MOST_ACCOUNTS - 1].id if len(found) > MOST_ACCOUNTS else None,
    }
    return visit.show("operator_accounts.html", shown)


async def _form(visit: Visit) -> Answer:
    typed = {"name": "", "parent": visit.query.get("parent", "")[:40], "credit": "", "sandbox": "100"}
    return visit.show("operator_open.html", {"typed": typed, "new": accounts.new_account_id(visit.house)})


async def _open(visit: Visit) -> Answer:
    typed = {name: visit.field(name) for name in ("name", "parent", "credit", "sandbox")}
    try:
        opened = await _opened(visit)
    except (AccountOpened, NotFound):
        raise
    except DomainError as error:
        return visit.refuse("operator_open.html", error, {"typed": typed, "new": visit.path["account"]})
    return visit.show("operator_opened.html", {"opened": opened, "name": typed["name"]})


async def _opened(visit: Visit) -> accounts.OpenedAccount:
    """Open the account whose id the form's address bears, once."""
    new = _new_id(visit)
    parent = visit.field("parent").strip()
    credit = [euros_of(visit.field(name)) if visit.field(name).strip() else 0 for name in ("credit", "sandbox")]
    if min(credit) < 0:
        raise InvalidValue(N_("A new account does not begin with a debt."))
    try:
        return await accounts.open_account(
            visit.house,
            _name(visit),
            account=new,
            parent=parent or None,
            credit_micros=credit[0],
            sandbox_micros=credit[1],
        )
    except AlreadyExists:
        raise AccountOpened("the account is open already") from None
    except NotFound:
        raise InvalidValue(N_("There is no such parent account.")) from None


def _new_id(visit: Visit) -> str:
    """Read the id of the account that is to be opened, which the form's address bears. Raises NotFound."""
    try:
        return parse_public_id(visit.path["account"], "acct")
    except InvalidValue:
        raise NotFound("there is nothing at this address") from None


def _name(visit: Visit) -> str:
    try:
        return parse_name(visit.field("name"))
    except InvalidValue:
        raise InvalidValue(N_("An account has a name of at most 100 characters.")) from None


PAGES = (
    Page("GET", PLACE, Needs.OPERATOR, _list),
    Page("GET", f"{PLACE}/open", Needs.OPERATOR, _form),
    Page("POST", f"{PLACE}/open/{{account}}", Needs.OPERATOR, _open, "open-account"),
)
