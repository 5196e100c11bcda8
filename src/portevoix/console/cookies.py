"""The cookie that a session is known by (RFC 6265bis)."""

from __future__ import annotations

from starlette.requests import cookie_parser
from starlette.types import Scope

from portevoix.domain.person import SESSION_LIFE

#: The prefix has browsers keep it to this host, to this scheme, and away from other paths (RFC 6265bis, 4.1.3.2).
NAME = "__Host-portevoix"

_KEPT = "Path=/; Secure; HttpOnly; SameSite=Lax"


def token_of(scope: Scope) -> str:
    """Read the token; empty where there is none. Cookies of others on this host may be written in any way."""
    for name, value in scope["headers"]:
        if name == b"cookie" and (token := cookie_parser(value.decode("latin-1")).get(NAME)):
            return token
    return ""


def keep(token: str) -> tuple[bytes, bytes]:
    """Write the header that keeps a token."""
    return b"set-cookie", f"{NAME}={token}; {_KEPT}; Max-Age={int(SESSION_LIFE.total_seconds())}".encode()


def drop() -> tuple[bytes, bytes]:
    """Write the header that drops it."""
    return b"set-cookie", f"{NAME}=; {_KEPT}; Max-Age=0".encode()
