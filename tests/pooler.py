"""A real PgBouncer before a database, in transaction mode."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tests.parts import PATIENCE_S, free_port

#: Where Debian keeps it: not on every PATH.
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

#: As docs/how-to/external-postgresql.md has it.
CONNECT_QUERY = (
    "SET lock_timeout = ''5s''; SET statement_timeout = ''20s''; SET idle_in_transaction_session_timeout = ''15s''"
)


@contextmanager
def pooler(url: str, *, sessions: int = 3, connect_query: str = CONNECT_QUERY) -> Iterator[str]:
    """Run it before a database of the embedded server; gives the URL through it.

    Args:
        sessions: how many to the database, for all who come.
        connect_query: what sets them.
    """
    assert PROGRAM is not None
    known, port = conninfo_to_dict(url), free_port()
    where = f"host={known['host']} port=5432 dbname={known['dbname']} user={known['user']} password={known['password']}"
    with tempfile.TemporaryDirectory(prefix="portevoix-pooler-") as folder:
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(
            f"""[databases]
{known["dbname"]} = {where} timezone=UTC connect_query='{connect_query}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
""",
            encoding="utf-8",
        )
        owner = pwd.getpwuid(Path(str(known["host"])).stat().st_uid).pw_name
        user = ["-u", owner] if os.geteuid() == 0 else []
        log = Path(folder) / "pgbouncer.log"
        with log.open("wb") as written:
            process = subprocess.Popen([PROGRAM, "-q", *user, settings], stdout=written, stderr=written)
        try:
            _await(port, process, log)
            yield f"postgresql://{known['user']}@127.0.0.1:{port}/{known['dbname']}"
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"the pooler does not run: {log.read_text(encoding='utf-8')}")
