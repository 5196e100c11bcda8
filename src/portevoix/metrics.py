"""Prometheus metrics of the HTTP door, added up over the worker processes of a node."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.api.trace import Answered

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

#: The variable by which prometheus_client shares figures between processes. It is read when that library is
#: imported, so that this module imports it in the worker processes alone.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

#: Prometheus' text format.
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class HttpMetrics:
    """Requests answered, by route, method and status, and how long they took."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self._registry = CollectorRegistry()
        self._requests = Counter(
            "portevoix_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "portevoix_http_request_duration_seconds",
            "Time from a request's arrival to its answer.",
            ("route",),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def observe(self, request: Answered) -> None:
        """Count one answered request."""
        method, route, status, duration_s, *_ = request
        place = (method, route, status)
        counter = self._counters.get(place)
        if counter is None:
            counter = self._counters[place] = self._requests.labels(method, route, str(status))
            self._timers[route] = self._seconds.labels(route)
        counter.inc()
        self._timers[route].observe(duration_s)

    def render(self) -> bytes:
        """Write the figures of all worker processes in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def share(folder: Path) -> dict[str, str]:
    """Empty the folder in which worker processes share their figures; returns the environment that they need."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return {SHARED_FOLDER: str(folder)}
