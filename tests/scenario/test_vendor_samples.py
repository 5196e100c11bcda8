"""What the vendor's documentation tells its customers to write, in its eight languages, gets a right answer here.

Each sample is a plain GET of ``/v1/me/KEY`` that prints or parses the JSON; its arguments are the base URL and the key.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import NOT_ON_DEBIAN
from tests.parts import PATIENCE_S, Server

SAMPLES = Path(__file__).parent / "samples"
ANSWER = {
    "success": True,
    "credit": "19",
    "currency": "€",
    "details": {
        "tts": {"h": 5, "m": 16, "s": 40},
        "tts_fixe": {"h": 10, "m": 33, "s": 20},
        "voice": {"message": 126},
    },
}


class Language(NamedTuple):
    """How a sample is run.

    Args:
        build: the command that compiles it in an empty folder, if one is needed.
        run: the command that runs it there.
        prints_json: whether it prints the answer as it came; else the credit that it parsed.
    """

    file: str
    run: tuple[str, ...]
    prints_json: bool
    build: tuple[str, ...] = ()


LANGUAGES = {
    "PHP": Language("me.php", ("php", "me.php"), False),
    "VB.net": Language("me.vb", ("mono", "me.exe"), True, ("vbnc", "-out:me.exe", "me.vb")),
    "Python": Language("me.py", (sys.executable, "me.py"), False),
    "cURL": Language("me.sh", ("sh", "me.sh"), True),
    "Node.js": Language("me.js", ("node", "me.js"), False),
    "Java": Language("Me.java", ("java", "Me.java"), True),
    "Go": Language("me.go", ("./me",), True, ("go", "build", "-o", "me", "me.go")),
    "C#": Language("Me.cs", ("mono", "Me.exe"), True, ("mcs", "Me.cs")),
}

#: Commands that Debian's packages do not have.
NOT_PACKAGED = {"vbnc"}


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """A key of an account with 19 €."""
    opened = server.run("account", "create", "Samples", "--credit", "19", "--json")
    return str(opened["live_key"])


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_sample_gets_a_right_answer(name: str, server: Server, key: str, tmp_path: Path) -> None:
    language = LANGUAGES[name]
    needed = {command[0] for command in (language.build, language.run) if command and "/" not in command[0]}
    needed |= {"curl"} if name == "cURL" else set()
    for command in sorted(needed):
        if shutil.which(command) is None:
            why = NOT_ON_DEBIAN if command in NOT_PACKAGED else "it is not installed"
            pytest.skip(f"{name} needs {command}: {why}")
    shutil.copy(SAMPLES / language.file, tmp_path)
    if language.build:
        subprocess.run(language.build, cwd=tmp_path, check=True, capture_output=True, timeout=PATIENCE_S * 3)
    done = subprocess.run(
        [*language.run, server.url, key], cwd=tmp_path, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    printed = done.stdout.decode("utf-8").strip()
    if language.prints_json:
        assert json.loads(printed) == ANSWER
    else:
        assert printed == "19 €"
