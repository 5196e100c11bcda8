"""Signing in and out, and the link by which somebody comes for the first time."""

from __future__ import annotations

import re

from starlette.types import Scope

from portevoix.console import cookies
from portevoix.console.page import Needs, Page, Shown, Visit, header
from portevoix.console.rendering import PREFIX
from portevoix.domain.person import PasswordRefused, SignInRefused
from portevoix.service import people
from portevoix.web.answer import Answer

_PORT = re.compile(r":[0-9]+$")


async def _form(visit: Visit) -> Answer:
    if visit.session is not None:
        return visit.go("/")
    return visit.show("sign_in.html", _shown(visit, "", _inside(visit.query.get("next", ""))))


async def _sign_in(visit: Visit) -> Answer:
    email, after = visit.field("email"), _inside(visit.field("next"))
    try:
        signed_in = await people.sign_in(visit.house, email, visit.field("password"), visit.field("code"))
    except SignInRefused as error:
        return visit.refuse("sign_in.html", error, _shown(visit, email, after))
    return visit.go(after or "/", headers=(cookies.keep(signed_in.token),))


async def _sign_out(visit: Visit) -> Answer:
    if visit.session is not None:
        await visit.house.sessions.close(visit.session.id)
    return visit.go("/sign-in", "signed-out", headers=(cookies.drop(),))


async def _welcome(visit: Visit) -> Answer:
    person = await people.find_invited(visit.house, visit.path["token"])
    return visit.show("welcome.html", {"email": person.email.text})


async def _accept(visit: Visit) -> Answer:
    token = visit.path["token"]
    person = await people.find_invited(visit.house, token)
    try:
        signed_in = await people.accept(visit.house, token, visit.field("password"))
    except PasswordRefused as error:
        return visit.refuse("welcome.html", error, {"email": person.email.text})
    if signed_in is None:
        return visit.go("/sign-in", "password-kept")
    return visit.go("/", headers=(cookies.keep(signed_in.token),))


def _shown(visit: Visit, email: str, after: str) -> Shown:
    return {"email": email, "next": after, "is_kept": _keeps_cookies(visit.scope)}


def _keeps_cookies(scope: Scope) -> bool:
    """Tell whether a browser keeps a cookie for encrypted connections: it does over one, and from this machine."""
    if scope.get("scheme") == "https" or header(scope, b"x-forwarded-proto") == "https":
        return True
    host = _PORT.sub("", header(scope, b"host")).strip("[]").lower()
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")


def _inside(path: str) -> str:
    """Take a page of ours to go on to, and nothing else: no other host, no backslash, no header's end."""
    is_ours = path.startswith(f"{PREFIX}/") and path.isascii() and path.isprintable() and "\\" not in path
    return path if is_ours and "//" not in path else ""


PAGES = (
    Page("GET", "/sign-in", Needs.NOBODY, _form),
    Page("POST", "/sign-in", Needs.NOBODY, _sign_in, "sign-in"),
    Page("POST", "/sign-out", Needs.PERSON, _sign_out, "sign-out"),
    Page("GET", "/welcome/{token}", Needs.NOBODY, _welcome),
    Page("POST", "/welcome/{token}", Needs.NOBODY, _accept, "accept-invitation"),
)
