"""A system-call filter for a job: no new process, no socket, no look or signal into other processes (Linux).

Limits alone do not hold for root, whom the kernel lets start processes whatever RLIMIT_NPROC says, and any
user may signal a server of its own. The filter is seccomp's, in classic BPF; a denied call fails with EPERM.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
# struct seccomp_data: number, architecture, instruction pointer, arguments (linux/seccomp.h)
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32_BIT = 0x40000000

# The number of each denied call on x86-64 and on 64-bit ARM, where 64-bit ARM has it.
_DENIED: dict[str, tuple[int, int | None]] = {
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
}
# Column of the table, AUDIT_ARCH_…, and the number of tgkill.
_MACHINES = {"x86_64": (0, 0xC000003E, 234), "aarch64": (1, 0xC00000B7, 131)}


class _Program(ctypes.Structure):
    """struct sock_fprog (linux/filter.h)."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def deny_system_calls() -> bool:
    """Install the filter for this process, for good; it must have given up new privileges before.

    Returns:
        Whether the kernel took it. Other machines than x86-64 and 64-bit ARM have none.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    column, architecture, tgkill = machine
    denied = [number for numbers in _DENIED.values() if (number := numbers[column]) is not None]
    code = _assemble(architecture, tgkill, denied, own_process=os.getpid())
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _assemble(architecture: int, tgkill: int, denied: Sequence[int], own_process: int) -> bytes:
    """The program: jumps are counted from the next instruction; the last three are deny, allow and kill."""
    checks = len(denied) + 3  # the denied calls, then tgkill's own three
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 0, checks + 4, architecture),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, checks, 0, _X32_BIT),  # the other set of numbers that x86-64 has
    ]
    code += [(_JUMP_EQUAL, checks - 1 - index, 0, number) for index, number in enumerate(denied)]
    code += [
        # A signal to itself is how a process aborts; to others, it is denied.
        (_JUMP_EQUAL, 0, 3, tgkill),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_EQUAL, 1, 0, own_process),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _KILL),
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)
