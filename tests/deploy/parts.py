"""What the tests of what is deployed share: the files, and the programs that read them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


def needs(program: str, package: str) -> pytest.MarkDecorator:
    """Skip where a program is not installed."""
    reason = f"{program} is not installed: apt install {package}"
    return pytest.mark.skipif(shutil.which(program) is None, reason=reason)


def said(*command: str | Path) -> str:
    """Run a program that must succeed; returns all that it said."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout
