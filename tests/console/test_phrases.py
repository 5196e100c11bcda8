"""What other rooms say in English is said in French in the console."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.resources import files

import pytest

from portevoix.console.phrases import CALLS, WEBHOOKS, phrase
from portevoix.console.texts import texts_in
from portevoix.domain.errors import TariffInvalid
from portevoix.domain.person import Language
from portevoix.domain.tariff_file import LONGEST_LINE, MOST_LINES, parse_rates

FRENCH, ENGLISH = texts_in(Language.FR), texts_in(Language.EN)
SPEAKERS = ("notify/webhooks.py", "notify/guard.py", "carrier/sip/session.py")

HEADER = "product,prefix,price,connection_fee,minimum_s,increment_s"
BAD_FILES = (
    "",
    HEADER,
    "product,colour",
    "\n".join([HEADER, *[""] * MOST_LINES]),
    "\n".join(
        (
            HEADER,
            "voice_pigeon,33,0.06,0,0,1",
            "voice_mobile,thirty,0.06,0,0,1",
            "voice_mobile,34,1e3,0,0,1",
            "voice_mobile,34,9999999999,0,0,1",
            "voice_mobile,34,0.06,-1,0,1",
            "voice_mobile,36,0.06,0,1.5,1",
            "voice_mobile,36,0.06,0,9999,1",
            "voice_mobile,37,0.06,0,0,0",
            "deposit,38,0.06,0,1,1",
            "voice_mobile,33,0.07,0,0,1",
            "voice_mobile,33,0.07,0,0,1",
            "voice_mobile,39,0.06",
            "voice_mobile,,0.06,0,0,1",
            'voice_mobile,33,"0.06,0,0,1',
            "9" * (LONGEST_LINE + 1),
        )
    ),
)


def sentences(source: str) -> Iterator[str]:
    """What a file may say: its texts, with ``%s`` where something is put in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "%s" for part in node.values)


def problems(text: str) -> list[str]:
    with pytest.raises(TariffInvalid) as refused:
        parse_rates(text)
    return [problem for _, problem in refused.value.problems]


@pytest.mark.parametrize("text", BAD_FILES, ids=["empty", "no rates", "no header", "too long", "bad lines"])
def test_every_bad_line_of_a_tariff_is_told_in_french(text: str) -> None:
    said = problems(text)
    assert [problem for problem in said if phrase(FRENCH, problem) == problem] == []
    assert [phrase(ENGLISH, problem) for problem in said] == said


def test_what_was_written_stays_as_it_was() -> None:
    assert phrase(FRENCH, "price: not a sum in euros: '1e3' (write 19 or 0.05, at most six places)") == (
        "price : ce n’est pas une somme en euros : '1e3' (écrivez 19 ou 0.05, six décimales au plus)"
    )
    assert phrase(FRENCH, "the host 100%s.example is not known") == "l’hôte 100%s.example est inconnu"


@pytest.mark.parametrize("sentence", [*WEBHOOKS, *CALLS])
def test_a_sentence_that_is_known_here_is_said_somewhere(sentence: str) -> None:
    room = files("portevoix")
    said = {one for file in SPEAKERS for one in sentences(room.joinpath(file).read_text(encoding="utf-8"))}
    assert sentence in said


def test_what_nobody_knows_is_said_as_it_is() -> None:
    assert phrase(FRENCH, "code=486") == "code=486"
