"""The wire's messages in XML: an element a field, in the same order and by the same names as in JSON."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

import msgspec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KEPT = {"\r": "&#13;"}  # as a plain character, it would be read back as a line feed


def encode_xml(message: msgspec.Struct) -> bytes:
    """Write a message as an XML document.

    Fields become elements; the items of a list ``entry`` elements; a key that is no XML name an ``entry``
    with that key as its attribute; null an empty element; characters that XML 1.0 forbids a replacement mark.
    """
    document = f'<?xml version="1.0" encoding="UTF-8"?>{_element("result", msgspec.to_builtins(message))}'
    return document.encode()


def _element(name: str, value: object) -> str:
    opening, closing = (name, name) if _NAME.fullmatch(name) else (f"entry key={quoteattr(_clean(name))}", "entry")
    content = _content(value)
    return f"<{opening}>{content}</{closing}>" if content else f"<{opening} />"


def _content(value: object) -> str:
    if isinstance(value, dict):
        return "".join(_element(str(key), item) for key, item in value.items())
    if isinstance(value, list):
        return "".join(_element("entry", item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else escape(_clean(str(value)), _KEPT)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
