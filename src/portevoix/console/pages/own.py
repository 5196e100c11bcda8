"""What a person sets for itself: language, password, one-time codes."""

from __future__ import annotations

import segno
from markupsafe import Markup

from portevoix.console import cookies
from portevoix.console.page import Needs, Page, Visit
from portevoix.domain.errors import InvalidValue
from portevoix.domain.person import CodeRefused, Language, PasswordRefused, SignInRefused
from portevoix.service import people
from portevoix.web.answer import Answer

PLACE = "/me"


async def _form(visit: Visit) -> Answer:
    return visit.show("own.html", _shown(visit))


async def _language(visit: Visit) -> Answer:
    try:
        language = Language(visit.field("language"))
    except ValueError:
        raise InvalidValue("there is no such language") from None
    await visit.house.people.set_language(visit.person.id, language)
    return visit.go(PLACE, "saved")


async def _password(visit: Visit) -> Answer:
    try:
        signed_in = await people.change_password(
            visit.house, visit.person, visit.field("password"), visit.field("new_password")
        )
    except (SignInRefused, PasswordRefused) as error:
        return visit.refuse("own.html", error, _shown(visit))
    return visit.go(PLACE, "password-changed", headers=(cookies.keep(signed_in.token),))


async def _codes(visit: Visit) -> Answer:
    is_on = visit.person.is_totp_on
    change = people.ask_for_none if is_on else people.ask_for_codes
    try:
        await change(visit.house, visit.person, visit.field("code"))
    except CodeRefused as error:
        return visit.refuse("own.html", error, _shown(visit))
    return visit.go(PLACE, "codes-off" if is_on else "codes-on")


def _shown(visit: Visit) -> dict[str, object]:
    person = visit.person
    if person.is_totp_on:
        return {"qr": None, "secret": None}
    generation = person.totp_generation + 1
    drawn = segno.make(people.totp_address(visit.house, person, generation), error="m", micro=False)
    svg = drawn.svg_inline(scale=4, border=2, dark="#000", light=None, svgclass="qr", lineclass=None)
    return {"qr": Markup(svg), "secret": people.totp_secret(visit.house, person, generation)}  # noqa: S704 - segno's own


PAGES = (
    Page("GET", PLACE, Needs.PERSON, _form),
    Page("POST", f"{PLACE}/language", Needs.PERSON, _language, "choose-language"),
    Page("POST", f"{PLACE}/password", Needs.PERSON, _password, "change-password"),
    Page("POST", f"{PLACE}/codes", Needs.PERSON, _codes, "change-codes"),
)
