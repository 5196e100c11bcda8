"""For the operator: who may use the console."""

from __future__ import annotations

from portevoix.console.page import Needs, Page, Visit
from portevoix.console.rendering import PREFIX
from portevoix.console.texts import N_
from portevoix.domain.errors import AlreadyExists, DomainError, InvalidValue, NotFound
from portevoix.domain.ids import parse_public_id
from portevoix.domain.person import Person, Role
from portevoix.service import people
from portevoix.web.answer import Answer

PLACE = "/operator/people"


class PersonExists(DomainError):
    """Somebody has that address already."""

    code = "person_exists"


async def _list(visit: Visit) -> Answer:
    return visit.show("operator_people.html", await _shown(visit))


async def _shown(visit: Visit) -> dict[str, object]:
    everybody = await visit.house.people.list()
    typed = {name: visit.field(name) for name in ("email", "role", "account")}
    typed["account"] = typed["account"] or visit.query.get("account", "")[:40]
    new = visit.path.get("person") or people.new_person_id(visit.house)
    return {"everybody": everybody, "roles": list(Role), "typed": typed, "new": new}


async def _add(visit: Visit) -> Answer:
    try:
        parse_public_id(visit.path["person"], "user")
    except InvalidValue:
        raise NotFound("there is nothing at this address") from None
    try:
        person, token = await _added(visit)
    except DomainError as error:
        return visit.refuse("operator_people.html", error, await _shown(visit))
    return _link(visit, person, token)


async def _added(visit: Visit) -> tuple[Person, str]:
    account = visit.field("account").strip() or None
    try:
        role = Role(visit.field("role"))
    except ValueError:
        raise InvalidValue(N_("There is no such role.")) from None
    if (role is Role.OPERATOR) != (account is None):
        raise InvalidValue(N_("An operator has no account, and everybody else has one."))
    try:
        return await people.add_person(visit.house, visit.field("email"), role, account, visit.path["person"])
    except AlreadyExists:
        raise PersonExists("somebody has the address already") from None
    except NotFound:
        raise InvalidValue(N_("There is no such account.")) from None


async def _invite(visit: Visit) -> Answer:
    person = await visit.house.people.find(visit.path["person"])
    return _link(visit, person, await people.invite(visit.house, person))


async def _disable(visit: Visit) -> Answer:
    person = await _other(visit)
    await visit.house.people.set_disabled(person.id, is_disabled=True)
    return _back(visit, person)


async def _enable(visit: Visit) -> Answer:
    person = await _other(visit)
    await visit.house.people.set_disabled(person.id, is_disabled=False)
    return _back(visit, person)


async def _reset_codes(visit: Visit) -> Answer:
    person = await _other(visit)
    await people.reset_codes(visit.house, person)
    return _back(visit, person)


async def _role(visit: Visit) -> Answer:
    person = await _other(visit)
    if visit.field("role") not in (Role.MANAGER, Role.VIEWER):
        raise InvalidValue(N_("There is no such role."))
    await visit.house.people.set_role(person.id, Role(visit.field("role")))
    return _back(visit, person)


async def _other(visit: Visit) -> Person:
    """Find whom the path names. Raises NotFound, and InvalidValue for oneself."""
    person = await visit.house.people.find(visit.path["person"])
    if person.id == visit.person.id:
        raise InvalidValue(N_("Nobody shuts themselves out: ask another operator."))
    return person


def _link(visit: Visit, person: Person, token: str) -> Answer:
    """Show a link, this once: it is kept nowhere."""
    link = f"{visit.base_url}{PREFIX}/welcome/{token}"
    return visit.show("operator_link.html", {"link": link, "somebody": person})


def _back(visit: Visit, person: Person) -> Answer:
    return visit.go(PLACE if person.account is None else f"/operator/accounts/{person.account}/live", "saved")


PAGES = (
    Page("GET", PLACE, Needs.OPERATOR, _list),
    Page("POST", f"{PLACE}/{{person}}", Needs.OPERATOR, _add, "add-person"),
    Page("POST", f"{PLACE}/{{person}}/invite", Needs.OPERATOR, _invite, "invite-person"),
    Page("POST", f"{PLACE}/{{person}}/disable", Needs.OPERATOR, _disable, "disable-person"),
    Page("POST", f"{PLACE}/{{person}}/enable", Needs.OPERATOR, _enable, "enable-person"),
    Page("POST", f"{PLACE}/{{person}}/reset-codes", Needs.OPERATOR, _reset_codes, "reset-codes"),
    Page("POST", f"{PLACE}/{{person}}/role", Needs.OPERATOR, _role, "change-role"),
)
