"""Trunks and routes from the command line, with no server running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from portevoix.store import embedded
from portevoix.store.migrate import migrate
from tests.cli.commands import Commands
from tests.parts import PATIENCE_S, new_folder, portevoix
from tests.trunks import Operator

SECRET = "s3cret-of-the-trunk"


class Desk:
    """Commands on a data folder whose database runs, and no server."""

    def __init__(self, data: Path, commands: Commands) -> None:
        self.data = data
        self.run = commands.said
        self.done = commands.run
        self._commands = commands

    def json(self, *arguments: str) -> Any:
        """Run a command that prints JSON."""
        return self._commands.json(*arguments, "--json")

    def refuse(self, *arguments: str) -> str:
        """Run a command that is refused; returns its one line of error."""
        done = self._commands.run(*arguments)
        assert done.returncode in (1, 2), done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with new_folder("trunks") as folder, embedded.running(folder) as url:
        migrate(url)
        with Commands(folder) as commands:
            yield Desk(folder, commands)


@pytest.fixture
def trunk(desk: Desk) -> Iterator[str]:
    """A trunk on this machine that is gone afterwards."""
    terms = ("--username", "portevoix", "--password", SECRET, "--register", "--caller-id", "01 99 00 12 34")
    desk.run("trunk", "add", "bench", "--server", "127.0.0.1:5070", *terms)
    yield "bench"
    desk.run("trunk", "remove", "bench")


def test_a_trunk_is_added_listed_without_its_password_and_removed(desk: Desk, trunk: str) -> None:
    listed = desk.run("trunk", "list", "--json")
    assert SECRET not in listed + desk.run("trunk", "list")
    (shown,) = json.loads(listed)
    assert {
        name: shown[name] for name in ("trunk", "server", "username", "registers", "caller_id", "calls_max", "cps")
    } == {
        "trunk": "bench",
        "server": "127.0.0.1:5070",
        "username": "portevoix",
        "registers": True,
        "caller_id": "+33199001234",
        "calls_max": 30,
        "cps": 5,
    }
    assert "already" in desk.refuse("trunk", "add", trunk, "--server", "192.0.2.1")


def test_a_trunk_may_be_at_an_ipv6_address(desk: Desk) -> None:
    desk.run("trunk", "add", "six", "--server", "[::1]:5070")
    (shown,) = desk.json("trunk", "list")
    desk.run("trunk", "remove", "six")
    assert shown["server"] == "[::1]:5070"


@contextmanager
def checked(desk: Desk, server: str, *terms: str) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Add a trunk, and check it: the exit code, what was printed, and its remarks in one text."""
    known = ("--username", "u", "--password", SECRET)
    desk.run("trunk", "add", "far", "--server", server, *known, *terms)
    try:
        done = desk.done("trunk", "check", "far", "--json")
        assert SECRET not in done.stdout + done.stderr
        told = json.loads(done.stdout)
        yield done.returncode, told, " ".join(told["remarks"])
    finally:
        desk.run("trunk", "remove", "far")


def test_a_check_tells_that_a_trunk_answers_and_knows_us_and_rings_nobody(desk: Desk) -> None:
    responses = {"OPTIONS": "405 Method Not Allowed", "REGISTER": "200 OK"}
    with Operator(responses) as operator, checked(desk, operator.server, "--register") as (code, told, remarks):
        assert (code, told["options"], told["registration"], told["is_found"]) == (0, 405, 200, True)
        assert ["it answers" in remarks, "knows where we are" in remarks] == [True, True]
        assert ["anonymous" in remarks, "route add" in remarks, "UDP" in remarks] == [True, True, True]
    assert {request.split()[0] for request in operator.asked} == {"OPTIONS", "REGISTER"}


def test_a_check_tells_that_a_trunk_refuses_us(desk: Desk) -> None:
    responses = {"OPTIONS": "200 OK", "REGISTER": "403 Forbidden"}
    with Operator(responses) as operator, checked(desk, operator.server, "--register") as (code, told, remarks):
        assert (code, told["registration"], "403 Forbidden" in remarks) == (1, 403, True)


def test_a_check_tells_that_a_trunk_does_not_answer(desk: Desk) -> None:
    with Operator({}) as operator, checked(desk, operator.server) as (code, told, remarks):
        assert (code, told["options"], told["registration"], "does not answer" in remarks) == (1, 0, None, True)


def test_a_check_tells_that_a_trunks_host_has_no_address(desk: Desk) -> None:
    with checked(desk, "nowhere.invalid") as (code, told, remarks):
        assert (code, told["is_found"], "no address" in remarks) == (1, False, True)


@pytest.mark.parametrize("arguments", [(), ("--password", "-")])
def test_a_password_need_not_be_among_the_arguments(desk: Desk, arguments: tuple[str, ...]) -> None:
    terms = ("trunk", "add", "quiet", "--server", "192.0.2.1", "--username", "u", "--register", *arguments)
    done = subprocess.run(
        [sys.executable, "-m", "portevoix", *terms, "--data", str(desk.data)],
        input=f"{SECRET}\n",
        env={**os.environ, **({} if arguments else {"PORTEVOIX_TRUNK_PASSWORD": SECRET})},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, SECRET in done.stdout + done.stderr) == (0, False), done.stderr
    desk.run("trunk", "remove", "quiet")


@pytest.mark.parametrize(
    "terms",
    [
        ("Bench", "--server", "192.0.2.1"),
        ("bench", "--server", "192.0.2.1:0"),
        ("bench", "--server", "sip:192.0.2.1"),
        ("bench", "--server", "192.0.2.1", "--register"),
        ("bench", "--server", "192.0.2.1", "--username", "u"),
        ("bench", "--server", "192.0.2.1", "--password", SECRET),
        ("bench", "--server", "192.0.2.1", "--caller-id", "15"),
        ("bench", "--server", "192.0.2.1", "--allow-caller", "abc*"),
        ("bench", "--server", "192.0.2.1", "--cps", "0"),
    ],
)
def test_a_trunk_that_is_none_is_refused_in_one_line(desk: Desk, terms: tuple[str, ...]) -> None:
    refused = desk.refuse("trunk", "add", *terms)
    assert refused.startswith("Error: ")
    assert SECRET not in refused
    assert desk.json("trunk", "list") == []


def test_a_number_is_explained_without_being_called(desk: Desk, trunk: str) -> None:
    desk.run("route", "add", "--trunk", trunk, "--prefix", "33", "--price", "0.012")
    desk.run("route", "add", "--trunk", trunk, "--prefix", "337", "--priority", "5", "--dial", "{national}")
    desk.run("route", "add", "--trunk", trunk, "--prefix", "33", "--product", "deposit", "--dial", "*88{digits}")
    told = desk.json("route", "test", "07 10 00 00 00")
    assert [(one["route"], one["price"], one["dial"]) for one in told["routes"]] == [
        ("bench-337", "0", "0710000000"),
        ("bench-33", "0.012", "+33710000000"),
    ]
    assert [("longest" in told["routes"][0]["reason"]), ("shorter" in told["routes"][1]["reason"])] == [True, True]
    assert [one["route"] for one in told["passed_over"]] == ["bench-33-deposit"]
    deposit = desk.json("route", "test", "07 10 00 00 00", "--product", "deposit")
    assert [(one["route"], one["dial"]) for one in deposit["routes"]] == [("bench-33-deposit", "*8833710000000")]
    assert "1. bench-337 over bench as 0710000000" in desk.run("route", "test", "07 10 00 00 00")


def test_what_is_never_dialled_is_said(desk: Desk, trunk: str) -> None:
    desk.run("route", "add", "--trunk", trunk, "--prefix", "4")
    for number, reason in (("06 39 98 00 00", "fiction"), ("+44 20 7946 0123", "gb")):
        told = desk.json("route", "test", number)
        assert (reason in told["forbidden"], told["routes"]) == (True, [])
    environment = {"PORTEVOIX_COUNTRIES_ALLOWED": "gb"}
    done = portevoix("route", "test", "+44 20 7946 0123", "--json", data=desk.data, environment=environment)
    assert (json.loads(done.stdout)["forbidden"], len(json.loads(done.stdout)["routes"])) == (None, 1)
    assert "no route leads there" in desk.run("route", "test", "07 10 00 00 00")


def test_a_number_is_explained_for_an_account_by_what_it_may_call(desk: Desk, trunk: str) -> None:
    desk.run("route", "add", "--trunk", trunk, "--prefix", "33")
    account = desk.json("account", "create", "École")["account"]
    desk.run("account", "allow", account, "--countries", "mq")
    asked = ("route", "test", "07 10 00 00 00")
    assert desk.json(*asked)["forbidden"] is None
    assert "fr" in desk.json(*asked, "--account", account)["forbidden"]
    assert "there is no account" in desk.refuse(*asked, "--account", "acct_000000000000")
    assert "sandbox" in desk.refuse(*asked, "--account", f"{account}/sandbox")


def test_routes_are_listed_and_removed_and_go_with_their_trunk(desk: Desk) -> None:
    desk.run("trunk", "add", "gone", "--server", "192.0.2.1")
    hours = "mon-fri 08:00-20:00"
    desk.run("route", "add", "--trunk", "gone", "--prefix", "33", "--hours", hours, "--name", "daytime")
    desk.run("route", "add", "--trunk", "gone", "--prefix", "33", "--product", "voice")
    assert "already" in desk.refuse("route", "add", "--trunk", "gone", "--prefix", "33", "--product", "voice")
    assert {one["route"]: (one["product"], one["hours"], one["state"]) for one in desk.json("route", "list")} == {
        "daytime": ("both", hours, "up"),
        "gone-33-voice": ("voice", None, "up"),
    }
    assert desk.json("route", "remove", "daytime") == {"route": "daytime", "removed": True}
    assert "no route" in desk.refuse("route", "remove", "daytime")
    assert desk.json("trunk", "remove", "gone") == {"trunk": "gone", "removed": True}
    assert desk.json("route", "list") == []
    assert "no trunk" in desk.refuse("trunk", "check", "gone")


@pytest.mark.parametrize(
    "terms",
    [
        ("--trunk", "nobodys", "--prefix", "33"),
        ("--trunk", "bench", "--prefix", "+33"),
        ("--trunk", "bench", "--prefix", "33", "--dial", "{number}"),
        ("--trunk", "bench", "--prefix", "33", "--hours", "always"),
        ("--trunk", "bench", "--prefix", "33", "--price", "-1"),
        ("--trunk", "bench", "--prefix", "33", "--priority", "1001"),
    ],
)
def test_a_route_that_is_none_is_refused_in_one_line(desk: Desk, trunk: str, terms: tuple[str, ...]) -> None:
    assert desk.refuse("route", "add", *terms).startswith("Error: ")
    assert desk.json("route", "list") == []
