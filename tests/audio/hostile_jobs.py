"""Jobs that behave as badly as native code can; loaded into the sandbox by the tests."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np


def _told(_arguments, body):
    return {"bytes": len(body)}, body[::-1]


def _hang(arguments, _body):
    Path(arguments["tell"]).write_bytes(b"!")
    signal.pause()


def _spin(_arguments, _body):
    while True:
        pass


def _bomb(_arguments, _body):
    kept = []
    while True:
        kept.append(np.ones(4_000_000))


def _native_bomb(_arguments, _body):
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    sizes = 0
    while libc.malloc(1 << 24):
        sizes += 1
    raise MemoryError(sizes)


def _segfault(_arguments, _body):
    ctypes.string_at(0)


def _abort(_arguments, _body):
    ctypes.CDLL(None).abort()


def _leave(_arguments, _body):
    os._exit(0)


def _fault(_arguments, _body):
    raise ValueError("told to")


def _flood(arguments, _body):
    return {}, bytes(arguments["bytes"])


def _lie(arguments, _body):
    """Answer past the sandbox's own code, as a job that has been taken over would."""
    socket.socket(fileno=3).sendall(bytes.fromhex(arguments["hex"]))
    os._exit(0)


def _try(action):
    try:
        action()
    except (OSError, ValueError) as error:
        return type(error).__name__
    return "done"


def _reach_out(arguments, _body):
    """Try what a job must not be able to do; tell how each went."""

    def connect():
        with socket.socket() as outside:
            outside.settimeout(5)
            outside.connect(("127.0.0.1", arguments["port"]))

    def signal_thread():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(arguments["tgkill"], arguments["server"], arguments["server"], 0) != 0:
            raise OSError(ctypes.get_errno(), "tgkill")

    return {
        "read": _try(lambda: Path("/etc/hostname").read_bytes()),
        "write": _try(lambda: Path(arguments["path"]).write_bytes(b"x")),
        "connect": _try(connect),
        "fork": _try(lambda: subprocess.run([sys.executable, "-c", "0"], check=False)),
        "kill": _try(lambda: os.kill(arguments["server"], 0)),
        "thread_kill": _try(signal_thread),
        "environment": sorted(os.environ),
        "descriptors": sorted(int(each.name) for each in Path("/proc/self/fd").iterdir()) if arguments["list"] else [],
    }, b""


JOBS = {
    "test.told": _told,
    "test.hang": _hang,
    "test.spin": _spin,
    "test.bomb": _bomb,
    "test.native_bomb": _native_bomb,
    "test.segfault": _segfault,
    "test.abort": _abort,
    "test.leave": _leave,
    "test.fault": _fault,
    "test.flood": _flood,
    "test.lie": _lie,
    "test.reach_out": _reach_out,
}


def warm_up(settings):
    if settings.get("refuse"):
        raise RuntimeError("told to")
