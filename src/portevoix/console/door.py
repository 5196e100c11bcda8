"""What every request to the console passes through: who it is, what it may, where a form comes from."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import parse_qsl, quote

import structlog
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from portevoix.console import cookies, rendering, words
from portevoix.console.page import Needs, Page, Reply, Seen, Visit, header
from portevoix.console.texts import chosen, texts_in
from portevoix.console.typed import read_typed
from portevoix.domain import account
from portevoix.domain.errors import (
    AccountBlocked,
    AccountDisabled,
    Defect,
    DomainError,
    InvalidValue,
    NotFound,
    RateLimited,
    Unavailable,
)
from portevoix.domain.ids import AccountRef, Mode, parse_public_id
from portevoix.domain.limit import Limit
from portevoix.domain.person import InvitationInvalid, Role, RoleRefused, Session, SignedOut
from portevoix.ports import House, Limits
from portevoix.service.people import find_invited, find_session, form_guard
from portevoix.web.address import limited_as
from portevoix.web.answer import Answer, Stream
from portevoix.web.body import BodyTooLarge, Incoming
from portevoix.web.ranges import RangeOutside
from portevoix.web.trace import trace_of

log = structlog.get_logger("portevoix.console")

#: Forms that somebody who is not signed in may send, from one address: sign-ins above all.
STRANGERS = Limit(10, 60)

#: Passwords and one-time codes that may be tried for one person, from wherever: a code has a million values.
GUESSES = Limit(30, 3600)
GUESSED = frozenset({"sign-in", "change-password", "change-codes"})

GUARD = "guard"
"""The field by which a form shows that it is ours."""


class FormExpired(DomainError):
    """A form that was not made by us for this session."""

    code = "form_expired"


STATUSES: dict[type[DomainError], int] = {
    NotFound: 404,
    RoleRefused: 403,
    AccountDisabled: 403,
    AccountBlocked: 403,
    FormExpired: 403,
    RateLimited: 429,
    Defect: 500,
    Unavailable: 503,
    BodyTooLarge: 413,
}


@dataclass(frozen=True, slots=True)
class Door:
    """Answers requests to one page.

    Args:
        limits: counts the forms of strangers, and what is counted for the API too.
        allowed: requests an account may make, by the limit's name; ``None`` lifts it.
    """

    page: Page
    house: House
    limits: Limits
    allowed: Mapping[str, Limit | None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as an ASGI application."""
        trace_of(scope).route = rendering.PREFIX + self.page.path
        visit, incoming = self._stranger(scope), Incoming(receive)
        try:
            _check_address(visit)
            visit = await self._known(visit)
            visit = await self._placed(visit)
            await self._count(visit)
            async with read_typed(scope, incoming, self.page, self.house) as form:
                visit = replace(visit, form=form)
                reply = await self._answer(visit)
        except SignedOut:
            reply = _to_sign_in(visit)
        except RangeOutside as error:
            reply = Answer(416, b"", rendering.HTML, (*error.headers, *visit.headers))
        except DomainError as error:
            reply = refused(visit, error)
            if self.page.method == "POST":
                await incoming.discard()
        except ClientDisconnect:
            raise  # nobody is left to answer
        except Exception:
            log.exception("page_failed", route=trace_of(scope).route)
            reply = refused(visit, Defect("something went wrong on our side"))
        await (reply.send(scope, incoming, send) if isinstance(reply, Stream) else reply.send(scope, send))

    def _stranger(self, scope: Scope) -> Visit:
        texts = texts_in(chosen(None, header(scope, b"accept-language")))
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        return Visit(scope, self.house, texts, scope.get("path_params", {}), query, FormData(), None, None)

    async def _known(self, visit: Visit) -> Visit:
        """Find out who it is; a token that is replaced goes with whatever the answer is. Raises SignedOut."""
        try:
            session, fresh = await find_session(self.house, cookies.token_of(visit.scope))
        except SignedOut:
            if self.page.needs is Needs.NOBODY:
                return visit
            raise
        texts = texts_in(chosen(session.person.language, header(visit.scope, b"accept-language")))
        return replace(visit, session=session, texts=texts, headers=(cookies.keep(fresh),) if fresh else ())

    async def _placed(self, visit: Visit) -> Visit:
        """Find which account the page is of, and whether whoever asks may open it.

        Raises:
            NotFound, RoleRefused, AccountDisabled, AccountBlocked.
        """
        needs, session = self.page.needs, visit.session
        if session is None:
            return visit
        if needs is Needs.OPERATOR and session.person.role is not Role.OPERATOR:
            raise NotFound("there is nothing at this address")
        if self.page.is_of_account:
            visit = replace(visit, seen=await self._seen(session, visit.path))
        if needs is Needs.MANAGER:
            _admit(visit)
        return visit

    async def _seen(self, session: Session, path: Mapping[str, str]) -> Seen:
        """Find the account that a path names. Raises NotFound: for another's as for none."""
        try:
            ref = AccountRef(parse_public_id(path["account"], "acct"), Mode(path["mode"]))
        except ValueError:
            raise NotFound("there is no such account") from None
        except InvalidValue:
            raise NotFound("there is no such account") from None
        if not session.person.may_see(ref.public_id):
            raise NotFound("there is no such account")
        found = await self.house.accounts.find(ref)
        access = await self.house.accounts.access(ref, session.person.scopes)
        return Seen(ref, found.name, access, found.low_balance_micros)

    async def _count(self, visit: Visit) -> None:
        """Count a request against a limit of the API. Raises RateLimited."""
        limit = self.allowed[self.page.counts] if self.page.counts else None
        if limit is None:
            return
        caller = f"{self.page.counts}:{visit.access.account_id}"
        if not (await self.limits.count(caller, limit)).admitted:
            raise RateLimited("too many requests")

    async def _answer(self, visit: Visit) -> Reply:
        if self.page.method != "POST":
            return await self.page.run(visit)
        await self._check_form(visit)
        await self._count_guess(visit)
        deed = await self.house.deeds.begin(
            visit.session.person.email.text if visit.session else await self._stranger_of(visit),
            visit.session.person.id if visit.session else None,
            _done_to(visit),
            self.page.does,
            " ".join(value for name, value in visit.path.items() if name not in ("account", "mode", "token")),
            visit.address,
        )
        outcome = "error"
        try:
            reply = await self.page.run(visit)
            outcome = "done" if reply.status < 400 else "refused"
        except DomainError as error:
            outcome = error.code
            raise
        finally:
            await self.house.deeds.end(deed, outcome)
        return reply

    async def _stranger_of(self, visit: Visit) -> str:
        """Tell whose address somebody who is not signed in comes with: the link's own, where there is one."""
        if "token" not in visit.path:
            return visit.field("email")[:254]
        try:
            return (await find_invited(self.house, visit.path["token"])).email.text
        except InvitationInvalid:
            return ""

    async def _check_form(self, visit: Visit) -> None:
        """See that a form is ours. Raises FormExpired, RateLimited."""
        if not _is_from_here(visit.scope):
            raise FormExpired("the form comes from elsewhere")
        if self.page.needs is Needs.NOBODY:
            caller = f"console:{limited_as(trace_of(visit.scope).address)}"
            if not (await self.limits.count(caller, STRANGERS)).admitted:
                raise RateLimited("too many attempts")
        elif visit.session is None or not hmac.compare_digest(
            form_guard(self.house, visit.session).encode(), visit.field(GUARD).encode()
        ):
            raise FormExpired("the form is of another session")

    async def _count_guess(self, visit: Visit) -> None:
        """Count a password or a code that is tried for somebody. Raises RateLimited."""
        if self.page.does not in GUESSED:
            return
        typed = visit.field("email") if self.page.does == "sign-in" else visit.person.email.text
        whose = sha256(typed.strip().lower().encode()).hexdigest()
        if not (await self.limits.count(f"console:guess:{whose}", GUESSES)).admitted:
            raise RateLimited("too many attempts")


def _check_address(visit: Visit) -> None:
    """See that an address has no NUL, which PostgreSQL keeps in no text. Raises NotFound."""
    if any("\0" in part for part in (visit.scope["path"], *visit.query, *visit.query.values())):
        raise NotFound("there is nothing at this address")


def _done_to(visit: Visit) -> AccountRef | None:
    """Tell which account something is done to: the page's own, or the one that an operator's page names."""
    if visit.seen is not None:
        return visit.seen.ref
    try:
        return AccountRef(parse_public_id(visit.path["account"], "acct"), Mode(visit.path.get("mode", Mode.LIVE)))
    except (KeyError, ValueError, InvalidValue):
        return None


def refused(visit: Visit, error: DomainError) -> Answer:
    """Show a refusal as a page."""
    status = next((STATUSES[kind] for kind in type(error).mro() if kind in STATUSES), 422)
    return visit.show("refused.html", {"code": status, "refusal": words.refusal(visit.texts, error)}, status)


def _admit(visit: Visit) -> None:
    """Let a person change an account; of one that is switched off, the operator alone changes something.

    Raises:
        RoleRefused, AccountDisabled, AccountBlocked.
    """
    role = visit.person.role
    if role is Role.VIEWER:
        raise RoleRefused("a viewer changes nothing")
    if role is not Role.OPERATOR:
        account.admit(visit.access, account.Scope.MANAGE, trace_of(visit.scope).address)


def _to_sign_in(visit: Visit) -> Answer:
    """Lead to the sign-in, and back from there to a page that was only to be read."""
    if visit.scope["method"] == "POST":
        return visit.go("/sign-in")
    path = visit.scope["path"]
    return visit.go(f"/sign-in?next={quote(path)}" if path != rendering.PREFIX else "/sign-in")


def _is_from_here(scope: Scope) -> bool:
    """Tell whether a form was sent by a page of ours, as the browser tells (Fetch Metadata; RFC 6454, 7)."""
    site = header(scope, b"sec-fetch-site")
    if site:
        return site == "same-origin"
    origin = header(scope, b"origin")
    return bool(origin) and origin.partition("://")[2] == header(scope, b"host")
