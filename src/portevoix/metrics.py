"""Prometheus metrics, added up over the worker processes of a node."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.domain.dialling import Conclusion
from portevoix.domain.money import MICROS_PER_EURO
from portevoix.web.trace import Answered

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

#: The variable by which prometheus_client shares figures between processes. It is read when that library is
#: imported, so that this module imports it in the worker processes alone.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

#: Prometheus' text format.
CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Requests answered, calls made and notices tried."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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
        self._calls = Counter(
            "portevoix_calls", "Calls that are over.", ("product", "outcome"), registry=self._registry
        )
        self._cost = Counter(
            "portevoix_calls_cost_euros", "What calls have cost.", ("product",), registry=self._registry
        )
        self._notices = Counter(
            "portevoix_notices", "Tries to deliver webhooks and mails.", ("kind", "result"), registry=self._registry
        )
        self._alarms = Counter(
            "portevoix_velocity_alarms",
            "Accounts that sent more within an hour than is usual.",
            registry=self._registry,
        )
        self._held = Gauge(
            "portevoix_dialling_held",
            "Whether nothing is dialled until 'portevoix recover' says what became of a restored database.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._sip = Counter(
            "portevoix_sip", "What SIP met: strangers, malformed messages, stalls.", ("what",), registry=self._registry
        )
        self._not_kept = Counter(
            "portevoix_http_requests_not_kept",
            "Requests that the request log left out.",
            ("reason",),
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

    def settled(self, concluded: Sequence[Conclusion]) -> None:
        """Count calls that are over."""
        for one in concluded:
            if one.cost_micros is not None:
                self._calls.labels(one.filed.product, one.filed.report.outcome).inc()
                self._cost.labels(one.filed.product).inc(one.cost_micros / MICROS_PER_EURO)

    def tried(self, kind: str, result: str) -> None:
        """Count one try of a webhook or a mail."""
        self._notices.labels(kind, result).inc()

    def alarmed(self, accounts: int) -> None:
        """Count accounts that sent more within an hour than is usual."""
        self._alarms.inc(accounts)

    def held(self, *, is_held: bool) -> None:
        """Tell whether nothing is dialled until the operator has decided."""
        self._held.set(is_held)

    def sip_counted(self, counts: Mapping[str, int]) -> None:
        """Count what SIP has met since the last time, by name."""
        for what, count in counts.items():
            self._sip.labels(what).inc(count)

    def not_kept(self, reason: str, requests: int) -> None:
        """Count requests that the request log left out."""
        self._not_kept.labels(reason).inc(requests)

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
