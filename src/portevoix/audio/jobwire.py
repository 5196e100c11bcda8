"""What the server and its sandbox say to each other: fixed-size control messages, and one socket a job.

The job's socket is made by the server and handed over with the request (SCM_RIGHTS), so a job that has gone
bad can write nothing but its own answer.
"""

from __future__ import annotations

import struct

REQUEST = struct.Struct("<BI")
"""To the sandbox: verb, job number. ``RUN`` bears the job's socket."""
RUN, KILL = 1, 2

NOTICE = struct.Struct("<BIiQ")
"""From the sandbox: kind, job number, wait status (``os.waitstatus_to_exitcode``), peak memory in bytes."""
READY, EXITED = 1, 2

LENGTH = struct.Struct("<I")
"""Before the set-up, which is the first thing that the server says: its length, then as much JSON."""

LENGTHS = struct.Struct("<II")
"""Before each half of a job's dialogue: length of the JSON header, length of the body."""

OUT_OF_MEMORY, OUTPUT_TOO_LARGE, FAULT = "out_of_memory", "output_too_large", "fault"
"""Errors that the sandbox itself tells, beside the codes of the domain."""
