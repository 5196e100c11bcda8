"""The wire's XML: whatever is written, a parser reads back."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.api.v1.wire import FieldError, Refusal
from portevoix.api.v1.xml import encode_xml
from tests.wire.parts import DECLARATION

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Anything(msgspec.Struct):
    """A message of any content."""

    value: Any


def parsed(message: msgspec.Struct) -> ElementTree.Element:
    document = encode_xml(message)
    assert document.startswith(DECLARATION.encode())
    return ElementTree.fromstring(document)


def allowed(text: str) -> str:
    """Write a text as XML 1.0 can hold it."""
    return FORBIDDEN.sub("\ufffd", text)


texts = st.one_of(st.text(), st.text(alphabet="\r\n\t <>&\"'\x00\x0b\x7f\x85\u2028\ufffe\ud800]é€😀"))


@given(texts)
def test_any_text_reads_back(text: str) -> None:
    assert (parsed(Refusal(False, 400, text)).findtext("message") or "") == allowed(text)


@given(texts)
def test_any_key_reads_back(key: str) -> None:
    (child,) = parsed(Anything({key: 1})).find("value") or ()
    assert child.text == "1"
    assert (child.get("key") if child.tag == "entry" and "key" in child.attrib else child.tag) == allowed(key)


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "\r", "a\tb\nc"])
def test_the_ends_of_lines_are_kept_as_they_are(text: str) -> None:
    assert parsed(Refusal(False, 400, text)).findtext("message") == text


def test_a_key_that_is_no_xml_name_is_an_entry_with_that_key() -> None:
    written = encode_xml(Anything({"33": {"nbSms": 1}, "cost_unity": 0.15}))
    assert written.decode() == (
        f'{DECLARATION}<result><value><entry key="33"><nbSms>1</nbSms></entry>'
        "<cost_unity>0.15</cost_unity></value></result>"
    )


def test_the_items_of_a_list_are_entries_true_and_false_words_and_null_empty() -> None:
    written = encode_xml(Anything([True, False, None, 0, "", [1]]))
    assert written.decode() == (
        f"{DECLARATION}<result><value><entry>true</entry><entry>false</entry><entry /><entry>0</entry><entry />"
        "<entry><entry>1</entry></entry></value></result>"
    )


def test_several_inputs_at_fault_are_entries_and_where_there_are_none_there_is_no_element() -> None:
    fault = FieldError("phoneNumbers", "DESTINATION_INVALID", "Le numéro <06> & l'autre")
    assert encode_xml(Refusal(False, 400, "Mauvaise requête", [fault])).decode() == (
        f"{DECLARATION}<result><success>false</success><code>400</code><message>Mauvaise requête</message>"
        "<errors><entry><field>phoneNumbers</field><code>DESTINATION_INVALID</code>"
        "<message>Le numéro &lt;06&gt; &amp; l'autre</message></entry></errors></result>"
    )
    assert parsed(Refusal(False, 400, "Mauvaise requête")).find("errors") is None
