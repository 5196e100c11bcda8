"""Databases with many calls that are over: a message is sent, dialled and settled, and SQL makes its rows again.

Each time they get numbers, a name, an account and moments of their own, and balances that go on from those before. So
the rows are all that the product left of a message, whatever that is, and the ledger's check finds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg

from bench.browsing import Place
from bench.copying import Connection
from bench.nodes import dialler
from bench.phones import phones
from bench.reserving import PEPPER
from bench.sandboxed import event_loop
from bench.senders import CREDIT_MICROS, TEXT
from portevoix import bootstrap
from portevoix.domain.campaign import Kind, Order
from portevoix.domain.speech import Utterance
from portevoix.service.accounts import OpenedAccount, open_account
from portevoix.service.campaigns import send
from portevoix.service.keys import digest

#: Calls of each message.
RECIPIENTS = 100

#: The messages are spread over this time, up to an hour ago.
SPAN = timedelta(days=90)

WRITERS = 2
MESSAGES_AT_ONCE = 500
TOLD_EVERY = 10_000
PATIENCE_S = 60

#: What a message leaves: its rows, by table.
_HOLDS = "(SELECT hold_id FROM call WHERE campaign_id = {campaign})"
_ROWS = {
    "campaign": "id = {campaign}",
    "call": "campaign_id = {campaign}",
    "attempt": "call_id IN (SELECT id FROM call WHERE campaign_id = {campaign})",
    "hold": f"id IN {_HOLDS}",
    "draw": f"hold_id IN {_HOLDS}",
    "transfer": f"hold_id IN {_HOLDS}",
    "event": "account_id = {account}",
}

#: Columns with numbers of rows that are made again, and with names that begin with the message's.
_NUMBERS = frozenset({"id", "campaign_id", "call_id", "hold_id"})
_NAMES = frozenset({"public_id", "idempotency_key"})
_MOMENT = "timestamp with time zone"

#: A name's first eight letters: no two messages have the same, and no two in a row are neighbours in an index.
_SCATTERED = "lpad(to_hex(message.n::bigint * 2654435761 % 4294967296), 8, '0')"

_COLUMNS = b"""SELECT column_name, data_type FROM information_schema.columns
    WHERE table_name = %s AND is_generated = 'NEVER' AND column_name <> 'xid' ORDER BY ordinal_position"""

#: The accounts that get messages, numbered, with the grants that pay for them: all but the last, whose message it is.
_SHARES = b"""CREATE UNLOGGED TABLE share AS
    SELECT place, account_id, grant_id FROM (
        SELECT row_number() OVER (ORDER BY id) - 1 AS place, account_id, id AS grant_id, count(*) OVER () AS grants
        FROM credit_grant) g
    WHERE place < grants - 1"""

_SPENT = """(SELECT s.account_id, s.grant_id, sum(p.settled_micros)::bigint AS micros
    FROM share s JOIN campaign p ON p.account_id = s.account_id GROUP BY s.account_id, s.grant_id) s"""
_BALANCES = (
    f"UPDATE account a SET available_micros = a.available_micros - s.micros FROM {_SPENT} WHERE a.id = s.account_id",
    f"UPDATE credit_grant g SET remaining_micros = g.remaining_micros - s.micros FROM {_SPENT} WHERE g.id = s.grant_id",
    """INSERT INTO spending (account_id, hour, micros)
    SELECT t.account_id, date_trunc('hour', t.at, 'UTC'), sum(t.amount_micros)
    FROM transfer t JOIN share s USING (account_id) WHERE t.kind = 'settle' GROUP BY 1, 2""",
)

_SENT = b"SELECT id, account_id, settled_micros, public_id, created_at FROM campaign"
_NEWEST = b"""SELECT public_id FROM campaign WHERE account_id = (SELECT account_id FROM share WHERE place = 0)
    ORDER BY id DESC LIMIT 1"""


class Past:
    """The ``Clock`` port, behind the machine's by as long as the messages go back, and a day."""

    def now(self) -> datetime:
        """Return the moment, in UTC."""
        return datetime.now(UTC) - SPAN - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Filled:
    """A database with calls that are over.

    Args:
        calls: how many.
        keys: test keys of its accounts, the busy one's first.
        place: where the console shows the busy one.
    """

    url: str
    calls: int
    keys: Sequence[str]
    place: Place


@dataclass(frozen=True, slots=True)
class _Model:
    """The message whose rows are made again.

    Args:
        account: its own, which gets no other.
        cost_micros: what it cost.
        stride: more than any number that one of its rows has.
    """

    campaign: int
    account: int
    cost_micros: int
    name: str
    created_at: datetime
    stride: int


def fill(url: str, calls: int, accounts: int, tell: Callable[[str], None]) -> Filled:
    """Fill an empty database whose schema is up to date.

    Args:
        calls: how many; a multiple of a message's.
        accounts: whose they are; the first one has half of them.
        tell: shows a line of progress.
    """
    messages = calls // RECIPIENTS
    with event_loop() as runner:
        opened = runner.run(_begin(url, accounts))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SHARES)
        model = _model(connection)
        statements = [_again(connection, table, model) for table in _ROWS]
        copy = partial(_copy, url, statements, _numbered(model, accounts, messages), messages, tell)
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(copy, range(0, messages, MESSAGES_AT_ONCE)))
        for statement in _BALANCES:
            connection.execute(statement.encode())
        for table in _ROWS.keys() - {"draw"}:
            free = (messages + 2) * model.stride
            connection.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, free])
        ((newest,),) = connection.execute(_NEWEST).fetchall()
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    return Filled(url, calls, [one.test_key for one in opened], Place(f"{opened[0].account}/sandbox", newest))


async def _begin(url: str, accounts: int) -> list[OpenedAccount]:
    """Open the accounts, and another one whose message comes to its end: all of it long ago."""
    async with bootstrap.open_house(url, PEPPER, clock=Past()) as opened:
        house = opened.house
        made = [await open_account(house, f"Bench {one}", sandbox_micros=CREDIT_MICROS) for one in range(accounts + 1)]
        access = await house.keys.access(digest(PEPPER, made[-1].test_key))
        assert access is not None, "its key was just made"
        await send(house, access, Order(Kind.VOICE, phones(RECIPIENTS), utterance=Utterance(TEXT)))
        settled: asyncio.Queue[int] = asyncio.Queue()
        dialling = asyncio.create_task(dialler(house, lambda batch: settled.put_nowait(len(batch))).run())
        async with asyncio.timeout(PATIENCE_S):
            left = RECIPIENTS
            while left:
                left -= await settled.get()
        dialling.cancel()
        await asyncio.gather(dialling, return_exceptions=True)
        return made[:-1]


def _model(connection: Connection) -> _Model:
    (found,) = connection.execute(
        "SELECT id, account_id, settled_micros, public_id, created_at FROM campaign"
    ).fetchall()
    largest = 0
    for table in _ROWS.keys() - {"draw"}:
        ((number,),) = connection.execute(f"SELECT max(id) FROM {table}".encode()).fetchall()
        largest = max(largest, number)
    return _Model(*found, stride=1_000 * (1 + largest // 1_000))


def _copy(
    url: str, statements: Sequence[str], numbered: str, messages: int, tell: Callable[[str], None], first: int
) -> None:
    """Make the rows of some messages, in one transaction."""
    last = min(first + MESSAGES_AT_ONCE, messages)
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # no check a row, and nobody is told
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute(numbered.encode(), [first, last - 1])
        for statement in statements:
            connection.execute(statement.encode())
    if last % TOLD_EVERY == 0:
        tell(f"{last * RECIPIENTS:,} calls are there")


def _numbered(model: _Model, accounts: int, messages: int) -> str:
    """Number messages: n of all, k of its account's, which has a place; each second one is the busy account's."""
    place, k = "0", "n"
    if accounts > 1:
        place = f"CASE WHEN n %% 2 = 0 THEN 0 ELSE 1 + n / 2 %% {accounts - 1} END"
        k = f"CASE WHEN n %% 2 = 0 THEN n / 2 ELSE n / 2 / {accounts - 1} END"
    began = f"'{model.created_at.isoformat()}'::timestamptz + interval '23 hours'"
    return (
        "CREATE TEMPORARY TABLE message ON COMMIT DROP AS SELECT n + 1 AS n, k, s.account_id, s.grant_id,"
        f" {began} + interval '{SPAN.total_seconds()} s' * n / {messages} AS at"
        f" FROM (SELECT n, {place} AS place, {k} AS k FROM generate_series(%s::int, %s::int) n) m"
        " JOIN share s USING (place)"
    )


def _again(connection: Connection, table: str, model: _Model) -> str:
    """Write the statement that makes the model's rows of a table again, for each message."""
    columns = connection.execute(_COLUMNS, [table]).fetchall()
    names = ", ".join(name for name, _ in columns)
    values = ", ".join(_value(name, kind, model) for name, kind in columns)
    rows = _ROWS[table].format(campaign=model.campaign, account=model.account)
    return (
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE"
        f" SELECT {values} FROM message CROSS JOIN (SELECT * FROM {table} WHERE {rows}) r"
    )


def _value(name: str, kind: str, model: _Model) -> str:
    """Write what a column has in a row that is made again."""
    if name in _NUMBERS:
        return f"r.{name} + message.n * {model.stride}"
    if name in _NAMES:
        return f"CASE WHEN starts_with(r.{name}, '{model.name}') THEN overlay(r.{name} placing {_SCATTERED} from 1) END"
    if name == "available_after_micros":
        return f"r.{name} - message.k::bigint * {model.cost_micros}"
    if name in ("account_id", "grant_id"):
        return f"message.{name}"
    if kind == _MOMENT:
        return f"r.{name} + (message.at - '{model.created_at.isoformat()}')"
    return f"r.{name}"
