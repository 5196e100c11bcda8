"""What stands before nodes, run with the files that are deployed: nginx, and PgBouncer."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest

from portevoix.store import embedded
from portevoix.store.database import PATIENCE
from tests.deploy.parts import DEPLOY, needs, said
from tests.parts import PATIENCE_S, Server, free_port

SHOWN = "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "timezone"


@contextmanager
def running(*command: str | Path, port: int, **how: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server beside the block, from when it takes connections."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **how)  # type: ignore[call-overload]
        try:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    log.seek(0)
                    assert process.poll() is None and time.monotonic() < deadline, log.read().decode()
                    time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user may look into."""
    with tempfile.TemporaryDirectory(prefix="portevoix-proxy-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def certificate(folder: Path) -> None:
    """Make a certificate of the test's own."""
    files = ("-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem")
    said(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=voice.example.com",
        *files,
    )


def nginx_of(folder: Path, port: int, nodes: tuple[int, int]) -> Path:
    """Write a whole configuration around the file that is deployed, on other ports and without its machines."""
    text = (DEPLOY / "nginx" / "portevoix.conf").read_text(encoding="utf-8")
    text = text.replace("    listen [::]:443 ssl;\n", "").replace("listen 443", f"listen 127.0.0.1:{port}")
    for number, node in enumerate(nodes, start=1):
        text = text.replace(f"api{number}.example.com:8080", f"127.0.0.1:{node}")
    text = text.replace("/etc/ssl/portevoix", str(folder)).replace("/var/log/nginx", str(folder))
    whole = folder / "nginx.conf"
    temporary = " ".join(
        f"{what}_temp_path {folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\nhttp {{\n{temporary}\n{text}\n}}\n",
        encoding="utf-8",
    )
    return whole


@needs("nginx", "nginx-light")
@needs("openssl", "openssl")
def test_nginx_passes_requests_to_the_node_that_answers_and_believes_no_client(folder: Path, data_folder: Path) -> None:
    certificate(folder)
    trusting = {"PORTEVOIX_TRUSTED_PROXIES": "127.0.0.0/8", "PORTEVOIX_LOG_FORMAT": "json"}
    port = free_port()
    with Server(data_folder, trusting) as node:
        whole = nginx_of(folder, port, (free_port(), node.port))
        with running("nginx", "-c", whole, "-e", folder / "error.log", port=port):
            url = f"https://127.0.0.1:{port}"
            with httpx2.Client(trust_env=False, verify=False, timeout=PATIENCE_S) as http:
                answers = [http.get(f"{url}/readyz").status_code for _ in range(4)]
                http.get(f"{url}/v1/me", headers={"x-forwarded-for": "198.51.100.7"})
                hidden = http.get(f"{url}/metrics").status_code
        told = node.log()
    assert answers == [200] * 4, "the other node is down"
    assert hidden == 404
    assert "198.51.100.7" not in told
    log = (folder / "portevoix.log").read_text(encoding="utf-8")
    assert "/v1/me" not in log, "keys may stand in paths"


@needs("pgbouncer", "pgbouncer")
def test_pgbouncer_gives_sessions_the_patience_that_is_lost_on_the_way_through(folder: Path, url: str) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    port = free_port()
    text = (DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text(encoding="utf-8")
    text = text.replace(
        "host=db1.example.com port=5432 dbname=portevoix", f"host={parts['host']} dbname={parts['dbname']}"
    )
    text = text.replace("listen_port = 6432", f"listen_port = {port}")
    text = text.replace("/etc/pgbouncer/userlist.txt", str(folder / "userlist.txt"))
    (folder / "pgbouncer.ini").write_text(text, encoding="utf-8")
    (folder / "userlist.txt").write_text(f'"{parts["user"]}" "{parts["password"]}"\n', encoding="utf-8")
    how = {}
    if os.geteuid() == 0:  # it refuses root; the socket of PostgreSQL belongs to whom it runs as
        owner = embedded._owner(Path(str(parts["host"])).parent)
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        how = {"user": owner.pw_uid, "group": owner.pw_gid}
    with running(shutil.which("pgbouncer") or "", folder / "pgbouncer.ini", port=port, **how):
        through = f"postgresql://{parts['user']}:{parts['password']}@127.0.0.1:{port}/portevoix"
        with psycopg.connect(through, autocommit=True, prepare_threshold=None) as connection:
            shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in SHOWN]
    assert shown == [("5s",), ("20s",), ("15s",), ("UTC",)]


def test_the_file_of_pgbouncer_has_the_patience_of_direct_connections() -> None:
    direct = dict(re.findall(r"(\w+_timeout)=(\w+)", str(PATIENCE["options"])))
    text = (DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text(encoding="utf-8")
    assert dict(re.findall(r"SET (\w+) = ''(\w+)''", text)) == direct
