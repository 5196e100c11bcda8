"""The wire's messages in XML: an element a field, in the same order and by the same names as in JSON."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def encode_xml(message: msgspec.Struct) -> bytes:
    """Write a message as an XML document.

    Fields become elements; the items of a list ``entry`` elements; a key that is no XML name an ``entry``
    with that key as its attribute; null an empty element; characters that XML 1.0 forbids a replacement mark.
    """
    root = Element("result")
    _fill(root, msgspec.to_builtins(message))
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="UTF-8"?>' + document


def _fill(element: Element, value: object) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _fill(_child(element, str(key)), item)
    elif isinstance(value, list):
        for item in value:
            _fill(SubElement(element, "entry"), item)
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value is not None:
        element.text = _FORBIDDEN.sub("\ufffd", str(value))


def _child(element: Element, key: str) -> Element:
    if _NAME.fullmatch(key):
        return SubElement(element, key)
    return SubElement(element, "entry", {"key": _FORBIDDEN.sub("\ufffd", key)})
