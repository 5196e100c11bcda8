"""The cookie that a session is known by (RFC 6265bis)."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.types import Scope

from portevoix.domain.person import SESSION_LIFE

#: The prefix has browsers keep it to this host, to this scheme, and away from other paths (RFC 6265bis, 4.1.3.2).
NAME = "__Host-portevoix"

_KEPT = "Path=/; Secure; HttpOnly; SameSite=Lax"


def token_of(scope: Scope) -> str:
    """Read the token; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(NAME)
            except CookieError:
                continue
            if morsel is not None:
                return morsel.value
    return ""


def keep(token: str) -> tuple[bytes, bytes]:
    """Write the header that keeps a token."""
    return b"set-cookie", f"{NAME}={token}; {_KEPT}; Max-Age={int(SESSION_LIFE.total_seconds())}".encode()


def drop() -> tuple[bytes, bytes]:
    """Write the header that drops it."""
    return b"set-cookie", f"{NAME}=; {_KEPT}; Max-Age=0".encode()
