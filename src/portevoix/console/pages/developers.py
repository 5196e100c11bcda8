"""For developers: keys, the secret that webhooks are signed with, what was asked and answered, snippets."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from portevoix.console.once import keep_once, new_once, parse_once
from portevoix.console.page import Needs, Page, Visit
from portevoix.console.snippets import SNIPPETS, snippet
from portevoix.console.texts import N_
from portevoix.domain.account import ALL_SCOPES, ApiKey, KeyTerms, Scope, parse_name, parse_networks, parse_scopes
from portevoix.domain.errors import DomainError, InvalidValue, NotFound
from portevoix.domain.exchange import KEPT, ExchangeNotFound
from portevoix.domain.notice import parse_place
from portevoix.domain.schedule import PARIS
from portevoix.domain.webhook import SecretReplaced
from portevoix.ports import House
from portevoix.service import keys, notices
from portevoix.web.answer import Answer

PLACE = "/{account}/{mode}/developers"
MOST_REQUESTS = 50

#: How long a key may stay valid beside its successor, in hours.
GRACES_H = (0, 1, 24, 168)

#: The hundred of statuses that are shown alone.
STATUSES = {"2xx": 2, "4xx": 4, "5xx": 5}

SCOPES = (
    (Scope.READ, N_("see credit, recordings and messages")),
    (Scope.SEND, N_("send and cancel messages")),
    (Scope.MANAGE, N_("change the account's settings")),
)


class NotSure(InvalidValue):
    """What cannot be undone was asked for without the word that it is wanted."""

    code = "not_sure"


class KeyReplaced(DomainError):
    """The form was sent twice: the key has its successor."""

    code = "key_replaced"


async def _show(visit: Visit) -> Answer:
    return visit.show("developers.html", await _shown(visit))


async def _shown(visit: Visit, typed: dict[str, object] | None = None) -> dict[str, object]:
    """What the page shows.

    Args:
        typed: what a form had, that is shown again.
    """
    language = visit.query.get("in", "")
    language = language if language in SNIPPETS else next(iter(SNIPPETS))
    now = visit.house.clock.now()
    generation, _ = await visit.house.notices.secret_generation(visit.access.account_id)
    return {
        "generation": generation,
        "keys": [(key, _state(key, now)) for key in await _keys(visit)],
        "scopes": [(scope, visit.texts.say(meaning)) for scope, meaning in SCOPES],
        "typed": {"name": "", "scopes": ALL_SCOPES, "allow": "", "expires": "", **(typed or {})},
        "snippet_in": language,
        "languages": [(name, called) for name, (called, _) in SNIPPETS.items()],
        "snippet": snippet(language, visit.base_url),
        "base_url": visit.base_url,
    }


async def _create(visit: Visit) -> Answer:
    chosen = [value for name, value in visit.form.multi_items() if name == "scopes" and isinstance(value, str)]
    try:
        terms = _terms(visit, chosen)
        made = await keys.create_key(visit.house, visit.account.ref, terms)
    except InvalidValue as error:
        typed = {name: visit.field(name) for name in ("name", "allow", "expires")}
        return visit.refuse("developers.html", error, await _shown(visit, {**typed, "scopes": chosen}))
    return visit.show("developers_key_made.html", {"secret": made.secret, "name": terms.name, "grace": None})


def _terms(visit: Visit, scopes: list[str]) -> KeyTerms:
    """Read what a new key is called and may do. Raises InvalidValue."""
    told = N_("A key has a name of at most 100 characters.")
    try:
        name = parse_name(visit.field("name"))
        told = N_("Choose what the key may do.")
        may = parse_scopes(",".join(scopes))
        told = N_("Write addresses or networks, such as 192.0.2.0/24 or 2001:db8::1, with commas between.")
        allowed = parse_networks(visit.field("allow"))
    except InvalidValue:
        raise InvalidValue(told) from None
    return KeyTerms(name, may, allowed, _end_of(visit.field("expires"), visit.house.clock.now()))


async def _key(visit: Visit) -> Answer:
    return visit.show("developers_key.html", await _key_shown(visit))


async def _rotate(visit: Visit) -> Answer:
    shown = await _key_shown(visit)
    grace = visit.field("grace")
    if grace not in map(str, GRACES_H):
        return visit.refuse("developers_key.html", InvalidValue("there is no such grace time"), shown)
    key = await _find(visit)
    once = parse_once(visit)

    async def keep(together: House) -> None:
        if not await keep_once(visit, together, once):
            raise KeyReplaced("the form was sent before")

    try:
        made = await keys.rotate_key(visit.house, key.id, timedelta(hours=int(grace)), keep)
    except KeyReplaced as error:
        return visit.refuse("developers_key.html", error, shown)
    return visit.show("developers_key_made.html", {"secret": made.secret, "name": key.name, "grace": int(grace)})


async def _revoke(visit: Visit) -> Answer:
    key = await _find(visit)
    if visit.field("sure") != "yes":
        return visit.refuse("developers_key.html", NotSure("tick the box"), await _key_shown(visit))
    await keys.revoke_key(visit.house, key.id)
    return visit.go(f"{visit.account.path}/developers", "key-revoked")


async def _reveal(visit: Visit) -> Answer:
    secret = await notices.webhook_secret(visit.house, visit.access)
    return visit.show("developers_secret.html", {"secret": secret.reveal(), "is_new": False})


async def _rotate_secret(visit: Visit) -> Answer:
    shown = visit.field("generation")
    if visit.field("sure") != "yes" or not (shown.isascii() and shown.isdigit() and len(shown) <= 9):
        return visit.refuse("developers.html", NotSure("tick the box"), await _shown(visit))
    try:
        secret = await notices.rotate_webhook_secret(visit.house, visit.access, int(shown))
    except SecretReplaced as error:
        secret = await notices.webhook_secret(visit.house, visit.access)
        return visit.refuse("developers_secret.html", error, {"secret": secret.reveal(), "is_new": False})
    return visit.show("developers_secret.html", {"secret": secret.reveal(), "is_new": True})


async def _requests(visit: Visit) -> Answer:
    status, before = visit.query.get("status", ""), parse_place(visit.query.get("before", ""))
    found = await visit.house.exchanges.newest(visit.access.account_id, before, MOST_REQUESTS + 1, STATUSES.get(status))
    shown = {
        "exchanges": found[:MOST_REQUESTS],
        "is_first": before is None,
        "older": found[MOST_REQUESTS - 1].id if len(found) > MOST_REQUESTS else None,
        "status": status if status in STATUSES else "",
        "statuses": list(STATUSES),
        "days": KEPT.days,
    }
    return visit.show("developers_requests.html", shown)


async def _request(visit: Visit) -> Answer:
    number = visit.path["request"]
    if not (number.isascii() and number.isdigit() and len(number) < 20):
        raise ExchangeNotFound("there is no such request")
    exchange = await visit.house.exchanges.find(visit.access.account_id, int(number))
    return visit.show("developers_request.html", {"exchange": exchange})


async def _keys(visit: Visit) -> list[ApiKey]:
    """Read the keys of the page's ledger, those that are valid first, then the newest."""
    found = await keys.list_keys(visit.house, visit.account.ref.public_id)
    now = visit.house.clock.now()
    own = [key for key in found if key.account == visit.account.ref]
    return sorted(own, key=lambda key: (_state(key, now) != "valid", -key.created_at.timestamp()))


async def _find(visit: Visit) -> ApiKey:
    """Find the key that the path names, if it is of the page's ledger. Raises NotFound."""
    found = next((key for key in await _keys(visit) if key.id == visit.path["key"]), None)
    if found is None:
        raise NotFound("there is no such key")
    return found


async def _key_shown(visit: Visit) -> dict[str, object]:
    key = await _find(visit)
    state = _state(key, visit.house.clock.now())
    return {"key": key, "key_state": state, "graces": GRACES_H, "once": new_once(visit.house)}


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "valid"


def _end_of(day: str, now: datetime) -> datetime | None:
    """Read the last day on which a key is valid, in Paris. Raises InvalidValue."""
    if not day:
        return None
    try:
        following = date.fromisoformat(day) + timedelta(days=1)
        end = datetime.combine(following, time(), PARIS).astimezone(UTC)
    except (ValueError, OverflowError):
        end = now
    if end <= now:
        raise InvalidValue(N_("The last day must be today or later, written 2026-12-31."))
    return end


PAGES = (
    Page("GET", PLACE, Needs.VIEWER, _show),
    Page("POST", f"{PLACE}/keys", Needs.MANAGER, _create, "create-key"),
    Page("GET", f"{PLACE}/keys/{{key}}", Needs.VIEWER, _key),
    Page("POST", f"{PLACE}/keys/{{key}}/rotate", Needs.MANAGER, _rotate, "rotate-key"),
    Page("POST", f"{PLACE}/keys/{{key}}/revoke", Needs.MANAGER, _revoke, "revoke-key"),
    Page("POST", f"{PLACE}/webhook-secret", Needs.MANAGER, _reveal, "reveal-webhook-secret"),
    Page("POST", f"{PLACE}/webhook-secret/rotate", Needs.MANAGER, _rotate_secret, "rotate-webhook-secret"),
    Page("GET", f"{PLACE}/requests", Needs.VIEWER, _requests),
    Page("GET", f"{PLACE}/requests/{{request}}", Needs.VIEWER, _request),
)
