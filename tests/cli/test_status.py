"""``portevoix status`` as an operator and their scripts use it."""

from __future__ import annotations

import json
from pathlib import Path

from portevoix import __version__
from tests.client.conftest import FAST
from tests.parts import Server, Worker, portevoix


def test_all_is_told_of_a_server_and_a_worker_and_that_they_are_gone_once_they_are(data_folder: Path) -> None:
    brief = FAST | {"PORTEVOIX_WORK": "no"}
    with Server(data_folder, brief) as server, Worker(data_folder, FAST) as worker:
        said = portevoix("status", data=data_folder)
        assert (said.returncode, said.stderr) == (0, "")
        assert said.stdout.endswith("\nall is well\n")
        told = server.run("status", "--json")
        assert {(node["role"], node["version"], node["is_alive"]) for node in told["nodes"]} == {
            ("serve", __version__, True),
            ("work", __version__, True),
        }
        assert worker.process is not None
        assert f"/{worker.process.pid} " in said.stdout
        assert (told["findings"], told["queues"]["calls_due"], told["routes"]) == ([], 0, [])
        assert len(told["chores"]) == 11
    gone = portevoix("status", data=data_folder)
    assert gone.returncode == 1
    assert gone.stdout.endswith("\nWRONG: no process is alive; start 'portevoix serve', or 'portevoix work'\n")
    (finding,) = json.loads(portevoix("status", "--json", data=data_folder).stdout)["findings"]
    assert (finding["is_fault"], finding["what"]) == (True, "no process is alive")
