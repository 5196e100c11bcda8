"""The courier on a real PostgreSQL, to real receivers and mail servers."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import structlog

from portevoix import bootstrap
from portevoix.domain.call import Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.errors import Unavailable
from portevoix.domain.ids import Mode
from portevoix.domain.mail import EmailAddress
from portevoix.domain.notice import WebhookState
from portevoix.domain.routing import Serves
from portevoix.domain.webhook import RETRIES_S, NotifyUrl
from portevoix.notify.mail import SmtpMailer, parse_smtp_url
from portevoix.notify.webhooks import HttpWebhooks
from portevoix.ports import House, Mailer
from portevoix.service.notices import MAIL_RETRIES_S
from portevoix.store.jobs import QUEUE, open_jobs
from portevoix.worker.courier import AT_ONCE, Courier
from tests.conftest import PEPPER
from tests.notify.mail_server import MailServer
from tests.notify.parts import HERE
from tests.notify.receiver import Answer, Received, Receiver
from tests.parts import PATIENCE_S, ManualClock
from tests.store.test_calls import Customer, Node, end, numbers
from tests.trunks import add_route, add_trunk, policy
from tests.worker.conftest import Tally, at_work, read_only

TO = EmailAddress.parse("accueil@example.test")
SENDER = EmailAddress.parse("voice@town.example.com")
OUT_OF_ORDER = 62

Hire = Callable[..., Courier]


class Jobs:
    """The courier's jobs, as they are put off; their time can be made to come.

    The courier's time is the database's own, which no test moves: so what waits is made due instead.
    """

    def __init__(
        self, connection: psycopg.AsyncConnection[tuple[datetime]], ended: psycopg.AsyncConnection[tuple[datetime]]
    ) -> None:
        self._connection = connection
        self._ended = ended

    async def put_off(self) -> datetime:
        """Wait until a job was put off; tells until when."""
        async for notice in self._connection.notifies(timeout=PATIENCE_S, stop_after=1):
            return datetime.fromisoformat(notice.payload)
        raise AssertionError("no job was put off")

    async def hurry(self) -> None:
        """Make all jobs due, and tell the couriers."""
        await self._connection.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
        told = '{"type": "job_inserted", "job_id": 1}'
        await self._connection.execute("SELECT pg_notify(%s, %s)", [f"procrastinate_queue_v1#{QUEUE}", told])

    async def are_done(self) -> bool:
        """Wait, while couriers are at work, until none is left: a job ends a moment after its last try."""
        while await self._left():
            if not [notice async for notice in self._ended.notifies(timeout=PATIENCE_S, stop_after=1)]:
                return False
        return True

    async def _left(self) -> int:
        cursor = await self._connection.execute("SELECT count(*) FROM procrastinate_jobs")
        ((count,),) = await cursor.fetchall()
        return int(count)


@pytest.fixture
async def jobs(url: str) -> AsyncIterator[Jobs]:
    """The courier's jobs."""
    async with (
        await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as ended,
    ):
        await connection.execute(
            """
            CREATE FUNCTION tell_put_off() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_notify(
                    'put_off', to_char(NEW.scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00'));
                RETURN NULL;
            END $$;
            CREATE TRIGGER tell_put_off AFTER UPDATE ON procrastinate_jobs FOR EACH ROW
            WHEN (OLD.status = 'doing' AND NEW.status = 'todo') EXECUTE FUNCTION tell_put_off();
            CREATE FUNCTION tell_ended() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_notify('ended', OLD.id::text);
                RETURN NULL;
            END $$;
            CREATE TRIGGER tell_ended AFTER DELETE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION tell_ended();
            LISTEN put_off;
            """
        )
        await ended.execute("LISTEN ended")
        yield Jobs(connection, ended)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks."""
    async with Receiver() as running:
        yield running


@pytest.fixture
async def sender() -> AsyncIterator[HttpWebhooks]:
    """Delivers webhooks to this machine."""
    async with HttpWebhooks(HERE, timeout_s=PATIENCE_S, per_host=2 * AT_ONCE) as opened:
        yield opened


@pytest.fixture
def tries() -> Tally[tuple[str, str]]:
    """What couriers said of their tries."""
    return Tally()


@pytest.fixture
def hire(house: House, url: str, sender: HttpWebhooks, tries: Tally[tuple[str, str]]) -> Hire:
    """Makes couriers."""

    def make(mailer: Mailer | None = None, of: House = house) -> Courier:
        def opening() -> AbstractAsyncContextManager:
            return open_jobs(url, 4)

        return Courier(of, opening, QUEUE, sender, mailer, lambda kind, result: tries.add((kind, result)))

    return make


async def tell(house: House, customer: Customer, receiver: Receiver, count: int = 1, code: int = 0) -> None:
    """Send to so many, whose calls end at once: their webhooks wait for the courier."""
    await customer.send(numbers(count, code), notify_url=NotifyUrl.parse(receiver.url("/hook")))
    await end(house, await (await Node.of(house)).dial_all())


async def writes(house: House) -> bool:
    """Whether the database takes changes."""
    try:
        await house.calls.join("probe", 1)
    except Unavailable:
        return False
    return True


async def states(house: House, customer: Customer) -> list[WebhookState]:
    """Where the webhooks stand, the oldest first."""
    return [one.state for one in reversed(await house.notices.webhooks(customer.id, None, 1_000))]


def ids(received: list[Received]) -> list[str]:
    return [one.headers["webhook-id"] for one in received]


async def test_each_webhook_is_delivered_once_and_its_job_is_gone(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, tries: Tally[tuple[str, str]], jobs: Jobs
) -> None:
    await tell(house, alice, receiver, 100)
    async with at_work(hire()):
        assert await tries.wait_for(100) == [("webhook", "done")] * 100
        assert await jobs.are_done()
    assert len(set(ids(receiver.received))) == len(receiver.received) == 100
    assert await states(house, alice) == [WebhookState.DELIVERED] * 100


async def test_a_webhook_that_is_told_while_the_courier_waits_goes_out_at_once(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, tries: Tally[tuple[str, str]], monkeypatch
) -> None:
    monkeypatch.setattr("portevoix.worker.courier.POLL_S", 100.0 * PATIENCE_S)
    async with at_work(hire()):
        for count in range(1, 4):
            await tell(house, alice, receiver)
            await tries.wait_for(count)


async def test_a_500_is_tried_again_at_its_time_with_the_same_id(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, jobs: Jobs, clock: ManualClock, tries
) -> None:
    receiver.answer(500)
    await tell(house, alice, receiver)
    began = datetime.now(UTC)
    async with at_work(hire()):
        put_off_to = await jobs.put_off()
        assert began <= put_off_to - timedelta(seconds=RETRIES_S[0]) <= datetime.now(UTC)
        (pending,) = await house.notices.webhooks(alice.id, None, 10)
        assert (pending.state, pending.due_at) == (WebhookState.PENDING, clock.now() + timedelta(seconds=RETRIES_S[0]))
        clock.advance(seconds=RETRIES_S[0])
        await jobs.hurry()
        assert await tries.wait_for(2) == [("webhook", "again"), ("webhook", "done")]
    (webhook,) = await house.notices.webhooks(alice.id, None, 10)
    assert [(one.number, one.status) for one in webhook.tries] == [(1, 500), (2, 200)]
    assert (webhook.state, webhook.due_at) == (WebhookState.DELIVERED, None)
    assert ids(receiver.received) == [webhook.id] * 2
    first, second = (int(one.headers["webhook-timestamp"]) for one in receiver.received)
    assert second - first == RETRIES_S[0], "signed at the time of the try"


async def test_those_of_one_call_keep_their_order_through_retries_and_hold_up_no_other_call(
    house: House, alice: Customer, bob: Customer, receiver: Receiver, hire: Hire, jobs: Jobs, tries
) -> None:
    receiver.answer(500)
    await tell(house, alice, receiver, code=OUT_OF_ORDER)
    async with at_work(hire()):
        await jobs.put_off()
        await tell(house, bob, receiver)
        await tries.wait_for(2)
        assert await states(house, alice) == [WebhookState.PENDING] * 2
        assert await states(house, bob) == [WebhookState.DELIVERED]
        await jobs.hurry()
        await tries.wait_for(4)
    told = [json.loads(one.body) for one in receiver.received]
    assert [one["status"] for one in told] == ["delivered", "delivered", "delivered", "pending"]
    assert [told[index]["campaignId"] for index in (0, 2, 3)] == [told[0]["campaignId"]] * 3
    assert told[1]["campaignId"] != told[0]["campaignId"]


@pytest.mark.parametrize(
    ("asked", "wait_s"), [("77", 77), ("1", RETRIES_S[0]), ("999999", 86_400), ("soon", RETRIES_S[0])]
)
async def test_retry_after_makes_the_wait_longer_up_to_a_day_and_never_shorter(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, jobs: Jobs, clock: ManualClock, asked, wait_s
) -> None:
    receiver.answers.append(Answer(503, {"Retry-After": asked}))
    await tell(house, alice, receiver)
    began = datetime.now(UTC)
    async with at_work(hire()):
        assert began <= await jobs.put_off() - timedelta(seconds=wait_s) <= datetime.now(UTC)
    (webhook,) = await house.notices.webhooks(alice.id, None, 10)
    assert webhook.due_at == clock.now() + timedelta(seconds=wait_s)


async def test_after_the_last_retry_it_is_a_dead_letter(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, jobs: Jobs, clock: ManualClock, tries
) -> None:
    receiver.default = Answer(500)
    await tell(house, alice, receiver)
    began = datetime.now(UTC)
    async with at_work(hire()):
        for count, wait_s in enumerate(RETRIES_S, start=1):
            assert began <= await jobs.put_off() - timedelta(seconds=wait_s) <= datetime.now(UTC)
            clock.advance(seconds=wait_s)
            await tries.wait_for(count)
            began = datetime.now(UTC)
            await jobs.hurry()
        await tries.wait_for(len(RETRIES_S) + 1)
        assert await jobs.are_done()
    (webhook,) = await house.notices.webhooks(alice.id, None, 10)
    assert (webhook.state, webhook.due_at, len(webhook.tries)) == (WebhookState.DEAD, None, 12)
    assert tries.all == [("webhook", "again")] * 11 + [("webhook", "done")]
    assert set(ids(receiver.received)) == {webhook.id}
    assert (await alice.events())[-1] == "webhook.dead"


async def test_410_ends_all_webhooks_to_that_url_until_a_replay(
    house: House, alice: Customer, bob: Customer, receiver: Receiver, hire: Hire, tries
) -> None:
    receiver.answer(410)
    async with at_work(hire()):
        await tell(house, alice, receiver)
        await tries.wait_for(1)
        await tell(house, alice, receiver)
        await tries.wait_for(2)
        assert await states(house, alice) == [WebhookState.DISABLED] * 2
        assert len(receiver.received) == 1
        await tell(house, bob, receiver)
        await tries.wait_for(3)
        assert await states(house, bob) == [WebhookState.DELIVERED], "the URL of another account"
        (newest, _) = await house.notices.webhooks(alice.id, None, 10)
        assert await house.notices.replay(alice.id, newest.id)
        await tries.wait_for(4)
        await tell(house, alice, receiver)
        await tries.wait_for(5)
    expected = [WebhookState.DISABLED, WebhookState.DELIVERED, WebhookState.DELIVERED]
    assert await states(house, alice) == expected
    assert len(receiver.received) == 4


async def test_a_receiver_that_hangs_takes_the_courier_from_nobody(
    house: House, url: str, alice: Customer, bob: Customer, receiver: Receiver, tries
) -> None:
    receiver.default = Answer(hangs=True)
    await tell(house, alice, receiver, 2 * AT_ONCE)
    async with Receiver() as other, HttpWebhooks(HERE, timeout_s=PATIENCE_S, patience_s=0.1) as crowded:
        courier = Courier(house, lambda: open_jobs(url, 4), QUEUE, crowded, None, lambda *what: tries.add(what))
        async with at_work(courier):
            async with asyncio.timeout(PATIENCE_S):
                await receiver.wait_for(10)
                await tries.wait_for(AT_ONCE)  # every place of the courier was wanted by the one that hangs
                await bob.send(numbers(1), notify_url=NotifyUrl.parse(other.url("/hook", host="localhost")))
                await end(house, await (await Node.of(house)).dial_all())
                await other.wait_for(1)
                while ("webhook", "done") not in tries.all:
                    await tries.wait_for(len(tries.all) + 1)
            assert len(receiver.received) == 10
            (waiting, *_) = await house.notices.webhooks(alice.id, None, 1)
            assert (waiting.state, waiting.tries) == (WebhookState.PENDING, ()), "to wait in line is no try"
            receiver.release.set()


async def test_two_couriers_at_once_deliver_each_webhook_once(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, jobs: Jobs, tries
) -> None:
    receiver.default = Answer(hangs=True)
    await tell(house, alice, receiver, 100)
    async with at_work(hire(), hire()):
        async with asyncio.timeout(PATIENCE_S):
            await receiver.wait_for(AT_ONCE)  # both have some, and nothing of it ends
        receiver.release.set()
        await tries.wait_for(100)
        assert await jobs.are_done()
    assert set(Counter(ids(receiver.received)).values()) == {1}
    assert len(receiver.received) == 100


async def test_a_fault_of_the_database_holds_webhooks_up_and_loses_none(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, url: str, tries
) -> None:
    async with at_work(hire()):
        await tell(house, alice, receiver, 3)
        await tries.wait_for(3)
        with read_only(url):
            assert not await writes(house)
        async with asyncio.timeout(PATIENCE_S):
            while not await writes(house):
                pass
        await tell(house, alice, receiver, 3)
        async with asyncio.timeout(PATIENCE_S):
            known = len(tries.all)
            while await states(house, alice) != [WebhookState.DELIVERED] * 6:
                await tries.wait_for(known + 1)
                known = len(tries.all)


async def test_an_end_that_is_not_written_down_is_told_by_us_and_its_job_begun_anew(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, url: str, jobs: Jobs
) -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            """
            CREATE SEQUENCE ends;
            CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('ends') = 1 THEN RAISE EXCEPTION 'not now'; END IF;
                RETURN OLD;
            END $$;
            CREATE TRIGGER refuse_once BEFORE DELETE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION refuse_once();
            """
        )
    with structlog.testing.capture_logs() as told:
        async with at_work(hire()):
            await tell(house, alice, receiver)
            assert await jobs.are_done()
    gc.collect()  # what nobody has looked at is complained of when it is thrown away
    assert complaints == []
    assert [one["error"].splitlines()[0] for one in told if one["event"] == "notice_end_lost"] == ["not now"]


async def test_a_courier_that_is_stopped_gives_back_what_is_under_way_for_the_next_one_to_begin_at_once(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, url: str, tries
) -> None:
    receiver.default = Answer(hangs=True)
    await tell(house, alice, receiver, 20)
    courier = asyncio.create_task(hire().run())
    async with asyncio.timeout(PATIENCE_S):
        await receiver.wait_for(1)
        while not courier.done():
            courier.cancel()
            await asyncio.sleep(0)
    with psycopg.connect(url) as connection:
        due = "SELECT status::text, coalesce(scheduled_at, now()) <= now() AS due, count(*) FROM procrastinate_jobs"
        assert connection.execute(f"{due} GROUP BY 1, 2".encode()).fetchall() == [("todo", True, 20)]
    receiver.release.set()
    async with at_work(hire()):
        assert await tries.wait_for(20) == [("webhook", "done")] * 20


async def test_a_courier_whose_heartbeat_failed_begins_anew(
    house: House, alice: Customer, receiver: Receiver, hire: Hire, url: str, tries
) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            """
            CREATE SEQUENCE heartbeats;
            CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('heartbeats') = 1 THEN RAISE EXCEPTION 'not now'; END IF;
                PERFORM pg_notify('heartbeat', '');
                RETURN NEW;
            END $$;
            CREATE TRIGGER fail_once BEFORE UPDATE ON procrastinate_workers FOR EACH ROW EXECUTE FUNCTION fail_once();
            LISTEN heartbeat;
            """
        )
        async with at_work(hire()):
            assert [notice async for notice in connection.notifies(timeout=PATIENCE_S, stop_after=1)]
            await tell(house, alice, receiver)
            await tries.wait_for(1)


# mails


def mailer(server: MailServer) -> SmtpMailer:
    return SmtpMailer(parse_smtp_url(f"smtp://127.0.0.1:{server.port}"), SENDER, timeout_s=PATIENCE_S)


@pytest.fixture
async def house(url: str, clock: ManualClock) -> AsyncIterator[House]:
    """A house with a trunk, which takes numbers of fiction: mails go to live accounts alone."""
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock, policy=policy()) as opened:
        await add_route(opened.house, await add_trunk(opened.house), serves=Serves.DEPOSIT)
        yield opened.house


async def deposit(house: House, mode: Mode = Mode.LIVE) -> Customer:
    """Send a deposit campaign that ends at once, with a mail."""
    customer = await Customer.of(house, mode=mode)
    await customer.send(numbers(2), Kind.DEPOSIT, email=TO)
    await end(house, await (await Node.of(house)).dial_all(), Outcome.VOICEMAIL)
    return customer


async def mail_of(house: House, customer: Customer) -> tuple[str, str | None]:
    (mail,) = await house.notices.mails(customer.id, 10)
    return mail.state, mail.fault


async def test_a_mail_goes_out_through_the_mail_server_once(house: House, hire: Hire, tries, jobs: Jobs) -> None:
    customer = await deposit(house)
    async with MailServer() as server, at_work(hire(mailer(server)), hire(mailer(server))):
        assert await tries.wait_for(1) == [("mail", "done")]
        assert await jobs.are_done()
    (mail,), (envelope,) = server.mails, server.envelopes
    assert envelope.rcpt_tos == [str(TO)]
    assert "Messages déposés : 2 sur 2" in mail.get_content()
    assert await mail_of(house, customer) == ("sent", None)


async def test_without_a_mail_server_mails_are_kept_to_be_read(house: House, hire: Hire, tries, jobs: Jobs) -> None:
    customer = await deposit(house)
    async with at_work(hire()):
        await tries.wait_for(1)
        assert await jobs.are_done()
    assert await mail_of(house, customer) == ("kept", None)


async def test_mails_of_the_sandbox_go_to_nobody(house: House, jobs: Jobs) -> None:
    customer = await deposit(house, Mode.SANDBOX)
    assert await mail_of(house, customer) == ("kept", None)
    assert await jobs.are_done()


async def test_a_mail_that_is_refused_for_now_is_tried_again_and_given_up_after_the_last_retry(
    house: House, hire: Hire, jobs: Jobs, tries
) -> None:
    customer = await deposit(house)
    began = datetime.now(UTC)
    async with MailServer(refusals={"RCPT": "451 4.3.0 later"}) as server, at_work(hire(mailer(server))):
        for wait_s in MAIL_RETRIES_S:
            assert began <= await jobs.put_off() - timedelta(seconds=wait_s) <= datetime.now(UTC)
            assert (await mail_of(house, customer))[0] == "pending"
            began = datetime.now(UTC)
            await jobs.hurry()
        await tries.wait_for(len(MAIL_RETRIES_S) + 1)
    state, fault = await mail_of(house, customer)
    assert state == "failed"
    assert "451" in (fault or "")
    assert server.mails == []


async def test_a_mail_that_is_refused_for_good_is_not_tried_again(house: House, hire: Hire, tries, jobs: Jobs) -> None:
    customer = await deposit(house)
    async with MailServer(refusals={"RCPT": "550 5.1.1 unknown"}) as server, at_work(hire(mailer(server))):
        assert await tries.wait_for(1) == [("mail", "done")]
        assert await jobs.are_done()
    assert (await mail_of(house, customer))[0] == "failed"
