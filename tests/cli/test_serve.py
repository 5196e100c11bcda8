"""The server as a process: one a data folder, stopped in order, on several workers."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest

from portevoix.cli.demo import _open_to_this_machine
from portevoix.settings import Settings
from portevoix.store import embedded
from tests.parts import PATIENCE_S, Server, free_port, new_folder, portevoix

LIFTED = {"PORTEVOIX_LIMIT_ME": "off", "PORTEVOIX_LIMIT_WRONG_KEY": "off"}
METRIC = re.compile(r'^portevoix_http_requests_total\{method="GET",route="([^"]*)",status="(\d+)"\} ([0-9.e+]+)$')


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds, of other processes."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def refuses(port: int) -> bool:
    """Tell whether nobody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_second_server_on_a_data_folder_is_refused_and_the_first_goes_on(server: Server) -> None:
    assert server.process is not None
    second = portevoix("serve", "--port", str(free_port()), data=server.data)
    assert second.returncode == 1
    assert second.stderr == (
        f"Error: another server (process {server.process.pid}) uses the data folder {server.data}\n"
    )
    assert httpx2.get(f"{server.url}/readyz", trust_env=False).status_code == 200


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = portevoix("serve", "--port", str(port), data=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n")
    assert not (tmp_path / "postgres").exists()


def test_a_host_that_is_none_of_ours_is_told(tmp_path: Path) -> None:
    for host in ("192.0.2.1", "nowhere.invalid"):
        done = portevoix("serve", "--host", host, "--port", str(free_port()), data=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith(f"Error: cannot listen on {host}:")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_the_server_stops(data_folder: Path, number: signal.Signals) -> None:
    answers: list[httpx2.Response] = []
    with Server(data_folder, LIFTED) as server:
        key = server.run("account", "create", "Mairie", "--credit", "19", "--json")["live_key"]

        def ask() -> None:
            answers.append(httpx2.get(f"{server.url}/v1/me/{key}", timeout=PATIENCE_S, trust_env=False))

        with (
            psycopg.connect(embedded.url(data_folder)) as holder,
            psycopg.connect(embedded.url(data_folder), autocommit=True) as looker,
        ):

            def request_waits() -> bool:
                waiting = (
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%api_key%%'"
                )
                return looker.execute(waiting).fetchone() == (1,)

            holder.execute("LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE")
            client = threading.Thread(target=ask)
            client.start()
            eventually(request_waits, "the request did not reach the database")
            assert server.process is not None
            server.process.send_signal(number)
            eventually(lambda: refuses(server.port), "the server did not stop listening")
            assert server.process.poll() is None
            assert answers == []
            holder.rollback()
            client.join(PATIENCE_S)
        assert server.process.wait(PATIENCE_S) == 0
    assert [(answer.status_code, answer.json()["credit"]) for answer in answers] == [(200, "19")]
    assert "Traceback" not in server.log()
    assert not (data_folder / "postgres" / "cluster" / "postmaster.pid").exists()


def test_a_stopped_server_leaves_nothing_behind_and_starts_again(data_folder: Path) -> None:
    with Server(data_folder, LIFTED) as server:
        key = server.run("account", "create", "Mairie", "--credit", "19", "--json")["live_key"]
        assert httpx2.get(f"{server.url}/v1/me/{key}", trust_env=False).status_code == 200
        assert server.stop() == 0
        assert refuses(server.port)
        server.start()
        assert httpx2.get(f"{server.url}/v1/me/{key}", trust_env=False).json()["credit"] == "19"
        account = server.run("account", "list", "--json")[0]["account"]
        (used,) = [row["last_used"] for row in server.run("key", "list", account, "--json") if row["last_used"]]
        assert used, "when a key was used is written down when the server stops"


@pytest.fixture(scope="module")
def workers() -> Iterator[Server]:
    """A server of two workers, one account with 5 requests an hour for each key's ledger."""
    environment = {"PORTEVOIX_LIMIT_ME": "5/hour", "PORTEVOIX_LIMIT_WRONG_KEY": "10/hour"}
    with new_folder("workers") as folder, Server(folder, environment, ("--workers", "2")) as running:
        yield running


def ask_anew(url: str) -> httpx2.Response:
    """Ask over a connection of its own, so that either worker may answer."""
    return httpx2.get(url, timeout=PATIENCE_S, trust_env=False, headers={"Connection": "close"})


def counted(server: Server) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for line in ask_anew(f"{server.url}/metrics").text.splitlines():
        if match := METRIC.match(line):
            found[match[1], match[2]] += int(float(match[3]))
    return found


def test_limits_hold_over_all_workers_and_the_figures_add_up(workers: Server) -> None:
    opened = workers.run("account", "create", "Mairie", "--json")
    before = counted(workers)
    for name in ("live_key", "test_key"):
        statuses = [ask_anew(f"{workers.url}/v1/me/{opened[name]}").status_code for _ in range(12)]
        assert statuses == [200] * 5 + [429] * 7
    assert [ask_anew(f"{workers.url}/v1/me").status_code for _ in range(12)] == [401] * 10 + [429] * 2
    for _ in range(5):
        added = counted(workers) - before
        del added["/metrics", "200"]
        assert added == {
            ("/v1/me/{apiKey}", "200"): 10,
            ("/v1/me/{apiKey}", "429"): 14,
            ("/v1/me", "401"): 10,
            ("/v1/me", "429"): 2,
        }


def test_requests_at_once_share_the_limit_over_all_workers(workers: Server) -> None:
    key = workers.run("account", "create", "École", "--json")["live_key"]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ask_anew(f"{workers.url}/v1/me/{key}").status_code))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert Counter(statuses) == {200: 5, 429: 15}
    figures = {path.name for path in (workers.data / "metrics").glob("counter_*.db")}
    assert len(figures) == 2, "both workers answered"


def test_a_killed_server_leaves_no_worker_and_the_next_one_starts(data_folder: Path) -> None:
    with Server(data_folder, LIFTED, ("--workers", "2")) as server:
        key = server.run("account", "create", "Mairie", "--credit", "19", "--json")["live_key"]
        assert server.process is not None
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        eventually(lambda: refuses(server.port), "a worker goes on")
        server.start()
        assert httpx2.get(f"{server.url}/v1/me/{key}", trust_env=False).json()["credit"] == "19"


@contextmanager
def demo(data: Path, port: int, log: Path) -> Iterator[dict[str, str]]:
    """A real ``portevoix demo``, stopped with Ctrl-C; yields what it tells to try, by name."""
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "portevoix", "demo", "--port", str(port), "--data", str(data)],
            stdout=written,
            stderr=written,
        )
    try:
        eventually(
            lambda: "Ctrl-C" in log.read_text(encoding="utf-8") or process.poll() is not None, "the demo says nothing"
        )
        told = (line.strip().partition("  ") for line in log.read_text(encoding="utf-8").splitlines())
        yield {name: rest.strip() for name, _, rest in told if rest}
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert "==> stopped" in log.read_text(encoding="utf-8")
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def answered(command: str) -> str:
    """Type a command that was printed; returns what it answers."""
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout


def test_the_demo_prints_a_key_and_commands_that_work_and_keeps_them(data_folder: Path, tmp_path: Path) -> None:
    port = free_port()
    with demo(data_folder, port, tmp_path / "first.log") as first:
        assert '"credit":"100"' in answered(first["try it"])
    with demo(data_folder, port, tmp_path / "second.log") as second:
        assert {**second, "see": ""} == {**first, "see": ""}
        assert second["see"] != first["see"], "another invitation, as long as nobody has come"
        assert 'value="operator@localhost"' in answered(f"curl -s {second['see'].split()[0]}")
        assert '"credit":"100"' in answered(second["try it"])
        assert '"success":true' in answered(second["send"])
        assert second["then"].startswith("export PORTEVOIX_KEY=pv_test_")


def test_the_demo_lets_webhooks_reach_this_machine_unless_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    unset = Settings.read({})
    assert [str(network) for network in _open_to_this_machine(unset).webhooks_allow] == ["127.0.0.0/8", "::1/128"]
    set_in_file = Settings.read({}, webhooks_allow="192.0.2.0/24")
    assert _open_to_this_machine(set_in_file) == set_in_file
    monkeypatch.setenv("PORTEVOIX_WEBHOOKS_ALLOW", "")
    assert _open_to_this_machine(unset) == unset
