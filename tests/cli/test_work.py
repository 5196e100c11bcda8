"""The server without its dialler, and the dialler without its server, as processes of one data folder."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import psycopg
import pytest

from portevoix.client import AsyncVoicePartner, VoicePartner
from portevoix.store import embedded
from tests.client.conftest import FAST
from tests.client.test_sending import ANSWERED, TEXT, WAIT_S
from tests.notify.receiver import Receiver
from tests.parts import PATIENCE_S, Server, Worker, free_port, portevoix, until

DOOR = FAST | {"PORTEVOIX_WORK": "no"}


async def in_thread(context: Server | Worker) -> None:
    """Start it while this process goes on."""
    await asyncio.to_thread(context.start)


async def test_a_server_without_a_dialler_takes_what_a_worker_sends_and_tells_of(data_folder: Path) -> None:
    server, worker = Server(data_folder, DOOR), Worker(data_folder, FAST)
    async with Receiver() as receiver:
        try:
            await in_thread(server)
            opened = server.run("account", "create", "Mairie", "--credit", "10", "--json")
            async with AsyncVoicePartner(opened["test_key"], base_url=server.url) as voice:
                sent = await voice.send_tts(ANSWERED, TEXT, notify_url=receiver.url("/hook"))
                await in_thread(worker)
                over = await voice.wait(sent.campaign_id, timeout_s=WAIT_S)
                assert (over.state, over.delivered) == ("finished", 1)
                async with asyncio.timeout(PATIENCE_S):
                    await receiver.wait_for(1)
                assert worker.stop() == 0
                left = await voice.send_tts(ANSWERED, TEXT)
                assert (await voice.message(left.campaign_id)).open == 1
        finally:
            for process in (worker, server):
                if process.process is not None:
                    process.stop()
    with embedded.running(data_folder) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM attempt").fetchone() == (1,), "nobody dials what came last"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_starts_the_database_by_itself_and_stops_it_however_often_it_is_told(
    data_folder: Path, number: signal.Signals
) -> None:
    with Worker(data_folder) as worker:
        assert worker.process is not None
        while worker.process.poll() is None:
            worker.process.send_signal(number)
        assert worker.process.returncode == 0
        said = [line for line in worker.log().splitlines() if line.startswith("Portevoix")]
        assert said == ["Portevoix is at work", "Portevoix stops"]
    assert not (data_folder / "postgres" / "cluster" / "postmaster.pid").exists()


@pytest.mark.parametrize(("is_told_again", "state"), [(False, "finished"), (True, "uncertain")])
async def test_a_worker_that_is_told_to_stop_lets_its_calls_end_unless_it_is_told_again(
    data_folder: Path, is_told_again: bool, state: str
) -> None:
    real_time = {"PORTEVOIX_SIMULATOR_SPEED": "2", "PORTEVOIX_SIMULATOR_WITNESS": str(data_folder / "witness")}
    server, worker = Server(data_folder, DOOR), Worker(data_folder, real_time)
    try:
        await in_thread(server)
        await in_thread(worker)
        opened = server.run("account", "create", "Mairie", "--credit", "10", "--json")
        async with AsyncVoicePartner(opened["test_key"], base_url=server.url) as voice:
            sent = await voice.send_tts(ANSWERED, TEXT)
            await asyncio.to_thread(until, (data_folder / "witness").exists)
            assert worker.process is not None
            worker.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(until, lambda: "draining" in worker.log())
            if is_told_again:
                worker.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(worker.process.wait, PATIENCE_S) == 0
            assert [call.state async for call in voice.calls(sent.campaign_id)] == [state]
    finally:
        for process in (worker, server):
            if process.process is not None:
                process.stop()


def test_a_server_that_is_told_to_stop_lets_its_calls_end_where_it_is_set_so(data_folder: Path) -> None:
    settings = {
        "PORTEVOIX_SIMULATOR_SPEED": "2",
        "PORTEVOIX_SIMULATOR_WITNESS": str(data_folder / "witness"),
        "PORTEVOIX_DRAIN_S": str(PATIENCE_S),
    }
    with Server(data_folder, settings) as server:
        opened = server.run("account", "create", "Mairie", "--credit", "10", "--json")
        with VoicePartner(opened["test_key"], base_url=server.url) as voice:
            voice.send_tts(ANSWERED, TEXT)
        until((data_folder / "witness").exists)
    with embedded.running(data_folder) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT state::text FROM call").fetchall() == [("finished",)]


def test_a_worker_that_is_told_to_stop_while_it_starts_stops(data_folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "portevoix", "work", "--data", str(data_folder)],
        env={**os.environ, "PORTEVOIX_LOG_FORMAT": "text"},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (data_folder / "postgres.users").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert process.stderr is not None
    with process.stderr:
        assert "Traceback" not in process.stderr.read()
    assert not (data_folder / "postgres" / "cluster" / "postmaster.pid").exists()


def test_what_keeps_a_worker_from_its_work_is_told_in_one_line(tmp_path: Path) -> None:
    away = {"PORTEVOIX_DATABASE_URL": "postgresql://portevoix@127.0.0.1:1/portevoix"}
    done = portevoix("work", data=tmp_path, environment=away)
    assert (done.returncode, done.stderr) == (1, "Error: the database cannot be reached\n")


def test_a_worker_answers_for_its_health_and_figures_where_it_is_told_to(data_folder: Path) -> None:
    place = f"127.0.0.1:{free_port()}"
    with Worker(data_folder, FAST | {"PORTEVOIX_WORK_METRICS": place, "PORTEVOIX_METRICS_ALLOW": "192.0.2.0/24"}):
        answers = {
            path: httpx2.get(f"http://{place}{path}", trust_env=False) for path in ("/healthz", "/readyz", "/metrics")
        }
        assert {path: answer.status_code for path, answer in answers.items()} == {
            "/healthz": 200, "/readyz": 200, "/metrics": 403,
        }  # fmt: skip
        assert answers["/readyz"].json() == {"status": "ready", "database": "ok"}
        assert httpx2.get(f"http://{place}/v1/me", trust_env=False).status_code == 404
        taken = portevoix("work", data=data_folder, environment={"PORTEVOIX_WORK_METRICS": place})
        assert (taken.returncode, taken.stderr) == (1, f"Error: cannot listen on {place}: Address already in use\n")
    with Worker(data_folder, FAST | {"PORTEVOIX_WORK_METRICS": place}) as worker:
        figures = httpx2.get(f"http://{place}/metrics", trust_env=False)
        assert (figures.status_code, "portevoix_velocity_alarms_total 0.0" in figures.text) == (200, True)
        assert worker.stop() == 0
