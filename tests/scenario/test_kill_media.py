"""A media process that is killed in the middle of a hundred calls of a whole server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from portevoix.domain.ids import Mode
from portevoix.domain.money import MICROS_PER_EURO
from tests.carrier.sip.trunk import needs_sipp
from tests.parts import PATIENCE_S, Server
from tests.scenario.bench import bench, sender
from tests.scenario.far_end import far_end
from tests.store.test_calls import Customer
from tests.wire.sound import keep

CALLS, CALLS_THEN = 100, 10
LONG_S, SHORT_S = 60, 1
MICROS_A_SECOND = 1_000
LONG = [f"06399801{call:02}" for call in range(CALLS)]
SHORT = [f"06399802{call:02}" for call in range(CALLS_THEN)]


class Answers:
    """Tells of calls that the books have as answered."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._connection = connection

    async def wait_for(self, count: int) -> int:
        """Wait until there were so many; tells how many there were in time."""
        return len([one async for one in self._connection.notifies(timeout=PATIENCE_S, stop_after=count)])


@asynccontextmanager
async def answers(url: str) -> AsyncIterator[Answers]:
    """Have the database tell of each answer."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            """
            CREATE FUNCTION tell_answered() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_notify('answered', NEW.id::text);
                RETURN NULL;
            END $$;
            CREATE TRIGGER tell_answered AFTER UPDATE ON call FOR EACH ROW
            WHEN (OLD.state <> NEW.state AND NEW.state = 'answered') EXECUTE FUNCTION tell_answered();
            LISTEN answered;
            """
        )
        yield Answers(connection)


def media_processes(server: Server) -> list[int]:
    """Find the media processes that a server's processes have started."""
    assert server.process is not None
    listing = ("ps", "-A", "-ww", "-o", "pid=,ppid=,args=")
    listed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    family = {str(server.process.pid)}
    while more := {pid for pid, parent, *_ in rows if parent in family} - family:
        family |= more
    return [int(pid) for pid, _, *what in rows if pid in family and "portevoix.carrier.sip.process" in "".join(what)]


@needs_sipp
@pytest.mark.parametrize(("bill_uncertain", "micros"), [("no", 0), ("yes", LONG_S * MICROS_A_SECOND)])
async def test_calls_of_a_killed_media_process_are_settled_by_policy_none_rings_again_and_new_ones_flow(
    url: str, tmp_path: Path, data_folder: Path, bill_uncertain: str, micros: int
) -> None:
    async with (
        bench(url, data_folder, bill_uncertain=bill_uncertain) as made,
        far_end("answer", tmp_path / "first", calls=CALLS) as first,
        far_end("answer", tmp_path / "then", calls=CALLS_THEN) as then,
        answers(url) as answered,
    ):
        await made.lead("33639980", first)
        await made.lead("336399802", then)
        alice = await Customer.of(made.house, mode=Mode.LIVE, seconds=LONG_S)
        short = await keep(made.house, alice.ref.public_id, "short", 8_000 * SHORT_S)
        await made.start()
        async with sender(made, alice) as voice:
            lost = await voice.send("/v1/tts/send", alice.token, LONG, made.receiver.url("/lost"))
            assert await answered.wait_for(CALLS) == CALLS
            (process,) = await asyncio.to_thread(media_processes, made.server)
            os.kill(process, signal.SIGKILL)
            killed_s = time.monotonic()
            flowing = await voice.send("/v1/tts/send", short.token, SHORT, made.receiver.url("/flowing"))
            async with asyncio.timeout(PATIENCE_S):
                await then.gate.is_called.wait()
                print(f"the first new call began {time.monotonic() - killed_s:.2f} s after the kill")
                received = await made.receiver.wait_for(CALLS + CALLS_THEN)

            calls = await voice.calls(lost)
            assert {(one["state"], one["outcome"], one["attempts"], one["cost_micros"]) for one in calls} == {
                ("uncertain", "lost", 1, micros)
            }
            calls = await voice.calls(flowing)
            assert {(one["state"], one["cost_micros"]) for one in calls} == {("finished", SHORT_S * MICROS_A_SECOND)}
            spent = CALLS * micros + CALLS_THEN * SHORT_S * MICROS_A_SECOND
            assert await voice.credit() == (100 * MICROS_PER_EURO - spent, 0)
        assert len({one.body for one in received if b'"status":"undelivered"' in one.body}) == CALLS
        assert first.gate.calls() == {f"+33{number[1:]}": 1 for number in LONG}, "one INVITE a number"
        assert then.gate.calls() == {f"+33{number[1:]}": 1 for number in SHORT}
        assert await made.ledger_faults() == ""
        assert await then.peer.done() == ""
