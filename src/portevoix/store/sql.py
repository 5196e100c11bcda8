"""Named queries, read from the .sql files beside this module."""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: ([a-z_]+)\n", re.MULTILINE)


def queries(file: str) -> dict[str, bytes]:
    """Read the queries of one file.

    Args:
        file: its name without ``.sql``.

    Returns:
        each query's text by its name, in the file's order.
    """
    text = files("portevoix.store").joinpath("queries", f"{file}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: body.strip().rstrip(";").encode() for name, body in zip(parts[::2], parts[1::2], strict=True)}
