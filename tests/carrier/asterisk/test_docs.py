"""The guide to Asterisk says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portevoix.carrier.asterisk import call, carrier, hearing
from portevoix.domain.number import Number
from portevoix.domain.trunk import DialTemplate, Engine
from portevoix.domain.trunk import Path as Way
from tests.trunks import trunk_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "use-asterisk.md").read_text(encoding="utf-8")
DIALLED = re.findall(r"^\| `([^`]*\{[^`]*)` \| `(\w+/[^`]*)`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("module", [call, carrier, hearing], ids=lambda module: module.__name__)
def test_every_word_of_a_timeline_is_in_the_guide(module: object) -> None:
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    words = re.findall(r'(?:Note\(|\.note\(|what = )"(\w+)"', text) + re.findall(r'else "(\w+)"\n', text)
    assert words
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_what_the_guide_says_that_is_dialled_is_dialled() -> None:
    over = trunk_of("ovh", engine=Engine.ASTERISK)
    number = Number.parse("01 99 00 12 34")
    assert len(DIALLED) >= 3
    for template, dialled in DIALLED:
        assert call.endpoint_of(Way(over, DialTemplate(template).target(number), None)) == dialled
