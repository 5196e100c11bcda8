"""What a migration may do while nodes of the version before are at work."""

from __future__ import annotations

import re

#: What takes something away from a node of before, or makes its calls wait while tables are read through.
_FAULTS = {
    "drops": r"\bDROP\s+(?!INDEX\s+CONCURRENTLY|NOT\s+NULL|TRIGGER)",
    "renames": r"\bRENAME\b",
    "changes a type": r"\bALTER\s+(?:COLUMN\s+)?\w+\s+(?:SET\s+DATA\s+)?TYPE\b",
    "gives an enum a value that nodes of before cannot read": r"\bADD\s+VALUE\b",
    "wants a value": r"\bSET\s+NOT\s+NULL\b",
    "reads a table through for a constraint": r"\bADD\s+CONSTRAINT\b(?![^;,]*\bNOT\s+VALID\b)",
    "changes rows": r"^\s*(?:UPDATE|DELETE|TRUNCATE)\b",
}
NOT_EMPTY = "adds a column that nodes of before leave empty"

_CREATED = re.compile(r"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", re.IGNORECASE)
_INDEX = re.compile(r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(IF\s+NOT\s+EXISTS\s+)?\w+\s+ON\s+(\w+)", re.IGNORECASE)
_BODY = re.compile(r"\$\$.*?\$\$", re.DOTALL)
_REMARK = re.compile(r"--.*$", re.MULTILINE)
_ADDED = re.compile(r"\bADD\s+(?:COLUMN\s+)?(?!CONSTRAINT\b|VALUE\b)(\w+)\s+([^;,]*)", re.IGNORECASE)


def is_contracting(sql: str) -> bool:
    """Whether a migration says that it takes something away."""
    return sql.startswith("-- contract: since ")


def faults(sql: str) -> list[str]:
    """Tell what keeps a migration from being applied beside nodes of the version before; nothing where none does."""
    plain = _REMARK.sub("", _BODY.sub("", sql))
    flags = re.IGNORECASE | re.MULTILINE
    found = [what for what, pattern in _FAULTS.items() if re.search(pattern, plain, flags)]
    found += [NOT_EMPTY for _, column in _ADDED.findall(plain) if _leaves_empty(column)]
    created = {name.lower() for name in _CREATED.findall(plain)}
    found += [
        f"makes calls wait for an index on {table}: make it CONCURRENTLY before, and IF NOT EXISTS here"
        for is_kind, table in _INDEX.findall(plain)
        if table.lower() not in created and not is_kind
    ]
    return found


def _leaves_empty(column: str) -> bool:
    words = column.upper()
    return "NOT NULL" in words and "DEFAULT" not in words and "GENERATED" not in words
