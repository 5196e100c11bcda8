"""A page: how one is declared, and what it gets to see of a request."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias
from urllib.parse import urlencode

from starlette.datastructures import FormData, UploadFile
from starlette.types import Scope

from portevoix.console import rendering, words
from portevoix.console.texts import N_, Texts
from portevoix.domain.account import Access
from portevoix.domain.errors import DomainError
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.person import Person, Role, Session
from portevoix.ports import House
from portevoix.service.people import form_guard
from portevoix.web.answer import Answer, Headers, Stream
from portevoix.web.trace import trace_of

Reply: TypeAlias = Answer | Stream
Shown: TypeAlias = Mapping[str, object]
"""What a template gets to see, beyond what every page shows."""


#: The pages of an account that lead to all others, below its own place.
ROOMS = (
    ("", N_("Home")),
    ("/send", N_("Send")),
    ("/campaigns", N_("Messages")),
    ("/recordings", N_("Recordings")),
    ("/ledger", N_("Ledger")),
    ("/phones", N_("Phones")),
    ("/developers", N_("Developers")),
)


BY_SCRIPT = b"x-by-script"
"""The header by which a script of ours tells that it goes on by itself."""


def header(scope: Scope, wanted: bytes) -> str:
    """Read a header; empty where there is none."""
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?", re.ASCII)
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Needs(Enum):
    """Who may open a page."""

    NOBODY = auto()
    """Anybody, signed in or not."""
    PERSON = auto()
    """Whoever is signed in."""
    VIEWER = auto()
    """Whoever may see the account that the path names."""
    MANAGER = auto()
    """Whoever may change that account."""
    OPERATOR = auto()
    """The operator."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page, or what a form of one does.

    Args:
        method: ``GET`` for what changes nothing, ``POST`` for what does.
        path: below ``/console``; one that begins with ``/{account}/{mode}`` is that account's.
        run: answers; refusals that it raises are shown as a page.
        does: what the log of deeds calls it; every ``POST`` has one.
        most_bytes: of a form, its files included; a function where that is the operator's to set.
        most_files: that a form may have.
        counts: the limit of the API, by name, that it counts against as the same work asked for with a key does.
    """

    method: str
    path: str
    needs: Needs
    run: Callable[[Visit], Awaitable[Reply]]
    does: str = ""
    most_bytes: int | Callable[[House], int] = 64 * 1_024
    most_files: int = 0
    counts: str = ""

    def __post_init__(self) -> None:
        if (self.method == "POST") != bool(self.does):
            raise ValueError("what changes something has a name, what changes nothing has none")
        if self.is_of_account != self.path.startswith("/{account}/{mode}"):
            raise ValueError("who may see an account is asked where the path names one, and there alone")

    @property
    def is_of_account(self) -> bool:
        """Whether it is one account's."""
        return self.needs in (Needs.VIEWER, Needs.MANAGER)

    def takes_bytes(self, house: House) -> int:
        """Tell how large a form may be, its files included."""
        return self.most_bytes if isinstance(self.most_bytes, int) else self.most_bytes(house)


@dataclass(frozen=True, slots=True)
class Seen:
    """The account that a page is of.

    Args:
        access: what the person may do with it.
    """

    ref: AccountRef
    name: str
    access: Access
    low_balance_micros: int | None

    @property
    def path(self) -> str:
        """Where its pages begin."""
        return f"{rendering.PREFIX}/{self.ref.public_id}/{self.ref.mode}"

    @property
    def is_sandbox(self) -> bool:
        """Whether nothing of it is real."""
        return self.ref.mode is Mode.SANDBOX

    def other(self) -> str:
        """Tell where the pages of its twin begin."""
        mode = Mode.LIVE if self.is_sandbox else Mode.SANDBOX
        return f"{rendering.PREFIX}/{self.ref.public_id}/{mode}"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and who makes it.

    Args:
        path: what the path's template names.
        query: the last of each name.
        form: what was sent; empty for what changes nothing.
        session: ``None`` where nobody is signed in.
        seen: the account that the page is of; ``None`` where it is of none.
        headers: that the answer bears whatever it is.
    """

    scope: Scope
    house: House
    texts: Texts
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: FormData
    session: Session | None
    seen: Seen | None
    headers: Headers = ()

    @property
    def person(self) -> Person:
        """Who is signed in, where the page needs somebody."""
        assert self.session is not None, "the page needs nobody"
        return self.session.person

    @property
    def account(self) -> Seen:
        """The account that the page is of, where it is of one."""
        assert self.seen is not None, "the page is of no account"
        return self.seen

    @property
    def access(self) -> Access:
        """What the person may do with the account that the page is of."""
        return self.account.access

    def field(self, name: str) -> str:
        """Read a field of the form, without what nobody typed (NUL); empty where there is none."""
        value = self.form.get(name, "")
        return value.replace("\0", "") if isinstance(value, str) else ""

    def file(self, name: str) -> UploadFile | None:
        """Find a file of the form; ``None`` where none was chosen."""
        value = self.form.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None

    def show(self, template: str, shown: Shown | None = None, status: int = 200) -> Answer:
        """Make a page."""
        headers = (*rendering.HEADERS, *self.headers)
        return Answer(status, self.write(template, shown).encode(), rendering.HTML, headers)

    def write(self, template: str, shown: Shown | None = None) -> str:
        """Write a template, a part of a page for instance."""
        return rendering.render(self.texts, template, {**self._frame(), **(shown or {})})

    def refuse(self, template: str, error: DomainError, shown: Shown | None = None) -> Answer:
        """Show a form again, with what is wrong."""
        return self.show(template, {**(shown or {}), "wrong": words.refusal(self.texts, error)}, status=422)

    def go(self, path: str, said: str = "", headers: Headers = ()) -> Answer:
        """Lead on to another page, which says what was done (RFC 9110, 15.4.4).

        A script of ours is told where to, and goes there itself: it would fetch that page once for nothing.

        Args:
            path: below ``/console``, or whole.
            said: one of ``words.SAID``.
        """
        whole = path if path.startswith(rendering.PREFIX) else rendering.PREFIX + path
        place = f"{whole}?{urlencode({'said': said})}" if said else whole
        told = (*rendering.HEADERS, *self.headers, *headers, (b"location", place.encode()))
        is_by_script = any(name == BY_SCRIPT for name, _ in self.scope["headers"])
        return Answer(204 if is_by_script else 303, b"", rendering.HTML, told)

    def _frame(self) -> Shown:
        """What every page shows."""
        return {
            "person": self.session.person if self.session else None,
            "is_operator": self.session is not None and self.session.person.role is Role.OPERATOR,
            "may_change": self.session is not None and self.session.person.role is not Role.VIEWER,
            "account": self.seen,
            "guard": form_guard(self.house, self.session) if self.session else "",
            "said": words.said(self.texts, self.query.get("said", "")),
            "wrong": None,
            "here": self.scope["path"],
            "rooms": [(path, self.texts.say(name)) for path, name in self._rooms()],
        }

    @property
    def base_url(self) -> str:
        """Where this server is reached, as the browser sees it: over TLS, but on this machine, as the cookie needs."""
        found = dict(self.scope["headers"]).get(b"host", b"").decode("latin-1")
        host = found if _HOST.fullmatch(found) else "localhost"
        is_local = host.rpartition(":")[0] in _LOCAL or host in _LOCAL
        return f"{self.scope.get('scheme', 'http') if is_local else 'https'}://{host}"

    def _rooms(self) -> list[tuple[str, str]]:
        """Tell what leads from each page of an account to the others, as far as the person may open them."""
        if self.seen is None:
            return []
        closed = {"/phones": not self.seen.is_sandbox, "/send": self.person.role is Role.VIEWER}
        return [room for room in ROOMS if not closed.get(room[0], False)]

    @property
    def address(self) -> str | None:
        """Where the request comes from."""
        address = trace_of(self.scope).address
        return None if address is None else str(address)
