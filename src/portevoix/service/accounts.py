"""Opening accounts, with their sandbox twins, keys and first credit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from portevoix.domain.account import Account, Event, KeyTerms, State, parse_name
from portevoix.domain.errors import InvalidValue
from portevoix.domain.ids import AccountRef, Mode, public_id
from portevoix.domain.ledger import PAID, Kind
from portevoix.domain.money import positive
from portevoix.domain.number import Number
from portevoix.domain.safety import AllowanceOfSandbox, Cap, OwnAllowance, Safety
from portevoix.domain.webhook import WebhookSecret
from portevoix.ports import House
from portevoix.service.keys import make_key

FIRST_KEY = "first key"


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """A new account; this is the only time that its keys are shown."""

    account: str
    live_key: str
    test_key: str


async def open_account(
    house: House,
    name: str,
    *,
    account: str | None = None,
    parent: str | None = None,
    credit_micros: int = 0,
    sandbox_micros: int = 0,
) -> OpenedAccount:
    """Open an account and its sandbox twin with a key and credit each, all of it or nothing.

    Args:
        name: for people.
        account: its public id, where somebody has made one beforehand: the same cannot be opened twice.
        parent: the account that it is a sub-account of.
        credit_micros: the live ledger's first credit.
        sandbox_micros: the sandbox ledger's.

    Raises:
        InvalidValue: the name.
        AlreadyExists: the public id is taken.
        NotFound: the parent.
    """
    account = account or new_account_id(house)
    terms = KeyTerms(name=FIRST_KEY)
    credit = {Mode.LIVE: credit_micros, Mode.SANDBOX: sandbox_micros}
    secrets: dict[Mode, str] = {}
    async with house.unit_of_work() as together:
        ledgers = await together.accounts.create(account, parse_name(name), parent)
        for mode, account_id in ledgers.items():
            secrets[mode] = (await make_key(together, account_id, mode, terms)).secret
            if credit[mode]:
                key = f"opening-{account}"
                await together.ledger.credit(account_id, Kind.TOP_UP, credit[mode], PAID, key, "opening credit")
    return OpenedAccount(account, live_key=secrets[Mode.LIVE], test_key=secrets[Mode.SANDBOX])


def new_account_id(house: House) -> str:
    """Make a public id for an account that is about to be opened."""
    return public_id("acct", house.entropy(12))


async def find_account(house: House, account: AccountRef) -> Account:
    """Read one account. Raises NotFound."""
    return await house.accounts.find(account)


async def change_state(house: House, account: AccountRef, state: State) -> None:
    """Switch an account off or on, or block it; the sandbox follows the live account. Raises NotFound."""
    await house.accounts.set_state(account, state)


async def watch_balance(house: House, account: AccountRef, threshold_micros: int | None) -> None:
    """Have an event recorded when the available credit falls below a threshold. Raises NotFound, InvalidValue."""
    if threshold_micros is not None:
        positive(threshold_micros)
    await house.accounts.set_low_balance(account, threshold_micros)


async def find_allowance(house: House, account: AccountRef) -> tuple[OwnAllowance, Safety]:
    """Tell what a live account may of its own, and what counts for it. Raises NotFound, AllowanceOfSandbox."""
    _live_alone(account)
    own = (await house.accounts.find(account)).allowance
    return own, house.policy.safety.of(own)


async def cap_account(house: House, account: AccountRef, cap: Cap | None) -> None:
    """Give a live account a cap of its own, ``None`` for the installation's. Raises NotFound, AllowanceOfSandbox."""
    _live_alone(account)
    await house.accounts.set_own_cap(account, cap)


async def limit_countries(house: House, account: AccountRef, countries: frozenset[str] | None) -> None:
    """Let a live account call some countries alone, of those that may be called; ``None`` for all of them.

    Raises:
        NotFound.
        InvalidValue: no country is left; switching the account off is what that would mean.
        AllowanceOfSandbox.
    """
    _live_alone(account)
    if countries is not None and not countries:
        raise InvalidValue("name one country at least; an account that is to call nobody is switched off")
    await house.accounts.set_own_countries(account, countries)


def _live_alone(account: AccountRef) -> None:
    if account.mode is Mode.SANDBOX:
        raise AllowanceOfSandbox("a sandbox has no cap and no countries, as its phones are simulated; name the account")


async def events(house: House, account: AccountRef) -> AsyncIterator[Event]:
    """Read what happened to an account, oldest first. Raises NotFound."""
    found = await house.accounts.find(account)
    after_id = 0
    while page := await house.accounts.events(found.id, after_id):
        for event in page:
            yield event
        after_id = page[-1].id


async def verify_sender(house: House, account: AccountRef, number: Number) -> None:
    """Let an account show a number, which its operator has seen to be its own. Raises NotFound."""
    found = await house.accounts.find(account)
    await house.campaigns.verify_sender(found.id, number.digits)


async def forget_sender(house: House, account: AccountRef, number: Number) -> None:
    """Let an account show a number no more. Raises NotFound."""
    found = await house.accounts.find(account)
    await house.campaigns.forget_sender(found.id, number.digits)


async def webhook_secret(house: House, account: AccountRef, *, rotate: bool = False) -> WebhookSecret:
    """Tell what an account's webhooks are signed with.

    Args:
        rotate: give it another one first; for a day, webhooks are signed with both.

    Raises:
        NotFound.
    """
    found = await house.accounts.find(account)
    notices = house.notices
    generation, _ = await (notices.rotate_secret(found.id) if rotate else notices.secret_generation(found.id))
    return WebhookSecret.derive(house.pepper, found.id, generation)
