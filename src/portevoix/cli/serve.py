"""portevoix serve: start the server."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from portevoix import bootstrap, metrics
from portevoix.cli.session import data_option, read_settings, told_errors
from portevoix.settings import Settings

#: How long requests under way may take once the server is told to stop; calls have their own time (PORTEVOIX_DRAIN_S),
#: and so has what is to be settled.
STOP_TIMEOUT_S = 30
SETTLE_S = 15
PORT_TIMEOUT_S = 2


@click.command(name="serve")
@click.option("--host", help="The address to listen on [PORTEVOIX_HOST, default 127.0.0.1].")
@click.option("--port", help="The port to listen on [PORTEVOIX_PORT, default 8080].")
@click.option("--workers", help="Processes that answer requests [PORTEVOIX_WORKERS, default 1].")
@data_option
def command(host: str | None, port: str | None, workers: str | None, data: Path | None) -> None:
    """Start the server; Ctrl-C stops it when it has answered the requests under way."""
    settings = read_settings(host=host, port=port, workers=workers, data=data)
    serve(settings, lambda: click.echo(f"Portevoix listens on http://{settings.host}:{settings.port}", err=True))


def serve(settings: Settings, on_start: Callable[[], None]) -> None:
    """Serve until told to stop.

    Args:
        on_start: called when everything is set up, just before the worker processes start.
    """
    with told_errors(), _alone(settings.data):
        must_be_free(settings.host, settings.port)
        with bootstrap.database(settings) as url:
            bootstrap.prepare(settings, url)
            asyncio.run(_try_house(settings, url))
            os.environ.update(settings.environment())
            if settings.workers > 1:
                os.environ.update(metrics.share(settings.data / "metrics"))
            on_start()
            _server(settings).serve()


def _server(settings: Settings) -> MPServer:
    return MPServer(
        "portevoix.bootstrap.process:app",
        factory=True,
        address=settings.host,
        port=settings.port,
        workers=settings.workers,
        interface=Interfaces.ASGI,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_TIMEOUT_S + (settings.drain_s or 0 if settings.work else 0) + SETTLE_S,
    )


async def _try_house(settings: Settings, url: str) -> None:
    """Open the house once before there are workers, so that what is wrong is told here."""
    async with bootstrap.house_of(settings, url, connections=1):
        pass


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Keep a second server away from the data folder; the lock goes with the process, however it ends."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "server.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip()
            raise click.ClickException(f"another server (process {pid}) uses the data folder {data}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def must_be_free(host: str, port: int) -> None:
    """Tell of a port that is taken before anything is started; the workers of a killed server leave it in a moment."""
    deadline = time.monotonic() + PORT_TIMEOUT_S
    while True:
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
            return
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise click.ClickException(f"cannot listen on {host}:{port}: {problem.strerror or problem}") from None
        time.sleep(0.05)
